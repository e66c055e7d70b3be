"""Looks at executions, again and again: what cannot change any more is asked of Airflow once.

What is kept was read by somebody else. So each look asks Airflow anew, as its own caller, for the run, its tasks and
the XComs of `prepare`: who may not see them gets Airflow's refusal, and nothing of what is kept.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from drs_provider.airflow_rest.client import Api
from drs_provider.airflow_rest.executions import Execution
from drs_provider.snapshot.model import ExecutionSnapshot
from drs_provider.snapshot.reader import Reader
from drs_provider.snapshot.server_rows import Row, ServerReader

#: How many executions are kept; who looks at one more has only to ask for everything
_MOST_KEPT: Final = 32


@dataclass
class _Kept:
    reader: Reader
    servers: ServerReader = field(default_factory=ServerReader)
    lock: threading.Lock = field(default_factory=threading.Lock)


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

    def servers(self) -> dict[int, list[Row]]:
        """Return the servers' rows by wave."""
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
        execution = kept.reader.execution
        execution.api = api
        # Asked for anew: that is what proves that the caller may read XComs.
        vars(execution).pop("header", None)
        snapshot = kept.reader.read()
        yield Look(kept.reader, snapshot, execution.header or {}, kept.servers)
