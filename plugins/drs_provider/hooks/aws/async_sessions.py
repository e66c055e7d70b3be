# mypy: allow-untyped-calls
"""The asynchronous twin of a session. Apart from the rest: only the triggerer needs aiobotocore."""

from __future__ import annotations

import asyncio

import boto3.session
from aiobotocore.credentials import AioCredentials
from aiobotocore.session import AioSession
from botocore.credentials import Credentials, ReadOnlyCredentials


class _SourceCredentials(AioCredentials):
    """Credentials of a synchronous session, renewed in a thread so that the event loop never waits."""

    def __init__(self, source: Credentials) -> None:
        frozen = source.get_frozen_credentials()
        super().__init__(frozen.access_key, frozen.secret_key, frozen.token, method=source.method)
        self._source = source

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        frozen: ReadOnlyCredentials = await asyncio.to_thread(self._source.get_frozen_credentials)
        return frozen


class _SourceProvider:
    """The ``credential_provider`` component of a session that has exactly one source of credentials."""

    def __init__(self, source: Credentials) -> None:
        self._source = source

    async def load_credentials(self) -> AioCredentials:
        return await asyncio.to_thread(_SourceCredentials, self._source)


def to_async_session(session: boto3.session.Session, region: str) -> AioSession:
    """Return an aiobotocore session with the credentials of a synchronous one.

    Whatever was proven about the one holds for the other, and every way of getting credentials that the
    Amazon provider knows works for both. The service models that the synchronous session has loaded are
    shared: parsing them again on the event loop would block it.
    """
    twin = AioSession()
    twin.set_config_variable("region", region)
    twin.register_component("credential_provider", _SourceProvider(session.get_credentials()))
    twin.register_component("data_loader", session._session.get_component("data_loader"))
    return twin
