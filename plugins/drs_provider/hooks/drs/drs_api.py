"""Typed, paginated DRS calls of one target, with the errors that people must act on explained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from drs_provider.core.account import AwsTarget
from drs_provider.core.answers import Members
from drs_provider.core.quotas import MAX_SERVERS_PER_START, DrsQuotas
from drs_provider.exceptions import (
    DrsFailError,
    DrsIncompleteAnswerError,
    DrsTerminateIncompleteError,
)
from drs_provider.hooks.aws.chunks import chunks
from drs_provider.hooks.aws.clients import AwsClients
from drs_provider.hooks.aws.errors import AWS_ERRORS, explained, is_not_found, required_member
from drs_provider.hooks.drs.drs_requests import (
    MAX_INSTANCE_IDS,
    drs_time,
    jobs_by_id,
    pages_of,
    recovery_instances_by,
    servers_by_id,
)
from drs_provider.hooks.drs.quotas import read_quotas

Row = dict[str, Any]


class DrsApi:
    """DRS of one target. Rows are returned as AWS gives them; times are texts.

    Every method raises what :meth:`AwsClients.client` raises, :class:`DrsNotInitializedError`,
    :class:`DrsAccessDeniedError`, and :class:`DrsIncompleteAnswerError` for a cut-off answer; other errors of
    botocore pass through, see :mod:`drs_provider.hooks.aws.errors` for what they mean.
    """

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients

    @property
    def target(self) -> AwsTarget:
        """The account context of every call."""
        return self._clients.target

    def source_servers(self, ids: Iterable[str] | None = None) -> list[Row]:
        """Return source servers: all for None, none for no ids; ids that DRS does not know are absent."""
        return self._all("describe_source_servers", servers_by_id(ids))

    def jobs(self, job_ids: Iterable[str]) -> list[Row]:
        """Return the given jobs; none, and no call, for no ids. Ids that DRS does not know are absent."""
        return self._all("describe_jobs", jobs_by_id(job_ids))

    def jobs_since(self, from_epoch: float) -> list[Row]:
        """Return every job created at or after a time (epoch seconds, UTC), newest first."""
        return self._all("describe_jobs", [{"filters": {"fromDate": drs_time(from_epoch)}}])

    def active_jobs(self) -> list[Row]:
        """Return every job that is not COMPLETED, newest first, whoever started it."""
        return [job for job in self._all("describe_jobs", [{}]) if job.get("status") != "COMPLETED"]

    def job_log(self, job_id: str) -> list[Row]:
        """Return the events of a job's log; none if DRS does not know the job, or not yet.

        DRS answers ResourceNotFoundException then, which its model does not declare (source: simulator/FACTS.md).
        """
        try:
            return self._all("describe_job_log_items", [{"jobID": job_id}])
        except ClientError as error:
            if not is_not_found(error):
                raise
            return []

    def recovery_instances(
        self, source_server_ids: Iterable[str] | None = None, instance_ids: Iterable[str] | None = None
    ) -> list[Row]:
        """Return recovery instances by server or by instance: all if neither is given, none for no ids.

        :raises ValueError: if both are given
        """
        requests = recovery_instances_by(source_server_ids, instance_ids)
        return self._all("describe_recovery_instances", requests)

    def recovery_snapshots(
        self,
        source_server_id: str,
        *,
        from_epoch: float | None = None,
        to_epoch: float | None = None,
    ) -> list[Row]:
        """Return the points in time of a server, newest first.

        The limits only narrow the answer: a row may be a forecast (``expectedTimestamp`` without
        ``timestamp``), and which of the two DRS compares with the limits is not documented. Choose by
        ``timestamp``.

        :param from_epoch: epoch seconds (UTC) of the oldest wanted, or None
        :param to_epoch: epoch seconds (UTC) of the newest wanted, or None
        """
        request: Row = {"sourceServerID": source_server_id, "order": "DESC"}
        limits = {"fromDateTime": from_epoch, "toDateTime": to_epoch}
        filters = {name: drs_time(epoch) for name, epoch in limits.items() if epoch is not None}
        if filters:
            request["filters"] = filters
        return self._all("describe_recovery_snapshots", [request])

    def launch_configuration(self, source_server_id: str) -> Row:
        """Return the launch configuration of a server."""
        client = self._clients.client("drs")
        with self._explained():
            answer: Row = client.get_launch_configuration(sourceServerID=source_server_id)
        required_member(answer, "sourceServerID", "GetLaunchConfiguration")
        return answer

    def recovery_plans(self) -> list[Row]:
        """Return DRS's own (native) recovery plans, with description and tags."""
        plans = self._all("list_recovery_plans", [{}], "recoveryPlans")
        arns = [required_member(plan, "recoveryPlanArn", "ListRecoveryPlans") for plan in plans]
        return [self._recovery_plan(arn) for arn in arns]

    def recovery_plan_steps(self, recovery_plan_arn: str) -> list[Row]:
        """Return the steps of a native recovery plan, in their order."""
        request = {"recoveryPlanArn": recovery_plan_arn}
        return self._all("list_recovery_plan_steps", [request], "recoveryPlanSteps")

    def quotas(self) -> DrsQuotas:
        """Return the account's DRS quotas, or the defaults with a warning in the log."""
        return read_quotas(self._clients)

    def start_recovery(
        self, servers: Mapping[str, str | None], *, is_drill: bool, tags: Mapping[str, str]
    ) -> Row:
        """Start one job that launches recovery instances, and return it.

        The call is made exactly once. StartRecovery has no client token: were a lost answer followed by an
        automatic repetition, the repetition would meet the first one's job, and its ConflictException would
        hide that the job exists. So every error comes to the caller, throttling included, who asks
        :func:`~drs_provider.hooks.aws.errors.is_outcome_unknown` and reconciles with the jobs that exist before
        calling again.

        :param servers: source server id → recovery snapshot id, or None for the latest state
        :param is_drill: True for a drill; a recovery otherwise
        :param tags: tags of the job
        :raises ValueError: for no servers, or more than the API takes
        """
        if not 1 <= len(servers) <= MAX_SERVERS_PER_START:
            raise ValueError(f"StartRecovery takes 1 to {MAX_SERVERS_PER_START} servers, not {len(servers)}")
        request = [
            {"sourceServerID": server_id, **({"recoverySnapshotID": snapshot_id} if snapshot_id else {})}
            for server_id, snapshot_id in servers.items()
        ]
        client = self._clients.single_attempt_client("drs")
        with self._explained():
            answer = client.start_recovery(sourceServers=request, isDrill=is_drill, tags=dict(tags))
        return _job_of(answer, "StartRecovery")

    def terminate_recovery_instances(self, ids: Iterable[str], *, most: int = MAX_INSTANCE_IDS) -> list[Row]:
        """Start the jobs that terminate recovery instances, and return them; none for no ids.

        Each call is made exactly once, for the reason given at :meth:`start_recovery`.

        :param most: how many instances a job may hold
        :raises DrsTerminateIncompleteError: if a call fails after another has created its job
        """
        client = self._clients.single_attempt_client("drs")
        batches = list(chunks(ids, min(most, MAX_INSTANCE_IDS)))
        jobs: list[Row] = []
        for number, batch in enumerate(batches):
            try:
                with self._explained():
                    answer = client.terminate_recovery_instances(recoveryInstanceIDs=batch)
                jobs.append(_job_of(answer, "TerminateRecoveryInstances"))
            except (*AWS_ERRORS, DrsFailError, DrsIncompleteAnswerError) as error:
                if not jobs:
                    raise
                remaining = [instance_id for rest in batches[number:] for instance_id in rest]
                raise DrsTerminateIncompleteError(jobs, remaining) from error
        return jobs

    def _recovery_plan(self, arn: str) -> Row:
        client = self._clients.client("drs")
        with self._explained():
            answer: Row = client.get_recovery_plan(recoveryPlanArn=arn)
        plan: Row = required_member(answer, "recoveryPlan", "GetRecoveryPlan")
        return plan

    def _all(self, operation: str, requests: Iterable[Mapping[str, Any]], member: str = "items") -> list[Row]:
        rows: list[Row] = []
        for request in requests:
            paginator = self._clients.client("drs").get_paginator(operation)
            with self._explained():
                for page in paginator.paginate(**request, PaginationConfig=pages_of(operation)):
                    rows.extend(required_member(page, member, operation))
        return rows

    def _explained(self) -> Any:
        return explained(self.target, self._clients.caller_arn)


def _job_of(answer: Row, operation: str) -> Row:
    job: Row = required_member(answer, "job", operation)
    if not Members(job).text("jobID"):
        raise DrsIncompleteAnswerError(f"the job in the answer to {operation} has no jobID")
    return job
