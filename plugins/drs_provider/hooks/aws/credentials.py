# mypy: allow-untyped-calls
"""Credentials that ask nobody for anything, and that tell why they cannot be renewed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, NoReturn

from botocore.credentials import (
    AssumeRoleProvider,
    CredentialResolver,
    Credentials,
    ProcessProvider,
    ReadOnlyCredentials,
)
from botocore.exceptions import BotoCoreError, CredentialRetrievalError

PROCESS_SECONDS = 60.0


class MfaWantedError(BotoCoreError):
    """A profile asks for the code of an MFA device."""

    fmt = "{prompt}"


def never_prompts(resolver: CredentialResolver) -> None:
    """Let profiles fail where they would ask on a terminal, and end a credential_process that hangs.

    botocore reads an MFA code from the terminal, and hands a credential_process its own standard input, which in a
    task is the channel to Airflow.
    """
    _quieten(resolver.providers)


def _quieten(providers: Iterable[Any]) -> list[Any]:
    quiet = list(providers)
    for provider in quiet:
        if isinstance(provider, AssumeRoleProvider):
            provider._prompter = _refuse
            if provider._profile_provider_builder is not None:  # makes the providers of a source_profile
                _quieten_later(provider._profile_provider_builder)
        elif isinstance(provider, ProcessProvider):
            _quieten_process(provider)
    return quiet


def _quieten_process(provider: Any) -> None:
    provider._popen = _Process
    provider._retrieve_credentials_using = _readable(provider._retrieve_credentials_using)


def _quieten_later(builder: Any) -> None:
    make = builder.providers
    builder.providers = lambda *args, **kwargs: _quieten(make(*args, **kwargs))


def _refuse(prompt: str) -> NoReturn:
    raise MfaWantedError(prompt=prompt.strip().rstrip(":"))


class _Process(subprocess.Popen[bytes]):
    """A credential_process without input, without a terminal and with an end."""

    def __init__(self, command: list[str], **kwargs: Any) -> None:
        super().__init__(command, stdin=subprocess.DEVNULL, start_new_session=True, **kwargs)

    def communicate(self, input: bytes | None = None, timeout: float | None = None) -> tuple[bytes, bytes]:
        try:
            return super().communicate(input, timeout or PROCESS_SECONDS)
        except subprocess.TimeoutExpired as error:
            os.killpg(self.pid, signal.SIGKILL)
            super().communicate()
            raise CredentialRetrievalError(
                provider=ProcessProvider.METHOD, error_msg=f"it did not end within {PROCESS_SECONDS:.0f} s"
            ) from error


def _readable(retrieve: Callable[[str], dict[str, Any]]) -> Callable[[str], dict[str, Any]]:
    def retrieve_or_tell(command: str) -> dict[str, Any]:
        try:
            return retrieve(command)
        except (AttributeError, TypeError, ValueError) as error:
            raise CredentialRetrievalError(
                provider=ProcessProvider.METHOD, error_msg="what it printed is not the JSON that is expected"
            ) from error

    return retrieve_or_tell


class ExplainedCredentials(Credentials):
    """Credentials that tell why they cannot be renewed.

    :param source: where they come from; it may renew them
    :param explained: turns what goes wrong then into this provider's errors
    """

    def __init__(self, source: Credentials, explained: Callable[[], AbstractContextManager[None]]) -> None:
        self._source = source
        self._explained = explained
        self.method = source.method

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return credentials for one request.

        :raises DrsIdentityError: if AWS refuses to renew them
        :raises DrsIdentityUnprovenError: if they cannot be renewed now
        """
        with self._explained():
            frozen: ReadOnlyCredentials = self._source.get_frozen_credentials()
            return frozen

    @property
    def access_key(self) -> str | None:
        """Id of the access key."""
        return str(self.get_frozen_credentials().access_key)

    @property
    def secret_key(self) -> str | None:
        """The secret."""
        return str(self.get_frozen_credentials().secret_key)

    @property
    def token(self) -> str | None:
        """Session token, if there is one."""
        token: str | None = self.get_frozen_credentials().token
        return token

    @property
    def account_id(self) -> str | None:
        """Account, where the source tells it; the proof does not rest on it."""
        account_id: str | None = self.get_frozen_credentials().account_id
        return account_id
