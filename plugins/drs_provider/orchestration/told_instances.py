"""What launch jobs tell of, or leave: servers, and instances that DRS may not list yet, not any more, or never."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from drs_provider.exceptions import DrsError, DrsIncompleteAnswerError
from drs_provider.hooks.drs_api import DrsApi
from drs_provider.hooks.ec2_api import Ec2Api
from drs_provider.hooks.ec2_rows import instance_exists
from drs_provider.hooks.errors import AWS_ERRORS
from drs_provider.orchestration.launched_into import launched_into
from drs_provider.plan.drs_model import JobView, launched_instances, parse_log
from drs_provider.plan.frozen import FrozenWave
from drs_provider.plan.ownership import OwnedJob
from drs_provider.plan.recovery_instances import RecoveryInstanceView, instance_ids
from drs_provider.plan.unlisted import UnlistedInstance, leaving_jobs, unlisted_instances

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


def left_in_ec2(
    drs: DrsApi, ec2: Ec2Api, launches: Sequence[JobView], views: Iterable[RecoveryInstanceView]
) -> tuple[UnlistedInstance, ...]:
    """Return the instances that failed launches left in EC2, and that DRS does not list.

    EC2 is asked only if a server of a COMPLETED job was not launched. A launch configuration that cannot be read hides
    nothing: what is found here is named, never terminated.

    :param views: every recovery instance of the jobs' servers
    """
    jobs = leaving_jobs(launches)
    rows = [row for row in ec2.instances_of_jobs(jobs).values() if instance_exists(row)] if jobs else []
    found = unlisted_instances(rows, launches, instance_ids(views))
    into = launched_into(drs, {item.source_server_id for item in found}).instances.values() if found else ()
    return tuple(item for item in found if item.instance_id not in into)


def require_servers(wave: FrozenWave, owned: Iterable[OwnedJob]) -> None:
    """Look that our jobs tell which servers they hold: one that does not seem to be in a job would be launched again.

    :raises DrsIncompleteAnswerError: if a server of the wave may be one that DRS does not name
    """
    jobs = [own.job for own in owned]
    named = {server for job in jobs for server in job.server_ids}
    for job in jobs:
        # A running job that names none yet is waited for; a COMPLETED one would be passed over.
        hides = job.unnamed or (job.completed and not job.servers)
        if hides and set(wave.server_ids) - named:
            raise DrsIncompleteAnswerError(
                f"DescribeJobs lists {len(job.unnamed) or 'its'} servers of {job.job_id}, a job of this execution, "
                f"without sourceServerID: which servers of wave {wave.number} ({wave.name}) it holds is not known"
            )
