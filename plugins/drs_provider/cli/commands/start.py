"""The verbs that start something: drill, recover, preflight."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from drs_provider import keys
from drs_provider.acts.starting import check_confirmed, check_startable, trigger, unhealthy
from drs_provider.airflow_rest.client import Api
from drs_provider.airflow_rest.executions import Execution
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.airflow_rest.texts import command, one_line
from drs_provider.cli.airflow_api.login import login_of
from drs_provider.cli.commands.following import Silent, follow, watch_to_end
from drs_provider.cli.conf_options import DRY_RUN, EXECUTION_TYPE, given_conf
from drs_provider.cli.display.output import Output
from drs_provider.core.texts import named
from drs_provider.core.times import format_time

_FINDING_COLUMNS = {
    "severity": "severity",
    "subject": "about",
    "message": "finding",
    "servers": "servers",
    "remedy": "remedy",
}
_NAMED_SERVERS = 5


def drill(arguments: argparse.Namespace) -> ExitCode:
    """Start a drill."""
    return _start(arguments, {EXECUTION_TYPE: "DRILL", **given_conf(arguments)})


def recover(arguments: argparse.Namespace) -> ExitCode:
    """Start a RECOVERY; on a terminal the plan's name must be typed."""
    conf = {EXECUTION_TYPE: "RECOVERY", **given_conf(arguments)}
    if "confirm_plan" not in conf:
        conf["confirm_plan"] = _typed_name(arguments.plan)
    check_confirmed(arguments.plan, conf["confirm_plan"])
    return _start(arguments, conf)


def _typed_name(plan: str) -> str:
    if not sys.stdin.isatty():
        remedy = f"give --confirm-plan {plan}"
        raise RefusedError(
            "a RECOVERY must be confirmed with the plan's name", remedy, ExitCode.REFUSED_INPUT
        )
    print(f"This starts a RECOVERY of {plan}: the failover itself, not a drill.", file=sys.stderr)
    print("Type the plan's name to go on: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def _start(arguments: argparse.Namespace, conf: Mapping[str, Any]) -> ExitCode:
    output = Output(arguments.output)
    with Api(login_of(arguments)) as api:
        check_startable(api, arguments.plan)
        tell_health(api, output)
        execution, is_new = trigger(api, arguments.plan, conf, arguments.run_id)
        if not (arguments.wait or arguments.watch):
            _tell_started(execution, output, is_new)
            return ExitCode.OK
        output.note(f"{'started' if is_new else 'exists already'}: {execution.name}  {execution.link}")
        return watch_to_end(arguments, execution, output)


def tell_health(api: Api, output: Output) -> None:
    """Warn if a component that executions need is not healthy."""
    if sick := unhealthy(api):
        output.note(f"warning: Airflow's {', '.join(sick)} is not healthy; the execution waits until it is")


def _tell_started(execution: Execution, output: Output, is_new: bool) -> None:
    data = {
        "planId": execution.plan,
        "dagId": execution.dag_id,
        "dagRunId": execution.run_id,
        "runState": execution.run["state"],
        "started": is_new,
        "initiatedBy": execution.run.get("triggering_user_name"),
        "link": execution.link,
    }
    exists = f"{execution.name} exists already ({execution.run['state']}); nothing was started"
    output.result(
        data,
        f"started {execution.name}" if is_new else exists,
        f"follow: {command('watch', execution.name)}",
        f"        {execution.link}",
    )


def preflight(arguments: argparse.Namespace) -> ExitCode:
    """Run a dry run and print what it found."""
    output = Output(arguments.output)
    conf = {EXECUTION_TYPE: arguments.execution_type, **given_conf(arguments), DRY_RUN: True}
    if arguments.execution_type == "RECOVERY":
        # Nothing is launched: there is nothing to confirm.
        conf["confirm_plan"] = arguments.plan
    with Api(login_of(arguments)) as api:
        check_startable(api, arguments.plan)
        tell_health(api, output)
        execution, _ = trigger(api, arguments.plan, conf, None)
        shown = output.console.status(f"preflight of {arguments.plan} …") if output.live else nullcontext()
        with shown:
            snapshot = follow(
                execution,
                Silent(output),
                interval_seconds=arguments.interval,
                timeout_seconds=arguments.timeout,
            )
        report = execution.xcom(keys.PREPARE, keys.PREFLIGHT)
    if report is None:
        why = snapshot.message or snapshot.status
        raise RefusedError(f"preflight of {arguments.plan} was refused: {why}", "", ExitCode.REFUSED_INPUT)
    return tell_findings(arguments.plan, execution, report, output)


def tell_findings(plan: str, execution: Execution, report: Mapping[str, Any], output: Output) -> ExitCode:
    """Print a preflight report and return the exit code for its worst finding."""
    counts = report["counts"]
    if not output.for_people:
        output.data({"planId": plan, "dagRunId": execution.run_id, **report})
    else:
        verdict = "nothing stops an execution now" if report["ok"] else "an execution would not start now"
        output.say(
            f"{plan}: {verdict} ({report['serverCount']} servers, {counts['block']} blocking, {counts['warn']} "
            f"warnings, checked {format_time(report['checkedAt'])})"
        )
        rows = [{**finding, "servers": _servers(finding)} for finding in report["findings"]]
        if rows:
            output.rows(_FINDING_COLUMNS, rows)
        if report.get("findingsLeftOff"):
            output.say(f"{report['findingsLeftOff']} more findings are not shown: see {execution.link}")
    if not report["ok"]:
        return ExitCode.BLOCKED
    return ExitCode.WARNINGS if counts["warn"] else ExitCode.OK


def _servers(finding: Mapping[str, Any]) -> str:
    names = [
        one_line(f"{server.get('serverName') or server['sourceServerId']} {server.get('detail', '')}".strip())
        for server in finding["servers"][:_NAMED_SERVERS]
    ]
    return named(names, _NAMED_SERVERS, total=finding["serverCount"])
