"""The client factory: the only place of this package that makes AWS clients."""

from __future__ import annotations

import asyncio
import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config

from drs_provider.core.account import AwsTarget
from drs_provider.hooks.aws.target_hook import TargetHook

MAX_AGE_SECONDS = 1800.0  # well before a role session's hour ends; also picks up an edited connection
_MAX_CACHED = 64
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_SINGLE_ATTEMPT = Config(retries={"mode": "standard", "total_max_attempts": 1})
_LONG_CALL = Config(read_timeout=910, retries={"mode": "standard", "total_max_attempts": 1})
"""Longer than the 15 minutes that a Lambda function may run."""
_FAIL_FAST = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})


class AwsClients:
    """AWS clients of one target, all from one session whose account is proven before the first is given out.

    Thread-safe. Clients are kept; their credentials renew themselves. Holds credentials: never serialize it,
    serialize the target.

    :param target: account context
    :param session_name: role session name (2 to 64 characters of ``A-Za-z0-9_+=,.@-``), carries the
        execution id
    :param fail_fast: True for what a recovery does not depend on: then the proof of the account, too, soon gives up.
        STS answers in the target's Region, and is as far away as everything else there
    :raises ValueError: if STS would refuse the session name
    """

    def __init__(self, target: AwsTarget, session_name: str, *, fail_fast: bool = False) -> None:
        if not _SESSION_NAME.fullmatch(session_name):
            raise ValueError(
                f"{session_name!r} is no role session name: 2 to 64 characters of A-Za-z0-9_+=,.@-"
            )
        self.target = target
        self.session_name = session_name
        self._hook = TargetHook(
            target=target, session_name=session_name, **({"config": _FAIL_FAST} if fail_fast else {})
        )
        self._clients: dict[tuple[str, Config | None], Any] = {}
        self._lock = threading.Lock()

    @property
    def caller_arn(self) -> str:
        """ARN of the identity that calls are made with (proves it if that has not happened yet).

        :raises DrsConnectionMissingError: if the connection does not exist
        :raises DrsIdentityError: if it does not lead into the target's account
        """
        return self._hook.caller_arn

    def client(self, service: str) -> Any:
        """Return the client of a service in the target's Region.

        :param service: botocore's name, such as ``drs`` or ``ec2``
        :raises DrsConnectionMissingError: if the connection does not exist
        :raises DrsConnectionInvalidError: if it is no AWS connection
        :raises DrsIdentityError: if it does not lead into the target's account
        """
        return self._kept_client(service, None)

    def host(self, service: str) -> str:
        """Return the host that a service's calls go to; raises what :meth:`client` raises."""
        return urlsplit(self.client(service).meta.endpoint_url).hostname or ""

    def single_attempt_client(self, service: str) -> Any:
        """Return a client that never repeats a call by itself; raises what :meth:`client` raises.

        For operations without a client token: when an answer is lost, a repeated call meets its own first
        effect and reports a conflict, and the first effect's id is never learned.
        """
        return self._kept_client(service, _SINGLE_ATTEMPT)

    def fail_fast_client(self, service: str) -> Any:
        """Return a client that soon gives up; raises what :meth:`client` raises.

        For what a recovery does not depend on: an unreachable Region must not slow every task.
        """
        return self._kept_client(service, _FAIL_FAST)

    def long_call_client(self, service: str) -> Any:
        """Return a client as :meth:`single_attempt_client` that waits for an answer as long as Lambda may take."""
        return self._kept_client(service, _LONG_CALL)

    @asynccontextmanager
    async def async_client(self, service: str, *config: Config) -> AsyncIterator[Any]:
        """Give an aiobotocore client of a service in the target's Region; raises what :meth:`client` raises.

        Everything that blocks (identity proof, role assumption, loading the service model) runs in a thread.

        :param config: configurations that win over the connection's
        """
        await self._hook.aload_connection()
        session = await asyncio.to_thread(self._asynchronous_session, service)
        async with session.create_client(service, **self._hook.client_arguments(service, *config)) as client:
            yield client

    def _asynchronous_session(self, service: str) -> Any:
        # Makes the synchronous client too: its session's loader then holds the parsed service model.
        self.client(service)
        return self._hook.get_session(deferrable=True)

    def _kept_client(self, service: str, override: Config | None) -> Any:
        with self._lock:
            key = (service, override)
            if key not in self._clients:
                session = self._hook.get_session()
                overrides = (override,) if override else ()
                arguments = self._hook.client_arguments(service, *overrides)
                self._clients[key] = session.client(service, **arguments)
            return self._clients[key]


class _ClientCache:
    """The process's :class:`AwsClients`, the least recently used and the old ones dropped."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[AwsTarget, str, bool], tuple[float, AwsClients]] = OrderedDict()

    def get(self, target: AwsTarget, session_name: str, *, fail_fast: bool) -> AwsClients:
        key = (target, session_name, fail_fast)
        with self._lock:
            made_at, clients = self._kept.pop(key, (0.0, None))
            if clients is None or time.monotonic() - made_at > MAX_AGE_SECONDS:
                made_at, clients = time.monotonic(), AwsClients(target, session_name, fail_fast=fail_fast)
            self._kept[key] = (made_at, clients)
            while len(self._kept) > _MAX_CACHED:
                self._kept.popitem(last=False)
            return clients

    def clear(self) -> None:
        # Also runs in a forked child, where another thread may have held the lock at the time of the fork.
        self._lock = threading.Lock()
        self._kept = OrderedDict()


_cache = _ClientCache()
os.register_at_fork(after_in_child=_cache.clear)  # sockets and pools must not be shared between processes


def aws_clients(target: AwsTarget, *, session_name: str, fail_fast: bool = False) -> AwsClients:
    """Return this process's clients of a target, the same object for the same target and session name.

    They are made anew when older than :data:`MAX_AGE_SECONDS`, so do not keep them for long: ask again.

    :param fail_fast: True for what a recovery does not depend on
    :raises ValueError: if STS would refuse the session name
    """
    return _cache.get(target, session_name, fail_fast=fail_fast)


def forget_clients() -> None:
    """Drop this process's clients, so that the next ones read their connection anew."""
    _cache.clear()
