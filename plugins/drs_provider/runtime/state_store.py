"""Adapter over Airflow's task state store: small values that survive retries and clears (XComs do not)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk.execution_time.context import NEVER_EXPIRE

from drs_provider.exceptions import DrsFailError


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
        stored = self._store.get(key)
        if stored is None:
            self.set(key, value)
            return value
        return stored

    def forget(self, key: str) -> None:
        """Remove a stored value, if there is one."""
        self._store.delete(key)
