"""What a start is asked for, and what stands between it and the call."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from drs_provider.core.account import AwsTarget
from drs_provider.rules.concurrency.claims import QuotaWait
from drs_provider.rules.execution.frozen import FrozenServer
from drs_provider.rules.wave.ownership import OwnedJob, StartIntent


@dataclass(frozen=True)
class StartRequest:
    """Servers to launch, and who wants it: a wave of a plan, or a task of any DAG.

    :param name: who wants it, for messages: ``wave 1 (database)``
    :param execution_id: with ``wave_number`` and ``attempt`` what its jobs are known by
    :param since: epoch seconds when it was first asked for, in whatever attempt
    :param tags: those of its jobs, which tell execution, wave and attempt
    :param replaceable: servers whose live instance may be replaced, approved
    """

    name: str
    target: AwsTarget
    servers: tuple[FrozenServer, ...]
    is_drill: bool
    execution_id: str
    wave_number: int
    attempt: int
    since: float
    tags: Mapping[str, str]
    replaceable: Collection[str] = ()

    @property
    def server_ids(self) -> tuple[str, ...]:
        """Source server ids, in the order in which they are launched."""
        return tuple(server.source_server_id for server in self.servers)

    def named(self, server_id: str) -> str:
        """Return a server with its name, for messages."""
        names = {server.source_server_id: server.name for server in self.servers}
        return f"{names[server_id]} ({server_id})"


class StartGuards(Protocol):
    """What a start asks whoever wants it."""

    def intents(self) -> list[StartIntent]:
        """Return what was stored of all attempts; asked for anew each time.

        :raises EvidenceError: if it does not verify
        """

    def keep(self, intents: list[StartIntent]) -> None:
        """Store them so that they outlive the process, and whatever becomes of the task."""

    def before_call(self) -> None:
        """Look for the last time whether to call: the intent is stored, and is withdrawn if this raises.

        :raises DrsError: if nothing must be started any more
        """

    def ahead(self) -> Sequence[QuotaWait]:
        """Return the starts that go first when a quota is short; asked for before each launch."""

    def another_goes_on(self, dag_id: str, run_id: str) -> bool:
        """Return whether another run of this Airflow has not ended."""

    def cleaned_up(self, owned: Iterable[OwnedJob]) -> frozenset[str]:
        """Return the jobs whose instances are proven to be gone, all of them."""

    def job_started(self, job_id: str, servers: Sequence[str]) -> None:
        """Take note that DRS has answered with a job."""
