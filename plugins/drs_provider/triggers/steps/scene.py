"""What lookers share: the step they look for, and its clients in AWS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from botocore.config import Config

from drs_provider.core.account import AwsTarget
from drs_provider.core.identity import role_session_name
from drs_provider.hooks.aws.clients import AwsClients
from drs_provider.hooks.aws.errors import explained
from drs_provider.plan.steps.placeholders import filled
from drs_provider.rules.steps.results import Look, Subject

# Whoever looks is the repetition: errors reach its back-off soon, instead of each client pausing by itself.
_LOOKING = Config(read_timeout=40, retries={"mode": "standard", "total_max_attempts": 2})
# What starts something without a client token is asked once: a repeated call would start a second one.
_ONCE = Config(read_timeout=40, retries={"mode": "standard", "total_max_attempts": 1})


class Looker(Protocol):
    """Looks at a subject."""

    async def look(self, subject: Subject, handle: str | None) -> Look:
        """Return what a look came to; ``handle`` is that of the look before."""


@dataclass(frozen=True)
class Scene:
    """A step and what it is about.

    :param step: the frozen step as plain data
    :param deadline: epoch seconds at which the last look has been
    """

    step: Mapping[str, Any]
    subjects: Sequence[Subject]
    target: AwsTarget | None
    execution_id: str
    deadline: float
    clients: dict[str, AwsClients] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The step's kind."""
        return str(self.step["kind"])

    @property
    def comment(self) -> str:
        """What tells people, in AWS, whose work it is."""
        return f"drs {self.execution_id} {self.step['name']}"

    def settings(self, subject: Subject) -> dict[str, Any]:
        """Return the kind's own fields, placeholders filled."""
        settings: dict[str, Any] = filled(self.step["settings"], subject.values)
        return settings

    @asynccontextmanager
    async def reach(self, service: str, *, once: bool = False) -> AsyncIterator[Client]:
        """Give a client of the step's target, whose identity has been proven.

        :param once: whether it never repeats a call by itself
        :raises DrsConnectionMissingError: if the connection does not exist
        :raises DrsIdentityError: if it does not lead into the target's account
        :raises ValueError: if the step has no target
        """
        if self.target is None:
            raise ValueError(f"step {self.step['name']} has no target")
        if self.target.name not in self.clients:
            session = role_session_name(self.execution_id)
            self.clients[self.target.name] = AwsClients(self.target, session)
        clients = self.clients[self.target.name]
        async with AsyncExitStack() as stack:
            made = clients.async_client(service, _ONCE if once else _LOOKING)
            yield Client(await stack.enter_async_context(made), clients)


class Client:
    """An asynchronous client whose refusals are explained."""

    def __init__(self, client: Any, clients: AwsClients) -> None:
        self._client = client
        self._clients = clients

    async def ask(self, operation: str, **request: Any) -> dict[str, Any]:
        """Return an answer.

        :raises DrsAccessDeniedError: if the identity lacks the right
        """
        with self._explained():
            answer: dict[str, Any] = await getattr(self._client, operation)(**request)
            return answer

    async def pages(self, operation: str, key: str, **request: Any) -> list[dict[str, Any]]:
        """Return the items of all pages; raises as :meth:`ask`."""
        with self._explained():
            pages = self._client.get_paginator(operation).paginate(**request)
            return [item async for page in pages for item in page.get(key) or ()]

    @contextmanager
    def _explained(self) -> Any:
        with explained(self._clients.target, self._clients.caller_arn):
            yield
