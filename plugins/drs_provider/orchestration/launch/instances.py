"""Instances that launch jobs tell of, or leave: DRS may not list them yet, not any more, or never."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from drs_provider.exceptions import DrsError
from drs_provider.hooks.aws.errors import AWS_ERRORS
from drs_provider.hooks.drs.drs_api import DrsApi
from drs_provider.hooks.ec2.ec2_api import Ec2Api, Row
from drs_provider.hooks.ec2.ec2_rows import instance_exists
from drs_provider.orchestration.launch.launch_into import launched_into
from drs_provider.rules.drs.jobs import JobView, launched_instances, parse_log
from drs_provider.rules.drs.recovery_instances import RecoveryInstanceView, instance_ids
from drs_provider.rules.drs.unlisted import (
    UnlistedInstance,
    leaving_jobs,
    tagged_instances,
    unlisted_instances,
)

log = logging.getLogger(__name__)


#: launch job -> source server -> EC2 instance
Told = dict[str, dict[str, str]]


def told_instances(
    drs: DrsApi, launches: Sequence[JobView], views: Sequence[RecoveryInstanceView], told: Told
) -> tuple[set[str], dict[str, Exception]]:
    """Return the instances that launch jobs tell of, and job -> why its log could not be read.

    A job's log is read as long as nothing else tells the instance of a server that it launched.

    :param told: of COMPLETED jobs, what was told so far, by whatever; added to. DRS forgets recovery instances
    """
    found = {instance for job in launches for instance in job.instance_ids}
    unread: dict[str, Exception] = {}
    for job in launches:
        known = {**told.get(job.job_id, {}), **job.told_by(views)}
        if job.untold(known):
            try:
                known |= launched_instances(parse_log(drs.job_log(job.job_id), job.job_id))
            except (*AWS_ERRORS, DrsError) as error:
                log.warning("Log of job %s: %s", job.job_id, error)
                unread[job.job_id] = error
        found |= set(known.values())
        if job.completed and known:
            told[job.job_id] = known
    return found.union(*(servers.values() for servers in told.values())), unread


def told_by_tags(ec2: Ec2Api, launches: Sequence[JobView]) -> tuple[Told, list[Row]]:
    """Return what EC2's tags tell of instances that the jobs leave untold, gone ones too; and those that exist.

    EC2 is asked only if a server of a COMPLETED job was not launched, or its instance is not told.
    """
    jobs = leaving_jobs(launches)
    rows = list(ec2.instances_of_jobs(jobs).values()) if jobs else []
    told: Told = {}
    # Of several, one that exists counts.
    for row in sorted(rows, key=instance_exists):
        for item in tagged_instances([row], launches):
            told.setdefault(item.job_id, {})[item.source_server_id] = item.instance_id
    return told, [row for row in rows if instance_exists(row)]


def left_in_ec2(
    drs: DrsApi, ec2: Ec2Api, launches: Sequence[JobView], views: Sequence[RecoveryInstanceView]
) -> tuple[tuple[UnlistedInstance, ...], Told]:
    """Return the instances that launches left in EC2, and that DRS does not list; and what EC2's tags tell.

    A launch configuration that cannot be read hides nothing: what is found here is named, never terminated.

    :param launches: with the instances that their logs tell
    :param views: every recovery instance of the jobs' servers
    """
    launches = [job.with_instances(job.told_by(views)) for job in launches]
    told, rows = told_by_tags(ec2, launches)
    found = unlisted_instances(rows, launches, instance_ids(views))
    into = launched_into(drs, {item.source_server_id for item in found}).instances.values() if found else ()
    return tuple(item for item in found if item.instance_id not in into), told
