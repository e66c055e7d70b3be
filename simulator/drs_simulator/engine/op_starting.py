"""The operations that start jobs, and the rules that refuse them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drs_simulator.engine.context import Call
from drs_simulator.engine.entities import Job, JobServer
from drs_simulator.engine.errors import access_denied, conflict, invalid, quota_exceeded
from drs_simulator.engine.jobs import new_job
from drs_simulator.engine.launching import start_launch
from drs_simulator.engine.quotas import CODES
from drs_simulator.engine.rights import START_RECOVERY, Effect, lacking
from drs_simulator.engine.snapshots import Snapshot, find_snapshot
from drs_simulator.engine.staging import convert_in_staging_accounts
from drs_simulator.engine.terminating import start_terminate
from drs_simulator.engine.views import job_view

BUSY = "One or more of the Source Servers included in API call are currently being processed by a Job"


def start_recovery(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """Launch servers in one job. One busy server refuses the whole call; nothing is idempotent."""
    wanted = params["sourceServers"]
    ids = [item["sourceServerID"] for item in wanted]
    tags = dict(params.get("tags") or {})
    if tags and call.caller.lacks("drs:TagResource"):
        # Tags at creation need the right to tag.
        raise access_denied(call.caller.arn, "drs:TagResource", call.state.arn("job", "*"))
    lack = lacking(START_RECOVERY, call.caller, call.world.scenario.denied_effects)
    if lack is not None and lack[1] is Effect.REFUSED:
        raise access_denied(call.caller.arn, lack[0].action, "*")
    _check_known(call, ids)
    chosen = {item["sourceServerID"]: _chosen_snapshot(call, item) for item in wanted}
    _check_free(call, ids)
    _check_quotas(call, len(ids))
    initiated_by = "START_DRILL" if params.get("isDrill") else "START_RECOVERY"
    parts = [JobServer(server_id) for server_id in ids]
    job = new_job(call, call.state.place, "LAUNCH", initiated_by, parts, tags)
    start_launch(call.world, call.state, job, chosen, call.caller)
    convert_in_staging_accounts(call, job)
    return {"job": _fresh_view(job)}


def terminate_recovery_instances(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """Terminate recovery instances in one job."""
    ids: list[str] = list(dict.fromkeys(params["recoveryInstanceIDs"]))
    unknown = [i for i in ids if i not in call.state.instances]
    if unknown:
        # Assumed: the operation declares no 404.
        raise invalid(
            f"Recovery instances not found: {', '.join(unknown)}", ("recoveryInstanceIDs", "unknown id")
        )
    instances = [call.state.instances[i] for i in ids]
    _check_free(call, [instance.server_id for instance in instances])
    _check_quotas(call, len(ids))
    parts = [
        JobServer(instance.server_id, instance_id=instance.instance_id, instance_named=True)
        for instance in instances
    ]
    job = new_job(call, call.state.place, "TERMINATE", "TERMINATE_RECOVERY_INSTANCES", parts, {})
    start_terminate(call.world, call.state, job, call.caller)
    return {"job": _fresh_view(job)}


def _fresh_view(job: Job) -> dict[str, Any]:
    # The answer to the caller who set them shows the tags, whatever DescribeJobs shows later.
    return job_view(job, job.created_at if job.tags_visible_at is None else job.tags_visible_at)


def _check_known(call: Call, ids: Sequence[str]) -> None:
    if len(set(ids)) != len(ids):
        raise invalid("A source server is listed twice.", ("sourceServers", "duplicate sourceServerID"))
    unknown = [i for i in ids if i not in call.state.servers]
    if unknown:
        # Assumed: the operation declares no 404.
        raise invalid(f"Source servers not found: {', '.join(unknown)}", ("sourceServers", "unknown id"))


def _chosen_snapshot(call: Call, item: dict[str, Any]) -> Snapshot | None:
    snapshot_id = item.get("recoverySnapshotID")
    if not snapshot_id:
        return None
    snapshot = find_snapshot(call.state.servers[item["sourceServerID"]], snapshot_id, call.now)
    if snapshot is None:
        # Assumed: the operation declares no 404.
        raise invalid(
            f"Recovery snapshot {snapshot_id} not found for {item['sourceServerID']}",
            ("sourceServers.recoverySnapshotID", "unknown id"),
        )
    return snapshot


def _check_free(call: Call, ids: Sequence[str]) -> None:
    servers = call.state.servers
    busy = next((i for i in ids if i in servers and servers[i].busy_with), None)
    if busy is not None:
        raise conflict(BUSY, busy, "SourceServer")


def _check_quotas(call: Call, count: int) -> None:
    quotas = call.world.scenario.quotas
    open_jobs = list(call.state.open_jobs())
    in_jobs = sum(len(job.servers) for job in open_jobs)
    if count > quotas.servers_per_job:
        raise quota_exceeded("Too many source servers in a single job.", CODES["servers_per_job"])
    if len(open_jobs) + 1 > quotas.jobs:
        raise quota_exceeded("Too many concurrent jobs in progress.", CODES["jobs"])
    if in_jobs + count > quotas.servers_in_jobs:
        raise quota_exceeded("Too many source servers in all jobs.", CODES["servers_in_jobs"])
