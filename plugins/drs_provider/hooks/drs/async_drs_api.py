"""The DRS calls of the triggerer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from drs_provider.core.account import AwsTarget
from drs_provider.hooks.aws.clients import AwsClients
from drs_provider.hooks.aws.errors import explained, is_not_found, required_member
from drs_provider.hooks.drs.drs_requests import jobs_by_id, pages_of, recovery_instances_by

Row = dict[str, Any]

# Whoever polls is the repetition: errors reach its back-off soon, instead of each client pausing by itself.
_POLLING = Config(read_timeout=20, retries={"mode": "standard", "total_max_attempts": 2})


class AsyncDrsApi:
    """DRS of one target for asynchronous code; the same rules and errors as :class:`DrsApi`.

    :param client: aiobotocore client for ``drs``
    :param target: account context, for error messages
    :param caller_arn: identity of the calls, for error messages
    """

    def __init__(self, client: Any, target: AwsTarget, caller_arn: str) -> None:
        self._client = client
        self._target = target
        self._caller_arn = caller_arn

    async def jobs(self, job_ids: Iterable[str]) -> list[Row]:
        """Return the given jobs; none, and no call, for no ids. Ids that DRS does not know are absent."""
        return await self._all("describe_jobs", jobs_by_id(job_ids))

    async def job_log(self, job_id: str) -> list[Row]:
        """Return the events of a job's log; none if DRS does not know the job, or not yet.

        DRS answers ResourceNotFoundException then, which its model does not declare (source: simulator/FACTS.md).
        """
        try:
            return await self._all("describe_job_log_items", [{"jobID": job_id}])
        except ClientError as error:
            if not is_not_found(error):
                raise
            return []

    async def recovery_instances(
        self, source_server_ids: Iterable[str] | None = None, instance_ids: Iterable[str] | None = None
    ) -> list[Row]:
        """Return recovery instances by server or by instance: all if neither is given, none for no ids.

        :raises ValueError: if both are given
        """
        requests = recovery_instances_by(source_server_ids, instance_ids)
        return await self._all("describe_recovery_instances", requests)

    async def _all(self, operation: str, requests: Iterable[Mapping[str, Any]]) -> list[Row]:
        rows: list[Row] = []
        for request in requests:
            paginator = self._client.get_paginator(operation)
            pages = paginator.paginate(**request, PaginationConfig=pages_of(operation))
            with explained(self._target, self._caller_arn):
                async for page in pages:
                    rows.extend(required_member(page, "items", operation))
        return rows


@asynccontextmanager
async def async_drs_api(target: AwsTarget, *, session_name: str) -> AsyncIterator[AsyncDrsApi]:
    """Give the DRS API of a target, over a fresh session whose identity has just been proven.

    The connection is read anew each time, so that edited credentials are picked up; nothing is cached.

    :raises DrsConnectionMissingError: if the connection does not exist
    :raises DrsIdentityError: if it does not lead into the target's account
    """
    clients = AwsClients(target, session_name)
    async with clients.async_client("drs", _POLLING) as client:
        yield AsyncDrsApi(client, target, clients.caller_arn)
