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

from drs_provider.airflow_rest.client import Api
from drs_provider.airflow_rest.executions import Execution
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
    """

    reader: Reader
    snapshot: ExecutionSnapshot
    header: Mapping[str, Any]
    _servers: ServerReader

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


_kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
_kept_lock = threading.Lock()


def look_alone(api: Api, dag_id: str, run_id: str) -> Look:
    """Look at an execution and keep nothing: for acts, which take their time.

    :raises RefusedError: as :func:`look`
    """
    reader = Reader(Execution.of(api, dag_id, run_id))
    snapshot = reader.read()
    return Look(reader, snapshot, reader.execution.header or {}, ServerReader())


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
            # What is frozen is asked for anew: `prepare` may have been cleared.
            vars(kept.reader.execution).pop("header", None)
            snapshot = kept.reader.read()
            header = kept.reader.execution.header or {}
            kept.last, kept.at = Look(kept.reader, snapshot, header, kept.servers), time.monotonic()
        yield kept.last


def forget(dag_id: str, run_id: str) -> None:
    """Let the next look be a new one: somebody has done something."""
    with _kept_lock:
        kept = _kept.get((dag_id, run_id))
    if kept is not None:
        kept.at = float("-inf")
