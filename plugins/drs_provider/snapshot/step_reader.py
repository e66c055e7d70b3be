"""Reads the steps of an execution: what their tasks keep, for people; the command line has no key to prove it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from drs_provider import keys
from drs_provider.airflow_rest.executions import Execution, has_told, role_of
from drs_provider.core.task_states import TASK_OVER
from drs_provider.rules.steps.state import StepStatus
from drs_provider.snapshot.model import StepSnapshot


class StepReader:
    """The steps of one execution, looked at as often as :meth:`read` is called."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._over: dict[tuple[str, Any], StepSnapshot] = {}

    def read(self, tasks: Mapping[str, Mapping[str, Any]], wave_number: int) -> list[StepSnapshot]:
        """Return the steps of a wave (0: around all waves) that have begun, in the order in which they did."""
        found = []
        for task_id, task in tasks.items():
            role = role_of(task_id)
            if role and role.task == keys.STEP and role.wave_number == wave_number and has_told(task):
                found.append((str(task["start_date"]), self._step(task_id, role, task)))
        return [step for _, step in sorted(found, key=lambda item: item[0])]

    def _step(self, task_id: str, role: keys.TaskRole, task: Mapping[str, Any]) -> StepSnapshot:
        key = (task_id, task["start_date"])
        if key in self._over:
            return self._over[key]
        told = self._execution.facts(keys.PREPARE, keys.state_copy_key(task_id, keys.STEP_RESULT))
        output = str(told.get("reason") or told.get("output") or "")
        status = str(told.get("status") or StepStatus.RUNNING)
        step = StepSnapshot(role.step_name, role.place, status, output)
        if task["state"] in TASK_OVER:
            self._over[key] = step
        return step


def recorded_steps(rows: Iterable[Mapping[str, Any]]) -> list[StepSnapshot]:
    """Return the steps of a record."""
    return [
        StepSnapshot(
            str(row["name"]),
            str(row["place"]),
            str(row["status"]),
            _accepted(row) or str(row.get("reason") or row.get("output") or ""),
        )
        for row in rows
    ]


def _accepted(row: Mapping[str, Any]) -> str:
    if "acceptedBy" not in row:
        return ""
    return f"{row.get('output', '')}; accepted by {row['acceptedBy']}: {row.get('reason', '')}"
