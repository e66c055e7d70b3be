"""The verb that runs the sweeper's DAG and prints its report."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

from drs_provider import keys
from drs_provider.acts.starting import check_dag
from drs_provider.airflow_rest.client import Api, path
from drs_provider.airflow_rest.executions import Execution
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.airflow_rest.texts import one_line
from drs_provider.cli.airflow_api.login import login_of
from drs_provider.cli.commands.start import tell_health
from drs_provider.cli.conf_options import given_conf, sweep_schema
from drs_provider.cli.display.output import Output
from drs_provider.core.identity import SWEEPER_DAG_ID
from drs_provider.core.times import format_time

_COLUMNS = {
    "kind": "finding",
    "subject": "about",
    "action": "done",
    "reason": "reason",
    "remedy": "remedy",
}


def sweep(arguments: argparse.Namespace) -> ExitCode:
    """Trigger the sweeper, wait for it, and print what it found and did."""
    output = Output(arguments.output)
    with Api(login_of(arguments)) as api:
        dag = api.find(f"/dags{path(SWEEPER_DAG_ID)}")
        if dag is None:
            remedy = "its file is recovery_sweeper.py in the DAGs folder"
            raise RefusedError("Airflow has no DAG drs_sweeper", remedy, ExitCode.NOT_FOUND)
        check_dag("the sweeper", dag)
        tell_health(api, output)
        execution = Execution.start(api, SWEEPER_DAG_ID, given_conf(arguments, sweep_schema()))
        _wait(execution, arguments)
        report = execution.xcom(keys.SWEEP, keys.SWEEP_REPORT)
        if report is None:
            ended = f"the run {execution.run_id} ended {execution.run['state']}"
            message = one_line(execution.failure(keys.SWEEP) or ended)
            raise RefusedError(f"the sweep has no report: {message}", "", ExitCode.ERROR)
    _tell(report, output)
    return ExitCode.OK if report["ok"] else ExitCode.ERROR


def _wait(execution: Execution, arguments: argparse.Namespace) -> None:
    began = time.monotonic()
    while True:
        execution.refresh()
        if execution.ended:
            return
        if arguments.timeout is not None and time.monotonic() - began >= arguments.timeout:
            remedy = f"it goes on: {execution.api.url}{path('dags', SWEEPER_DAG_ID)}"
            raise RefusedError("the sweep has not ended in time", remedy, ExitCode.TIMEOUT)
        time.sleep(arguments.interval)


def _tell(report: Mapping[str, Any], output: Output) -> None:
    if not output.for_people:
        output.data(dict(report))
        return
    counts = ", ".join(f"{number} {action}" for action, number in report["counts"].items())
    places = len(report["targets"])
    output.say(
        f"swept {format_time(report['sweptAt'])}{' (dry run)' if report['dryRun'] else ''}: "
        f"{report['recordsOpen']} open records, {places} accounts and Regions; {counts or 'nothing found'}"
    )
    if report["findings"]:
        output.rows(_COLUMNS, report["findings"])
    if report["findingsLeftOut"]:
        output.say(f"{report['findingsLeftOut']} more findings are in the log of the sweep")
    for note in report["notes"]:
        output.say(one_line(note))
    for failure in report["failures"]:
        output.say(one_line(f"FAILED: {failure}"), style="red")
