"""Trying again what an execution did not do: which tasks to clear, and clearing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drs_provider import keys
from drs_provider.airflow_rest.executions import Execution
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.airflow_rest.texts import command
from drs_provider.core.states import WaveStatus
from drs_provider.core.task_states import TASK_ACTIVE
from drs_provider.snapshot.model import ExecutionSnapshot

_TERMINATED = "terminated"


@dataclass(frozen=True)
class Retry:
    """What will be cleared, with everything downstream of it.

    :param labels: what it is for people
    :param explanation: what they should know before
    """

    task_ids: tuple[str, ...]
    labels: tuple[str, ...]
    explanation: tuple[str, ...] = ()


def plan_retry(
    execution: Execution,
    snapshot: ExecutionSnapshot,
    chosen: Sequence[int] = (),
    *,
    tasks: Mapping[str, Mapping[str, Any]] | None = None,
) -> Retry:
    """Return what to clear.

    A drill that was cleaned up begins again with its first waves: the servers of those that completed are gone.

    :param chosen: numbers of waves to run again; empty: those that did not complete
    :param tasks: the run's, where they were read just now
    :raises RefusedError: if there is nothing to try again, or a wave cannot be
    """
    tasks = execution.tasks() if tasks is None else tasks
    if tasks.get(keys.PREPARE, {}).get("state") != "success":
        message = f"{execution.name} never started: {snapshot.message or snapshot.status}"
        raise RefusedError(message, "fix the cause and start a new execution", ExitCode.CONFLICT)
    states = {task_id: task["state"] for task_id, task in tasks.items()}
    waves = {wave.number: wave for wave in snapshot.waves}
    numbers = list(chosen) or [
        number for number, wave in waves.items() if wave.status in (WaveStatus.FAILED, WaveStatus.CANCELLED)
    ]
    if not numbers:
        return _without_waves(execution, snapshot, states)
    left_out = [waves[number] for number in numbers if execution.left_out(number)]
    if left_out:
        names = ", ".join(wave.name for wave in left_out)
        message = f"{names}: not selected for {execution.name}"
        raise RefusedError(message, "start a new execution with these waves", ExitCode.REFUSED_INPUT)
    _check_quiet(execution, states, numbers)
    explanation: tuple[str, ...] = ()
    if _is_cleaned_up(execution, snapshot, states):
        numbers = [number for number in waves if not execution.left_out(number)]
        explanation = ("the drill was cleaned up: it begins again with its first wave",)
    first = _first_of(execution, numbers)
    return Retry(
        tuple(task for number in first for task in _tasks_of(execution, number, states)),
        tuple(f"wave {number} {execution.waves[number]}" for number in first),
        explanation,
    )


def _without_waves(execution: Execution, snapshot: ExecutionSnapshot, states: Mapping[str, Any]) -> Retry:
    behind = [
        task_id
        for task_id, state in states.items()
        if task_id.startswith(f"{keys.AROUND[1]}.") and state in ("failed", "upstream_failed")
    ]
    if behind and not _is_cleaned_up(execution, snapshot, states):
        return Retry(tuple(behind), ("the steps behind all waves",))
    if states.get(keys.CLEANUP_DRILL) == "failed" or snapshot.left:
        return Retry((keys.CLEANUP_DRILL,), ("the drill's cleanup",))
    if not snapshot.ended:
        message, remedy = f"{execution.name} runs, and no wave of it has failed", "name waves: --waves"
    else:
        message, remedy = f"every wave of {execution.name} completed or was skipped", "start a new execution"
    raise RefusedError(f"there is nothing to try again: {message}", remedy, ExitCode.CONFLICT)


def _check_quiet(execution: Execution, states: Mapping[str, Any], numbers: Sequence[int]) -> None:
    """Refuse to clear a wave whose tasks run, for the run goes on with it already, or that the DAG has no more."""
    for number in numbers:
        name = f"wave {number} {execution.waves[number]} of {execution.name}"
        tasks = [state for task_id, state in states.items() if task_id.startswith(f"wave_{number}_")]
        found = {*tasks, states.get(keys.gate_task_id(number))}
        if found & TASK_ACTIVE:
            remedy = "wait for its end, or cancel the execution"
            raise RefusedError(f"{name} runs or waits", remedy, ExitCode.CONFLICT)
        if "removed" in found:
            message = f"{name} is not in the DAG any more: the plan was edited"
            raise RefusedError(message, "start a new execution", ExitCode.CONFLICT)


def _is_cleaned_up(execution: Execution, snapshot: ExecutionSnapshot, states: Mapping[str, Any]) -> bool:
    if snapshot.execution_type != "DRILL" or states.get(keys.CLEANUP_DRILL) != "success":
        return False
    cleanup = execution.facts(keys.CLEANUP_DRILL, keys.CLEANUP)
    return cleanup.get("action") == _TERMINATED and bool(cleanup.get("instances"))


def _first_of(execution: Execution, numbers: Sequence[int]) -> list[int]:
    """Return the waves of these that wait for none of the others: the rest is downstream of them."""
    after = {ref["number"]: set(ref["depends_on"]) for ref in (execution.header or {}).get("waves", ())}

    def behind(number: int) -> set[int]:
        found: set[int] = set()
        open_numbers = set(after.get(number, ()))
        while open_numbers:
            found |= open_numbers
            open_numbers = {each for one in open_numbers for each in after.get(one, ())} - found
        return found

    return sorted(number for number in set(numbers) if not behind(number) & set(numbers))


def _tasks_of(execution: Execution, number: int, states: Mapping[str, Any]) -> list[str]:
    """Return the head of a wave; its gate too, unless somebody let the wave pass there.

    Steps before it look again, those before all waves only if they did not pass.
    """
    gate = keys.gate_task_id(number)
    group = keys.wave_group_id(number, execution.waves[number])
    steps = [task_id for task_id in states if task_id.startswith(f"{group}.before_")]
    first = [
        task_id
        for task_id, state in states.items()
        if task_id.startswith(f"{keys.AROUND[0]}.") and state != "success" and not _behind(execution, number)
    ]
    head = [*first, *steps, keys.wave_task_id(number, execution.waves[number], keys.START_RECOVERY)]
    return head if states.get(gate) == "success" else [gate, *head]


def _behind(execution: Execution, number: int) -> bool:
    """Whether a wave waits for another one."""
    refs = (execution.header or {}).get("waves", ())
    return any(ref["number"] == number and ref["depends_on"] for ref in refs)


def cleanup_only(
    execution: Execution, snapshot: ExecutionSnapshot, tasks: Mapping[str, Mapping[str, Any]]
) -> Retry:
    """Return what to clear so that only a drill's cleanup looks again.

    :raises RefusedError: if the drill still runs, or nothing of it is left to clean up
    """
    if snapshot.execution_type != "DRILL":
        message = f"{execution.name} is a {snapshot.execution_type}: its instances stay"
        raise RefusedError(message, "", ExitCode.CONFLICT)
    if not snapshot.ended:
        message = f"{execution.name} runs, and cleans up at its end"
        raise RefusedError(message, "give its verdict, or cancel it", ExitCode.CONFLICT)
    if tasks.get(keys.CLEANUP_DRILL, {}).get("state") != "failed" and not snapshot.left:
        message = f"{execution.name} left nothing that its cleanup would terminate"
        raise RefusedError(message, f"see: {command('status', execution.name)}", ExitCode.CONFLICT)
    return Retry((keys.CLEANUP_DRILL,), ("the drill's cleanup",))


def clear(execution: Execution, task_ids: Sequence[str]) -> list[str]:
    """Clear tasks with everything behind them, which begins the next attempt; return what was cleared.

    :raises RefusedError: if Airflow finds none of them, or refuses it
    """
    cleared = execution.clear(task_ids)
    if not cleared:
        message = f"Airflow found none of these tasks to run again: {', '.join(task_ids)}"
        raise RefusedError(message, f"see: {command('status', execution.name)}", ExitCode.CONFLICT)
    return cleared
