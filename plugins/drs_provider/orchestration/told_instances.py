"""What launch jobs tell of: their servers, and instances that DRS may not list yet, or not any more."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from drs_provider.exceptions import DrsError, DrsIncompleteAnswerError
from drs_provider.hooks.drs_api import DrsApi
from drs_provider.hooks.errors import AWS_ERRORS
from drs_provider.plan.drs_model import JobView, launched_instances, parse_log
from drs_provider.plan.frozen import FrozenWave
from drs_provider.plan.ownership import OwnedJob
from drs_provider.plan.recovery_instances import RecoveryInstanceView

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
    told = {instance for job in launches for instance in job.instance_ids}
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


def require_servers(wave: FrozenWave, owned: Iterable[OwnedJob]) -> None:
    """Look that our jobs tell which servers they hold: one that does not seem to be in a job would be launched again.

    :raises DrsIncompleteAnswerError: if a server of the wave may be one that DRS does not name
    """
    jobs = [own.job for own in owned]
    named = {server for job in jobs for server in job.server_ids}
    for job in jobs:
        if job.unnamed and set(wave.server_ids) - named:
            raise DrsIncompleteAnswerError(
                f"DescribeJobs lists {len(job.unnamed)} servers of {job.job_id}, a job of this execution, without "
                f"sourceServerID: which servers of wave {wave.number} ({wave.name}) it holds is not known"
            )
