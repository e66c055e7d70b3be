"""The verbs that steer an execution: pause, cancel, retry."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from drs_provider import keys
from drs_provider.airflow_rest.client import Api, ApiError
from drs_provider.airflow_rest.executions import Execution
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.airflow_rest.texts import command, one_line, wave_number
from drs_provider.cli.airflow_api.login import login_of
from drs_provider.cli.commands.following import watch_to_end
from drs_provider.cli.commands.retry_tasks import plan_retry
from drs_provider.cli.display.output import Output
from drs_provider.core.evidence import peek
from drs_provider.core.task_states import TASK_NOT_BEGUN, TASK_OVER
from drs_provider.core.texts import clean
from drs_provider.snapshot.model import ExecutionSnapshot
from drs_provider.snapshot.reader import Reader

#: States of a gate that has not looked yet whether somebody wants it to stop the run
_NOT_REACHED = TASK_NOT_BEGUN - TASK_OVER


def pause(arguments: argparse.Namespace) -> ExitCode:
    """Arm the gate before a wave of a running execution."""
    output = Output(arguments.output)
    with Api(login_of(arguments)) as api:
        execution = Execution.find(api, arguments.run, running=True)
        number = wave_number(arguments.wave, execution.waves)
        name = f"wave {number} {execution.waves[number]}"
        tasks = execution.tasks()
        _check_pausable(execution, tasks, number, name)
        _write_pause(execution, number, not arguments.undo)
        armed_by = _armed_by(execution, number)
    if not arguments.undo:
        text = "will wait for an approval"
    elif armed_by:
        text = f"still waits for an approval (the gate is armed by {armed_by})"
    else:
        text = "no longer pauses"
    data = {
        "planId": execution.plan,
        "dagRunId": execution.run_id,
        "waveNumber": number,
        "paused": not arguments.undo or armed_by is not None,
    }
    output.result(data, f"{execution.name} {text} before {name}")
    return ExitCode.OK


def _armed_by(execution: Execution, number: int) -> str | None:
    """Return what else armed the gate, and cannot be taken back: the plan, the run configuration, or a default."""
    gate = peek(execution.xcom(keys.PREPARE, keys.frozen_wave_key(number))).get("gate", {})
    return str(gate["armed_by"]) if gate.get("armed_by") else None


def _check_pausable(
    execution: Execution, tasks: Mapping[str, Mapping[str, Any]], number: int, name: str
) -> None:
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


def _write_pause(execution: Execution, number: int, value: bool) -> None:
    key = keys.pause_key(number)
    collection = execution.xcom_path(keys.PREPARE, key).rpartition("/")[0]
    if execution.xcom(keys.PREPARE, key) is None:
        try:
            execution.api.post(collection, {"key": key, "value": value})
        except ApiError as error:
            if error.status != httpx.codes.CONFLICT:
                raise
        else:
            return
    execution.api.patch(execution.xcom_path(keys.PREPARE, key), {"value": value})


def cancel(arguments: argparse.Namespace) -> ExitCode:
    """Mark the run failed; cleanup and finalize still run."""
    output = Output(arguments.output)
    with Api(login_of(arguments)) as api:
        execution = Execution.find(api, arguments.run, running=True)
        snapshot = Reader(execution).read()
        if snapshot.ended:
            raise RefusedError(
                f"{execution.name} has ended already: {snapshot.status}", "", ExitCode.CONFLICT
            )
        _confirm(arguments, f"Cancel the {snapshot.execution_type} {snapshot.title} ({execution.name})?")
        execution.stop(clean(arguments.reason or ""))
        ends = _instances_after(execution, snapshot)
        if arguments.wait or arguments.watch:
            output.note(f"cancelling {execution.name}: {ends}")
            code = watch_to_end(arguments, execution, output)
            return ExitCode.OK if code is ExitCode.CANCELLED else code
    said = f"cancelling {execution.name}: {ends}; jobs in DRS go on to their end"
    _leave(output, execution, said, cancelling=True)
    return ExitCode.OK


def _instances_after(execution: Execution, snapshot: ExecutionSnapshot) -> str:
    """Return what becomes of the instances of an execution that is cancelled."""
    if snapshot.execution_type != "DRILL":
        return "its instances stay"
    if (execution.header or {}).get("cleanup") == "keep":
        return "its instances stay, as plan or run configuration say"
    return "its cleanup terminates what it launched"


def retry(arguments: argparse.Namespace) -> ExitCode:
    """Clear what did not complete, with everything behind it."""
    output = Output(arguments.output)
    with Api(login_of(arguments)) as api:
        execution = Execution.find(api, arguments.run)
        snapshot = Reader(execution).read()
        chosen = [wave_number(word, execution.waves) for word in arguments.waves or ()]
        plan = plan_retry(execution, snapshot, chosen)
        for line in plan.explanation:
            output.note(line)
        _confirm(arguments, f"Run again: {', '.join(plan.labels)}, and what is behind?")
        cleared = _clear(execution, plan.task_ids)
        if arguments.wait or arguments.watch:
            output.note(f"attempt {snapshot.attempt + 1} of {execution.name} begins")
            return watch_to_end(arguments, execution, output)
    said = f"{execution.name} runs again: {', '.join(plan.labels)}, and what is behind"
    _leave(output, execution, said, cleared=cleared)
    return ExitCode.OK


def _leave(output: Output, execution: Execution, said: str, **facts: Any) -> None:
    """Tell what was done, and how to follow what comes of it."""
    data = {"planId": execution.plan, "dagRunId": execution.run_id, **facts}
    output.result(data, said, f"follow: {command('watch', execution.name)}")


def _clear(execution: Execution, task_ids: Sequence[str]) -> list[str]:
    cleared = execution.clear(task_ids)
    if not cleared:
        message = f"Airflow found none of these tasks to run again: {', '.join(task_ids)}"
        raise RefusedError(message, f"see: {command('status', execution.name)}", ExitCode.CONFLICT)
    return cleared


def _confirm(arguments: argparse.Namespace, question: str) -> None:
    """Ask on a terminal; a program has decided already."""
    if arguments.yes or not sys.stdin.isatty():
        return
    print(f"{one_line(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise RefusedError("nothing was done", "", ExitCode.REFUSED_INPUT)
