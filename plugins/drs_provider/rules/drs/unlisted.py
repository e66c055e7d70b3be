"""Instances that launches leave in EC2, of which DRS lists no recovery instance.

Recorded of callers without ``ec2:DetachVolume`` or ``ec2:DeleteVolume``: LAUNCH_FAILED came ten minutes into the
launch, no LAUNCH_END, and the instance ran on until people terminated it in EC2. That DRS does not list it is assumed.
And servers that are LAUNCHED without a word of their instance, by their job, its log or DRS's list: not recorded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drs_provider.core.states import LaunchStatus
from drs_provider.core.texts import named
from drs_provider.rules.drs.jobs import JobServerView, JobView
from drs_provider.rules.drs.launch_into import may_be_launched_into

#: EC2 tag of every launched instance: the job that made it. What a conversion uses has it too, as far as is known.
JOB_TAG = "drs.amazonaws.com-job"
#: EC2 tag of launched instances, from their launch template; volumes of a conversion lack it.
SERVER_TAG = "AWSElasticDisasterRecoverySourceServerID"


@dataclass(frozen=True)
class UnlistedInstance:
    """An EC2 instance that a job made of a server that it did not launch, or whose instance it does not tell.

    :param launched: the server is LAUNCHED: DRS may list its instance yet
    """

    instance_id: str
    source_server_id: str
    job_id: str
    launched: bool = False

    def __str__(self) -> str:
        """Name the instance, and where it is from."""
        return f"{self.instance_id} (of {self.source_server_id}, job {self.job_id})"


def leaving_jobs(jobs: Iterable[JobView]) -> list[str]:
    """Return the jobs that may have left instances: one that runs may still launch its servers, and uses others.

    :param jobs: with all instances of their LAUNCHED servers that are told
    """
    return sorted(
        job.job_id
        for job in jobs
        if job.completed and (job.untold() or any(map(_silent, (*job.servers, *job.unnamed))))
    )


def tagged_instances(
    rows: Iterable[Mapping[str, Any]], jobs: Iterable[JobView]
) -> tuple[UnlistedInstance, ...]:
    """Return those EC2 instances, gone ones too, that the jobs made of servers whose instance they do not tell."""
    by_id = {job.job_id: job for job in jobs}
    found = []
    for row in rows:
        tags = {tag.get("Key"): tag.get("Value", "") for tag in row.get("Tags") or ()}
        job, server = by_id.get(tags.get(JOB_TAG, "")), tags.get(SERVER_TAG)
        if job is None or not server:
            continue
        part = job.server(server)
        if (bool(job.unnamed) or not job.servers) if part is None else _silent(part):
            launched = part is not None and part.launch_status == LaunchStatus.LAUNCHED
            found.append(UnlistedInstance(row["InstanceId"], server, job.job_id, launched))
    return tuple(sorted(found, key=lambda item: item.instance_id))


def unlisted_instances(
    rows: Iterable[Mapping[str, Any]], jobs: Iterable[JobView], listed: Collection[str]
) -> tuple[UnlistedInstance, ...]:
    """Return those of :func:`tagged_instances` that were left; pre-provisioned ones are none.

    :param rows: instances that exist, as EC2 describes them
    :param listed: EC2 instances of the recovery instances that DRS lists
    """
    left = [row for row in rows if row["InstanceId"] not in listed and not may_be_launched_into(row)]
    return tagged_instances(left, jobs)


def unlisted_text(instances: Iterable[UnlistedInstance]) -> str:
    """Say what is left, and what to do about it."""
    return (
        f"left in EC2 by launches: {named([str(item) for item in instances])}; DRS does not list them, "
        "and only what it lists is terminated here: terminate them in EC2"
    )


def untold_text(servers: Sequence[str]) -> str:
    """Say of which servers nothing tells the instance, and what to do about it.

    :param servers: with the jobs that launched them
    """
    return (
        f"LAUNCHED, but neither DRS nor EC2's tags tell their instances, which may run in EC2: {named(servers)}; look "
        "for them in EC2 by the time of the job, and terminate them there. Nothing can prove here that they are gone"
    )


def _silent(part: JobServerView) -> bool:
    """Whether nothing tells which instance was made of a server; of one that is TERMINATED nothing is left."""
    if part.launch_status == LaunchStatus.LAUNCHED:
        return part.recovery_instance_id is None
    return part.launch_status != LaunchStatus.TERMINATED
