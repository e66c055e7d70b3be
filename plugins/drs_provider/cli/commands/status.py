"""The verbs that look: status, watch."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from drs_provider.airflow_rest.client import Api
from drs_provider.airflow_rest.executions import Execution
from drs_provider.airflow_rest.plans import Plans
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.cli.airflow_api.login import login_of
from drs_provider.cli.commands.following import exit_code, tell, watch_to_end
from drs_provider.cli.display.output import Output
from drs_provider.core.times import format_duration, format_time
from drs_provider.snapshot.model import ExecutionSnapshot
from drs_provider.snapshot.reader import Reader

_COLUMNS = {
    "execution": "execution",
    "type": "type",
    "status": "status",
    "waves": "waves",
    "started": "started",
    "elapsed": "elapsed",
    "expected": "expected",
    "by": "by",
    "ticket": "ticket",
    "waits": "waits for",
}


def status(arguments: argparse.Namespace) -> ExitCode:
    """Show one execution, or the newest of all plans."""
    output = Output(arguments.output)
    with Api(login_of(arguments)) as api:
        if arguments.run is None:
            return _list(api, arguments.limit, output)
        snapshot = Reader(Execution.find(api, arguments.run)).read()
    tell(snapshot, output)
    return exit_code(snapshot)


def _list(api: Api, limit: int, output: Output) -> ExitCode:
    if limit < 1:
        raise RefusedError("--limit must be at least 1", "", ExitCode.REFUSED_INPUT)
    plans = Plans(api)
    runs = plans.newest([dag["dag_id"] for dag in plans.dags()], limit)
    snapshots = [Reader(Execution(api, run)).read() for run in _shown_progress(runs, output)]
    if not output.for_people:
        output.data([snapshot.to_dict() for snapshot in snapshots])
    elif snapshots:
        output.rows(_COLUMNS, [_row(snapshot) for snapshot in snapshots])
    else:
        output.say("no plan was executed yet")
    return ExitCode.OK


def _shown_progress(runs: list[dict[str, Any]], output: Output) -> Any:
    if not output.live:
        return runs
    from rich.progress import track

    return track(runs, "reading executions", console=output.console, transient=True)


def _row(snapshot: ExecutionSnapshot) -> Mapping[str, Any]:
    done = sum(wave.status == "COMPLETED" for wave in snapshot.waves)
    return {
        "execution": snapshot.name,
        "type": snapshot.execution_type,
        "status": str(snapshot.status),
        "waves": f"{done}/{len(snapshot.waves)}" if snapshot.waves else None,
        "started": format_time(snapshot.started_at),
        "elapsed": format_duration(snapshot.elapsed_seconds),
        "expected": format_duration(snapshot.expected_seconds),
        "by": snapshot.initiated_by,
        "ticket": snapshot.ticket,
        "waits": "; ".join(f"{question.label}: {question.who}" for question in snapshot.questions),
    }


def watch(arguments: argparse.Namespace) -> ExitCode:
    """Show an execution's progress until its end."""
    output = Output(arguments.output)
    with Api(login_of(arguments)) as api:
        return watch_to_end(arguments, Execution.find(api, arguments.run), output)
