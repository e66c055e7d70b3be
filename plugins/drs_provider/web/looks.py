"""Looks at executions, again and again: what cannot change any more is asked of Airflow once, and a look is shared.

A room full of people must not keep Airflow's API server from serving the tasks. So who comes within a second of
somebody else sees what that one saw. All who come here may read the run, its tasks, their XComs and what they ask: the
routes' guard has seen to it (:data:`drs_provider.web.guards.READS`).
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from drs_provider import keys
from drs_provider.acts.starting import unhealthy
from drs_provider.airflow_rest.client import Api
from drs_provider.airflow_rest.executions import Execution
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.core.identity import plan_name_of
from drs_provider.snapshot.model import ExecutionSnapshot
from drs_provider.snapshot.reader import Reader
from drs_provider.snapshot.server_rows import Row, ServerReader

#: How many executions are kept; who looks at one more has only to ask for everything
_MOST_KEPT: Final = 32
SHARED_SECONDS: Final = 1.0


@dataclass
class _Kept:
    reader: Reader
    servers: ServerReader = field(default_factory=ServerReader)
    lock: threading.Lock = field(default_factory=threading.Lock)
    last: Look | None = None
    at: float = 0.0


@dataclass(frozen=True)
class Look:
    """An execution as it stood when it was looked at.

    :param header: the frozen plan's header; empty while there is none
    :param read_at: epoch seconds
    """

    reader: Reader
    snapshot: ExecutionSnapshot
    header: Mapping[str, Any]
    read_at: float
    _servers: ServerReader

    @classmethod
    def take(cls, reader: Reader, servers: ServerReader) -> Look:
        """Look at an execution.

        :raises RefusedError: if there is none, the caller may not see it, or the run is no plan's
        """
        # What is frozen is asked for anew: `prepare` may have been cleared.
        vars(reader.execution).pop("header", None)
        read_at, snapshot = time.time(), reader.read()
        if keys.PREPARE not in reader.tasks or plan_name_of(reader.execution.dag_id) is None:
            message = f"{reader.execution.dag_id} is no recovery plan: this page shows executions of plans"
            raise RefusedError(message, "see the list of plans", ExitCode.NOT_FOUND)
        return cls(reader, snapshot, reader.execution.header or {}, read_at, servers)

    @property
    def execution(self) -> Execution:
        """The execution, to ask for more."""
        return self.reader.execution

    @property
    def tasks(self) -> Mapping[str, Mapping[str, Any]]:
        """The run's tasks by id."""
        return self.reader.tasks

    @cached_property
    def servers(self) -> dict[int, list[Row]]:
        """The servers' rows by wave."""
        return self._servers.read(self.reader)

    @cached_property
    def preflight(self) -> dict[str, Any]:
        """The preflight report; empty while there is none."""
        return self.execution.facts(keys.PREPARE, keys.PREFLIGHT) if keys.PREPARE in self.tasks else {}

    @cached_property
    def unhealthy(self) -> list[str]:
        """Airflow's components that a running execution needs and that are not healthy."""
        return [] if self.snapshot.ended else unhealthy(self.execution.api)


_kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
_kept_lock = threading.Lock()


def look_alone(api: Api, dag_id: str, run_id: str) -> Look:
    """Look at an execution and keep nothing: for acts, which take their time.

    :raises RefusedError: as :func:`look`
    """
    return Look.take(Reader(Execution.of(api, dag_id, run_id)), ServerReader())


@contextmanager
def look(api: Api, dag_id: str, run_id: str) -> Iterator[Look]:
    """Look at an execution; nobody else does, of this one, meanwhile.

    :raises RefusedError: if there is none, or the caller may not see it
    """
    key = (dag_id, run_id)
    with _kept_lock:
        kept = _kept.setdefault(key, _Kept(Reader(Execution.of(api, dag_id, run_id))))
        _kept.move_to_end(key)
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    with kept.lock:
        kept.reader.execution.api = api
        if kept.last is None or time.monotonic() - kept.at > SHARED_SECONDS:
            kept.last, kept.at = Look.take(kept.reader, kept.servers), time.monotonic()
        yield kept.last


def forget(dag_id: str, run_id: str) -> None:
    """Let the next look be a new one: somebody has done something."""
    with _kept_lock:
        kept = _kept.get((dag_id, run_id))
    if kept is not None:
        kept.at = float("-inf")
