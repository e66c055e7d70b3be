"""Instances that failed launches leave in EC2, of which DRS lists no recovery instance.

Recorded of callers without ``ec2:DetachVolume`` or ``ec2:DeleteVolume``: LAUNCH_FAILED came ten minutes into the
launch, no LAUNCH_END, and the instance ran on until people terminated it in EC2. That DRS does not list it is assumed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from drs_provider.plan.drs_model import JobServerView, JobView
from drs_provider.plan.launch_into import may_be_launched_into
from drs_provider.plan.states import LaunchStatus
from drs_provider.plan.texts import named

#: EC2 tag of every launched instance: the job that made it. What a conversion uses has it too, as far as is known.
JOB_TAG = "drs.amazonaws.com-job"
#: EC2 tag of launched instances, from their launch template; volumes of a conversion lack it.
SERVER_TAG = "AWSElasticDisasterRecoverySourceServerID"

#: The job, or a recovery instance, tells the instance of such a server.
_TOLD = frozenset({LaunchStatus.LAUNCHED, LaunchStatus.TERMINATED})


@dataclass(frozen=True)
class UnlistedInstance:
    """An EC2 instance that a job made of a server that it did not launch."""

    instance_id: str
    source_server_id: str
    job_id: str

    def __str__(self) -> str:
        """Name the instance, and where it is from."""
        return f"{self.instance_id} (of {self.source_server_id}, job {self.job_id})"


def leaving_jobs(jobs: Iterable[JobView]) -> list[str]:
    """Return the jobs that may have left instances: one that runs may still launch its servers, and uses others."""
    return sorted(
        job.job_id for job in jobs if job.completed and any(map(_untold, (*job.servers, *job.unnamed)))
    )


def unlisted_instances(
    rows: Iterable[Mapping[str, Any]], jobs: Iterable[JobView], listed: Collection[str]
) -> tuple[UnlistedInstance, ...]:
    """Return those EC2 instances that the jobs made, did not launch, and left; pre-provisioned ones are none.

    :param rows: instances that exist, as EC2 describes them
    :param listed: EC2 instances of the recovery instances that DRS lists
    """
    by_id = {job.job_id: job for job in jobs}
    found = []
    for row in rows:
        tags = {tag.get("Key"): tag.get("Value", "") for tag in row.get("Tags") or ()}
        job, server = by_id.get(tags.get(JOB_TAG, "")), tags.get(SERVER_TAG)
        if job is None or not server or row["InstanceId"] in listed or may_be_launched_into(row):
            continue
        part = job.server(server)
        if bool(job.unnamed) if part is None else _untold(part):
            found.append(UnlistedInstance(row["InstanceId"], server, job.job_id))
    return tuple(sorted(found, key=lambda item: item.instance_id))


def unlisted_text(instances: Iterable[UnlistedInstance]) -> str:
    """Say what is left, and what to do about it."""
    return (
        f"left in EC2 by launches that failed: {named([str(item) for item in instances])}; DRS does not list them, "
        "and only what it lists is terminated here: terminate them in EC2"
    )


def _untold(part: JobServerView) -> bool:
    return part.launch_status not in _TOLD
