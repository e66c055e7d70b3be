"""The instances that launch jobs tell of, which DRS may not list yet, or not any more."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from drs_provider.exceptions import DrsError
from drs_provider.hooks.drs_api import DrsApi
from drs_provider.hooks.errors import AWS_ERRORS
from drs_provider.plan.drs_model import JobView, RecoveryInstanceView, launched_instances, parse_log

log = logging.getLogger(__name__)


def told_instances(
    drs: DrsApi,
    launches: Sequence[JobView],
    views: Sequence[RecoveryInstanceView],
    logged: dict[str, list[str]],
) -> tuple[set[str], Exception | None]:
    """Return the instances that launch jobs tell of, and why a job's log could not be read.

    A job's log is read where neither its rows nor a recovery instance tell the instance of a launched server.

    :param logged: COMPLETED job -> instances that its log tells: read once, and added to
    """
    told = {row.recovery_instance_id for job in launches for row in job.servers if row.recovery_instance_id}
    problem: Exception | None = None
    for job in launches:
        if job.job_id in logged or not job.lacks_instances(views):
            continue
        try:
            lines = parse_log(drs.job_log(job.job_id))
        except (*AWS_ERRORS, DrsError) as error:
            log.warning("Log of job %s: %s", job.job_id, error)
            problem = error
            continue
        ids = sorted(launched_instances(lines).values())
        told |= set(ids)
        if job.completed:
            logged[job.job_id] = ids
    return told.union(*logged.values()), problem
