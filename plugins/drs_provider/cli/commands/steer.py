"""The verbs that steer an execution: pause, extend, cancel, retry, clean-up."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from drs_provider.acts import pausing
from drs_provider.acts.cancelling import cancel_run, check_running
from drs_provider.acts.extending import extend_hold
from drs_provider.acts.retrying import cleanup_only, clear, plan_retry
from drs_provider.airflow_rest.client import Api
from drs_provider.airflow_rest.executions import Execution
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.airflow_rest.texts import command, one_line, wave_number
from drs_provider.cli.airflow_api.login import login_of
from drs_provider.cli.commands.following import watch_to_end
from drs_provider.cli.display.output import Output
from drs_provider.snapshot.reader import Reader


def pause(arguments: argparse.Namespace) -> ExitCode:
    """Arm the gate before a wave of a running execution."""
    output = Output(arguments.output)
    with Api(login_of(arguments)) as api:
        execution = Execution.find(api, arguments.run, running=True)
        number = wave_number(arguments.wave, execution.waves)
        done = pausing.pause(execution, number, undo=arguments.undo)
    data = {
        "planId": execution.plan,
        "dagRunId": execution.run_id,
        "waveNumber": number,
        "paused": done.waits,
    }
    output.result(data, done.said)
    return ExitCode.OK


def cancel(arguments: argparse.Namespace) -> ExitCode:
    """Mark the run failed; cleanup and finalize still run."""
    output = Output(arguments.output)
    with Api(login_of(arguments)) as api:
        execution = Execution.find(api, arguments.run, running=True)
        snapshot = Reader(execution).read()
        check_running(execution, snapshot)
        _confirm(arguments, f"Cancel the {snapshot.execution_type} {snapshot.title} ({execution.name})?")
        ends = cancel_run(execution, snapshot, arguments.reason or "")
        if arguments.wait or arguments.watch:
            output.note(f"cancelling {execution.name}: {ends}")
            code = watch_to_end(arguments, execution, output)
            return ExitCode.OK if code is ExitCode.CANCELLED else code
    said = f"cancelling {execution.name}: {ends}; jobs in DRS go on to their end"
    _leave(output, execution, said, cancelling=True)
    return ExitCode.OK


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
        cleared = clear(execution, plan.task_ids)
        if arguments.wait or arguments.watch:
            output.note(f"attempt {snapshot.attempt + 1} of {execution.name} begins")
            return watch_to_end(arguments, execution, output)
    said = f"{execution.name} runs again: {', '.join(plan.labels)}, and what is behind"
    _leave(output, execution, said, cleared=cleared)
    return ExitCode.OK


def extend(arguments: argparse.Namespace) -> ExitCode:
    """Let a drill that holds before its cleanup hold longer."""
    output = Output(arguments.output)
    with Api(login_of(arguments)) as api:
        execution = Execution.find(api, arguments.run, running=True)
        done = extend_hold(execution, Reader(execution).read(), arguments.time)
    data = {"planId": execution.plan, "dagRunId": execution.run_id, "holdUntil": done.until}
    output.result(data, done.said)
    return ExitCode.OK


def clean_up(arguments: argparse.Namespace) -> ExitCode:
    """Let only a drill's cleanup look again."""
    output = Output(arguments.output)
    with Api(login_of(arguments)) as api:
        execution = Execution.find(api, arguments.run)
        snapshot = Reader(execution).read()
        cleanup = cleanup_only(execution, snapshot, execution.tasks())
        _confirm(
            arguments, f"Terminate what the DRILL {snapshot.title} ({execution.name}) launched and left?"
        )
        cleared = clear(execution, cleanup.task_ids)
        if arguments.wait or arguments.watch:
            output.note(f"attempt {snapshot.attempt + 1} of {execution.name} begins")
            return watch_to_end(arguments, execution, output)
    _leave(output, execution, f"{execution.name} cleans up again", cleared=cleared)
    return ExitCode.OK


def _leave(output: Output, execution: Execution, said: str, **facts: Any) -> None:
    """Tell what was done, and how to follow what comes of it."""
    data = {"planId": execution.plan, "dagRunId": execution.run_id, **facts}
    output.result(data, said, f"follow: {command('watch', execution.name)}")


def _confirm(arguments: argparse.Namespace, question: str) -> None:
    """Ask on a terminal; a program has decided already."""
    if arguments.yes or not sys.stdin.isatty():
        return
    print(f"{one_line(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise RefusedError("nothing was done", "", ExitCode.REFUSED_INPUT)
