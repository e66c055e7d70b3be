"""The verb that runs the sweeper's DAG and prints its report."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

from drs_provider import keys
from drs_provider.cli.airflow_api.client import Api, path
from drs_provider.cli.airflow_api.login import login_of
from drs_provider.cli.commands.start import check_dag, tell_health
from drs_provider.cli.conf_options import given_conf, sweep_schema
from drs_provider.cli.display.output import Output
from drs_provider.cli.exit_codes import CliError, ExitCode
from drs_provider.cli.texts import one_line
from drs_provider.core.identity import SWEEPER_DAG_ID
from drs_provider.core.task_states import RUN_OVER
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
            raise CliError("Airflow has no DAG drs_sweeper", remedy, ExitCode.NOT_FOUND)
        check_dag("the sweeper", dag)
        tell_health(api, output)
        body = {"logical_date": None, "conf": given_conf(arguments, sweep_schema())}
        run = api.post(f"/dags{path(SWEEPER_DAG_ID, 'dagRuns')}", body)
        place = f"/dags{path(SWEEPER_DAG_ID, 'dagRuns', run['dag_run_id'])}"
        state = _wait(api, place, arguments)
        report = _xcom(api, place, keys.SWEEP_REPORT)
        if report is None:
            failure = _xcom(api, place, keys.FAILURE) or {}
            message = one_line(failure.get("message") or f"the run {run['dag_run_id']} ended {state}")
            raise CliError(f"the sweep has no report: {message}", "", ExitCode.ERROR)
    _tell(report, output)
    return ExitCode.OK if report["ok"] else ExitCode.ERROR


def _wait(api: Api, place: str, arguments: argparse.Namespace) -> str:
    began = time.monotonic()
    while True:
        state = str(api.get(place)["state"])
        if state in RUN_OVER:
            return state
        if arguments.timeout is not None and time.monotonic() - began >= arguments.timeout:
            remedy = f"it goes on: {api.url}{path('dags', SWEEPER_DAG_ID)}"
            raise CliError("the sweep has not ended in time", remedy, ExitCode.TIMEOUT)
        time.sleep(arguments.interval)


def _xcom(api: Api, place: str, key: str) -> Any:
    entry = api.find(f"{place}{path('taskInstances', keys.SWEEP, 'xcomEntries', key)}", stringify="false")
    return None if entry is None else entry["value"]


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
