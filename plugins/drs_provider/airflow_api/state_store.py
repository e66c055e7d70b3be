"""Adapter over Airflow's task state store: small values that survive retries and clears (XComs do not)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from airflow.sdk import NEVER_EXPIRE  # type: ignore[attr-defined]

from drs_provider import keys
from drs_provider.airflow_api.run import RunView
from drs_provider.exceptions import DrsFailError

log = logging.getLogger(__name__)


class TaskState:
    """The running task's own store.

    :raises DrsFailError: if the process has none: starting jobs without it would not be safe
    """

    def __init__(self, context: Mapping[str, Any]) -> None:
        store: Any = context.get("task_state_store")
        if store is None:
            raise DrsFailError("this process has no task state store; Airflow 3.3 or newer is needed")
        self._store = store

    def get(self, key: str, default: Any = None) -> Any:
        """Return a stored value or the default."""
        return self._store.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Store a JSON value; it stays until the run is deleted."""
        self._store.set(key, value, retention=NEVER_EXPIRE)

    def once(self, key: str, value: Any) -> Any:
        """Store a value unless there is one, and return what is stored."""
        stored = self.get(key)
        if stored is None:
            self.set(key, value)
            return value
        return stored

    def forget(self, key: str) -> None:
        """Remove a stored value, if there is one."""
        self._store.delete(key)


class KeptState(TaskState):
    """A store whose values are found again if somebody deletes them: each has a copy in an XCom of `prepare`.

    A task's own XComs would not do: Airflow deletes them when the task begins again. What a start, a cleanup or answers
    of people rest on must not be forgotten; where it is signed, its copy is worth as much.
    """

    def __init__(self, context: Mapping[str, Any]) -> None:
        super().__init__(context)
        self._view = RunView(context)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a stored value, or else its copy, or the default."""
        if (stored := super().get(key)) is not None:
            return stored
        copy = self._view.pull(keys.PREPARE, self._copy_of(key))
        if copy is None:
            return default
        log.warning("The task's state lacks %s: its copy counts", key)
        return copy

    def set(self, key: str, value: Any) -> None:
        """Store a JSON value and its copy."""
        super().set(key, value)
        self._view.push_own(keys.PREPARE, self._copy_of(key), value)

    def forget(self, key: str) -> None:
        """Remove a stored value and its copy."""
        super().forget(key)
        self._view.push_own(keys.PREPARE, self._copy_of(key), None)

    def _copy_of(self, key: str) -> str:
        return keys.state_copy_key(self._view.task_id, key)
