"""The hook for any DAG: what DRS says, typed and whole, from an account that is proven first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from drs_provider.core.account import AwsTarget
from drs_provider.core.quotas import DrsQuotas
from drs_provider.hooks.aws.clients import aws_clients
from drs_provider.hooks.aws.target_hook import TargetHook
from drs_provider.hooks.drs.async_drs_api import AsyncDrsApi, async_drs_api
from drs_provider.hooks.drs.drs_api import DrsApi
from drs_provider.hooks.ec2.ec2_api import Ec2Api
from drs_provider.rules.drs.jobs import JobView, LogEvent, parse_jobs, parse_log
from drs_provider.rules.drs.recovery_instances import RecoveryInstanceView, parse_instances

Row = dict[str, Any]


class DrsHook(TargetHook):
    """Ask AWS Elastic Disaster Recovery; every list is read to its end.

    It looks, and changes nothing: StartRecovery has no client token, and whoever calls it twice has two jobs. What
    launches and terminates is in the operators, which know what exists already.

    Methods raise :class:`~drs_provider.exceptions.DrsError` for what people must see to, and botocore's errors as they
    are. Those with an ``a`` in front are for triggers and other asynchronous code.

    :param aws_conn_id: Airflow connection of type aws; there is no default
    :param region_name: recovery Region, where DRS is called
    :param account_id: account of 12 digits that ``GetCallerIdentity`` must confirm before anything is called
    :param own_account: True if the connection's own account is this one; exactly one of this and ``role``
    :param role: name of the IAM role to assume in the account
    :param external_id: external ID that the role's trust policy asks for
    :raises ValueError: if one of these is missing, malformed or contradicts another
    """

    def __init__(
        self,
        *,
        aws_conn_id: str,
        region_name: str,
        account_id: str,
        own_account: bool = False,
        role: str | None = None,
        external_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        self._place = AwsTarget(
            name="hook",
            connection=aws_conn_id,
            account_id=account_id,
            region=region_name,
            own_account=own_account,
            role=role,
            external_id=external_id,
        )
        super().__init__(target=self._place, **kwargs)

    @property
    def _drs(self) -> DrsApi:
        return DrsApi(aws_clients(self._place, session_name=self.session_name))

    @property
    def _ec2(self) -> Ec2Api:
        return Ec2Api(aws_clients(self._place, session_name=self.session_name))

    def source_servers(self, ids: Iterable[str] | None = None) -> list[Row]:
        """Return source servers as DRS describes them: all for None, none for no ids; unknown ids are absent."""
        return self._drs.source_servers(ids)

    def jobs(self, job_ids: Iterable[str]) -> tuple[JobView, ...]:
        """Return the given jobs; none, and no call, for no ids; unknown ids are absent."""
        return parse_jobs(self._drs.jobs(job_ids))

    def jobs_since(self, from_epoch: float) -> tuple[JobView, ...]:
        """Return every job created at or after a time (epoch seconds, UTC), newest first."""
        return parse_jobs(self._drs.jobs_since(from_epoch))

    def active_jobs(self) -> tuple[JobView, ...]:
        """Return every job that is not COMPLETED, whoever started it."""
        return parse_jobs(self._drs.active_jobs())

    def job_log(self, job_id: str) -> tuple[LogEvent, ...]:
        """Return the events of a job's log; none if DRS does not know the job, or not yet."""
        return parse_log(self._drs.job_log(job_id), job_id)

    def recovery_instances(
        self, source_server_ids: Iterable[str] | None = None, instance_ids: Iterable[str] | None = None
    ) -> tuple[RecoveryInstanceView, ...]:
        """Return recovery instances by server or by instance: all if neither is given, none for no ids.

        :raises ValueError: if both are given
        """
        return parse_instances(self._drs.recovery_instances(source_server_ids, instance_ids))

    def recovery_snapshots(self, source_server_id: str) -> list[Row]:
        """Return the points in time of a server as DRS describes them, newest first."""
        return self._drs.recovery_snapshots(source_server_id)

    def launch_configuration(self, source_server_id: str) -> Row:
        """Return the launch configuration of a server as DRS describes it."""
        return self._drs.launch_configuration(source_server_id)

    def quotas(self) -> DrsQuotas:
        """Return the account's DRS quotas, or the defaults with a warning in the log."""
        return self._drs.quotas()

    def ec2_instances(self, ids: Iterable[str]) -> dict[str, Row]:
        """Return EC2 instances by id as EC2 describes them; ids that EC2 does not know are absent."""
        return self._ec2.instances(ids)

    async def ajobs(self, job_ids: Iterable[str]) -> tuple[JobView, ...]:
        """Return what :meth:`jobs` returns."""
        async with self._async_drs() as drs:
            return parse_jobs(await drs.jobs(job_ids))

    async def ajob_log(self, job_id: str) -> tuple[LogEvent, ...]:
        """Return what :meth:`job_log` returns."""
        async with self._async_drs() as drs:
            return parse_log(await drs.job_log(job_id), job_id)

    async def arecovery_instances(
        self, source_server_ids: Iterable[str] | None = None, instance_ids: Iterable[str] | None = None
    ) -> tuple[RecoveryInstanceView, ...]:
        """Return what :meth:`recovery_instances` returns."""
        async with self._async_drs() as drs:
            return parse_instances(await drs.recovery_instances(source_server_ids, instance_ids))

    @asynccontextmanager
    async def _async_drs(self) -> AsyncIterator[AsyncDrsApi]:
        async with async_drs_api(self._place, session_name=self.session_name) as drs:
            yield drs
