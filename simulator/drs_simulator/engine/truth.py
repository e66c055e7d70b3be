"""What really happened, whatever the API shows of it: for tests and for people who watch a rehearsal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drs_simulator.engine.entities import Job, RegionState


def all_jobs(regions: Iterable[RegionState]) -> list[dict[str, Any]]:
    """Every job of every Region, also those that are not visible yet, with their tags and instances.

    Times are epoch seconds, simulated.
    """
    return [_job(state, job) for state in regions for job in state.jobs.values()]


def _job(state: RegionState, job: Job) -> dict[str, Any]:
    return {
        "account": state.place.account_id,
        "region": state.place.region,
        "job_id": job.job_id,
        "kind": job.kind,
        "initiated_by": job.initiated_by,
        "status": job.status,
        "created_at": job.created_at,
        "ended_at": job.ended_at,
        "tags": dict(job.tags),
        "servers": [
            {
                "server_id": part.server_id,
                "launch_status": part.launch_status,
                "instance_id": part.instance_id,
            }
            for part in job.servers
        ],
    }
