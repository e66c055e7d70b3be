"""Pausing before a wave, and taking it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drs_provider import keys
from drs_provider.airflow_rest.executions import Execution
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.airflow_rest.texts import command
from drs_provider.core.evidence import peek
from drs_provider.core.task_states import TASK_NOT_BEGUN, TASK_OVER

#: States of a gate that has not looked yet whether somebody wants it to stop the run
_NOT_REACHED = TASK_NOT_BEGUN - TASK_OVER


@dataclass(frozen=True)
class Paused:
    """What became of it.

    :param waits: whether the execution will wait for an approval
    """

    said: str
    waits: bool


def pause(execution: Execution, number: int, *, undo: bool = False) -> Paused:
    """Arm the gate before a wave of a running execution, or take that back.

    :raises RefusedError: if the gate waits already or was passed, or Airflow refuses it
    """
    tasks = execution.tasks()
    name = f"wave {number} {execution.waves[number]}"
    check_pausable(execution, tasks, number, name)
    execution.write_xcom(keys.PREPARE, keys.pause_key(number), not undo)
    armed_by = _armed_by(execution, number)
    if not undo:
        text = "will wait for an approval"
    elif armed_by:
        text = f"still waits for an approval (the gate is armed by {armed_by})"
    else:
        text = "no longer pauses"
    return Paused(f"{execution.name} {text} before {name}", not undo or armed_by is not None)


def _armed_by(execution: Execution, number: int) -> str | None:
    """Return what else armed the gate, and cannot be taken back: the plan, the run configuration, or a default."""
    gate = peek(execution.xcom(keys.PREPARE, keys.frozen_wave_key(number))).get("gate", {})
    return str(gate["armed_by"]) if gate.get("armed_by") else None


def check_pausable(
    execution: Execution, tasks: Mapping[str, Mapping[str, Any]], number: int, name: str
) -> None:
    """Refuse what would have no effect.

    :raises RefusedError: if the gate waits already or was passed, or the execution is not that far
    """
    gate = tasks[keys.gate_task_id(number)]["state"]
    if keys.waits_for_people(keys.gate_task_id(number), gate):
        message = f"the gate before {name} of {execution.name} waits already"
        raise RefusedError(message, f"answer it: {command('approve', execution.name)}", ExitCode.CONFLICT)
    if execution.ended or gate not in _NOT_REACHED:
        message = f"{execution.name} cannot pause before {name}: it is past that gate"
        raise RefusedError(message, f"see: {command('status', execution.name)}", ExitCode.CONFLICT)
    if tasks[keys.PREPARE]["state"] != "success":
        # Airflow deletes what was written to a task when that task begins.
        message = f"{execution.name} is still being prepared"
        raise RefusedError(message, "try again in a moment, or start with --pause-before", ExitCode.CONFLICT)
    if execution.left_out(number):
        message = f"{execution.name} cannot pause before {name}: the wave is not selected for it"
        raise RefusedError(message, f"see: {command('status', execution.name)}", ExitCode.CONFLICT)
