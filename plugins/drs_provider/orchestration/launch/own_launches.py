"""What a start must know of the launches that it has already: their servers, and their instances."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from drs_provider.exceptions import DrsIncompleteAnswerError
from drs_provider.hooks.ec2.ec2_api import Ec2Api
from drs_provider.orchestration.launch.instances import told_by_tags
from drs_provider.orchestration.launch.request import StartRequest
from drs_provider.rules.drs.jobs import JobView, launched_instances, parse_log
from drs_provider.rules.drs.recovery_instances import RecoveryInstanceView
from drs_provider.rules.wave.ownership import OwnedJob
from drs_provider.runtime.execution import AwsAccess


def require_servers(request: StartRequest, owned: Iterable[OwnedJob]) -> None:
    """Look that our jobs tell which servers they hold: one that does not seem to be in a job would be launched again.

    :raises DrsIncompleteAnswerError: if a server of the request may be one that DRS does not name
    """
    jobs = [own.job for own in owned]
    named = {server for job in jobs for server in job.server_ids}
    for job in jobs:
        # A running job that names none yet is waited for; a COMPLETED one would be passed over.
        hides = job.unnamed or (job.completed and not job.servers)
        if hides and set(request.server_ids) - named:
            raise DrsIncompleteAnswerError(
                f"DescribeJobs lists {len(job.unnamed) or 'its'} servers of {job.job_id}, a job of this execution, "
                f"without sourceServerID: which servers of {request.name} it holds is not known"
            )


def with_instances(
    request: StartRequest,
    aws: AwsAccess,
    owned: Iterable[OwnedJob],
    views: Collection[RecoveryInstanceView],
    cleaned_up: Collection[str],
) -> tuple[OwnedJob, ...]:
    """Return our jobs with the instances that nothing but their logs, or EC2's tags, tell.

    An instance that was taken out of DRS lives on in EC2: launched again, there would be two of the server. EC2 is
    asked for earlier attempts that are not cleaned up: the servers of this one are not launched again anyway.

    :param views: the recovery instances of the request's servers
    :param cleaned_up: jobs whose instances are proven to be gone
    :raises Exception: what DRS or EC2 raise: without their answer nothing is started
    """
    drs = aws.drs(request.target)
    named = []
    for own in owned:
        job = own.job
        if job.lacks_instances(views):
            job = job.with_instances(launched_instances(parse_log(drs.job_log(job.job_id), job.job_id)))
        if job.lacks_instances(views) and own.attempt < request.attempt and job.job_id not in cleaned_up:
            job = _with_tagged(aws.ec2(request.target), job, views)
        named.append(replace(own, job=job))
    return tuple(named)


def _with_tagged(ec2: Ec2Api, job: JobView, views: Collection[RecoveryInstanceView]) -> JobView:
    silent = job.untold(job.told_by(views))
    told = told_by_tags(ec2, [job])[0].get(job.job_id, {})
    # What a failed launch left in EC2 keeps nobody from launching that server again.
    return job.with_instances({server: told[server] for server in silent if server in told})
