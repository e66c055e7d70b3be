"""The verbs that tell what was tested when, and what was not: from the evidence store and the plan files."""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.cli.commands.plans import plans_folder
from drs_provider.cli.display.output import Output
from drs_provider.core.times import format_time
from drs_provider.evidence.history import PastRun, coverage, past_runs, unplanned
from drs_provider.evidence.statements import statements_of
from drs_provider.evidence.store import EvidenceStore, EvidenceStoreError
from drs_provider.exceptions import DrsError
from drs_provider.plan.files.folder import load_catalog
from drs_provider.plan.model import Plan
from drs_provider.preflight.resolve import resolve_group

SESSION_NAME = "drs-evidence-coverage"
_RUNS = {
    "planId": "plan",
    "startTime": "began",
    "executionType": "type",
    "status": "status",
    "drillResult": "drill result",
    "rtoSeconds": "RTA, seconds",
    "rehearsal": "rehearsal",
    "executionId": "execution",
}
_COVERAGE = {
    "planId": "plan",
    "lastDrill": "last drill",
    "lastResult": "result",
    "lastPassed": "last passed",
    "daysSincePassed": "days since",
    "drillEveryDays": "every (days)",
    "overdue": "overdue",
    "planChanged": "plan changed since",
    "wavesNeverDrilled": "waves never drilled",
    "serversNotDrilled": "servers not in it",
}
_TIMES = {"startTime", "endTime", "lastDrill", "lastPassed"}


def history(arguments: argparse.Namespace) -> ExitCode:
    """List every attempt of the chain, oldest first."""
    _, runs = _opened(arguments)
    rows = [run.to_dict() for run in runs if arguments.plan in (None, run.plan_id)]
    _tell(_RUNS, rows, rows, arguments.output)
    return ExitCode.OK


def show_coverage(arguments: argparse.Namespace) -> ExitCode:
    """Tell for each plan what its drills have shown, and with ``--ask-aws`` which servers they left out.

    Exit code 1 if a plan is overdue or a server is in no plan.
    """
    store, runs = _opened(arguments)
    catalog = load_catalog(plans_folder(arguments.plans))
    plans = {name: loaded.plan for name, loaded in catalog.plans.items()}
    for problem in catalog.problems:
        Output().note(f"left out: {problem}")
    servers, known, lost = _servers(plans) if arguments.ask_aws else (None, {}, {})

    def report_of(run: PastRun) -> Mapping[str, Any]:
        report: dict[str, Any] = json.loads(store.read(run.report))
        return report

    try:
        rows = coverage(plans, runs, report_of, now=time.time(), servers=servers)
    except (OSError, ValueError, KeyError) as error:
        remedy = "prove the store first: airflow drs evidence verify"
        raise RefusedError(f"a report cannot be read: {error}", remedy, ExitCode.ERROR) from error
    for row in rows:
        if row["planId"] in lost:
            row["serversUnknownToDrs"] = lost[row["planId"]]
    _tell(_COVERAGE, rows, {"plans": rows, "serversInNoPlan": known}, arguments.output)
    if Output(arguments.output).for_people:
        for place, ids in known.items():
            Output().say(f"{place}: {len(ids)} source servers are in no plan: {', '.join(ids)}")
        for plan, ids in lost.items():
            Output().say(f"{plan}: DRS does not know {', '.join(ids)}")
    gaps = catalog.problems or known or lost or any(row["overdue"] for row in rows)
    return ExitCode.ERROR if gaps else ExitCode.OK


def timeline(arguments: argparse.Namespace) -> ExitCode:
    """Print what people, product and AWS did in an execution, in one order, as a page or as JSON."""
    from drs_provider.cli.display.after_action import after_action_page
    from drs_provider.evidence.after_action import after_action

    store, runs = _opened(arguments)
    plan, _, execution_id = arguments.execution.partition("/")
    mine = [run for run in runs if run.plan_id == plan and execution_id in ("", run.execution_id)]
    if not mine:
        remedy = "list them: airflow drs evidence history"
        raise RefusedError(
            f"there is no report of {arguments.execution} below {store.url}", remedy, ExitCode.NOT_FOUND
        )
    record = json.loads(store.read(mine[-1].report))["record"]
    moments = after_action(record, statements_of(store, f"{plan}/{mine[-1].execution_id}"))
    if arguments.format == "json":
        Output("json").data([moment.to_dict() for moment in moments])
    else:
        sys.stdout.write(after_action_page(record, moments))
    return ExitCode.OK


def _opened(arguments: argparse.Namespace) -> tuple[EvidenceStore, list[PastRun]]:
    from drs_provider import settings

    try:
        store = EvidenceStore(arguments.store or settings.reports_path())
        return store, past_runs(store)
    except EvidenceStoreError as error:
        raise RefusedError(str(error), "", ExitCode.ERROR) from error
    except (ValueError, KeyError, StopIteration) as error:
        remedy = "prove the store first: airflow drs evidence verify"
        raise RefusedError("the chain has a link that cannot be read", remedy, ExitCode.ERROR) from error


def _servers(
    plans: Mapping[str, Plan],
) -> tuple[dict[str, list[str]], dict[str, list[str]], dict[str, list[str]]]:
    """Ask DRS: return the servers of each plan, those in no plan by place, and those that DRS does not know by plan."""
    from drs_provider.hooks.aws.clients import aws_clients
    from drs_provider.hooks.drs.drs_api import DrsApi

    targets = {target for plan in plans.values() for target in plan.aws_targets()}
    rows: dict[str, dict[str, Any]] = {}
    try:
        for target in sorted(targets, key=lambda each: each.key):
            found = DrsApi(aws_clients(target, session_name=SESSION_NAME)).source_servers()
            rows[_place(target)] = {row["sourceServerID"]: row for row in found if "sourceServerID" in row}
    except DrsError as error:
        raise RefusedError(str(error), "", ExitCode.ERROR) from error
    held: dict[str, list[str]] = {}
    lost: dict[str, list[str]] = {}
    planned: dict[str, set[str]] = {}
    for name, plan in plans.items():
        held[name] = []
        places = {target.name: _place(target) for target in plan.aws_targets()}
        for group in plan.protection_groups.values():
            place = places[group.target]
            ids = [server.source_server_id for server in resolve_group(group, rows[place])]
            held[name] += ids
            planned.setdefault(place, set()).update(ids)
            if missing := [server for server in group.servers if server not in rows[place]]:
                lost.setdefault(name, []).extend(missing)
    return held, unplanned(rows, planned), lost


def _place(target: Any) -> str:
    return f"{target.account_id}/{target.region}"


def _tell(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]], data: Any, form: str) -> None:
    if form == "csv":
        names = list(dict.fromkeys(name for row in rows for name in row)) or list(columns)
        writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _flat(name, value) for name, value in row.items()} for row in rows)
        return
    output = Output(form)
    if not output.for_people:
        output.data(data)
        return
    shown = [{name: _flat(name, row.get(name, "")) for name in columns} for row in rows]
    output.rows(columns, shown) if shown else output.say("nothing yet")


def _flat(name: str, value: Any) -> Any:
    if name in _TIMES and isinstance(value, (int, float)):
        return format_time(value)
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
