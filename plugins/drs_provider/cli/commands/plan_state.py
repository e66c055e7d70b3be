"""What plans are now: protected, failed over or not protected; ready; drilled. As the recovery page tells it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from drs_provider.airflow_rest.client import Api, ApiError, path
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.airflow_rest.texts import one_line
from drs_provider.cli.airflow_api.login import login_of
from drs_provider.cli.display.output import Output
from drs_provider.core.times import format_time

_PAGE = 100
_COLUMNS = {
    "plan": "plan",
    "state": "state",
    "since": "since",
    "ready": "ready",
    "checked": "looked at",
    "drill": "last drill",
    "days": "days since",
    "next": "next drill",
    "running": "runs",
}
_SERVER_COLUMNS = {
    "name": "server",
    "sourceServerId": "source server",
    "origin": "origin",
    "place": "runs in",
    "instanceId": "instance",
    "privateIp": "private IP",
    "pointInTime": "data of",
}


def list_states(arguments: argparse.Namespace) -> ExitCode:
    """List what the plans of an Airflow are now."""
    output = Output(arguments.output)
    with Api(login_of(arguments)) as api:
        rows: list[dict[str, Any]] = []
        while True:
            page = _asked(api, "/plans", offset=len(rows), limit=_PAGE)
            rows += page["plans"]
            if not page["plans"] or len(rows) >= page["total"]:
                break
    if not output.for_people:
        output.data(rows)
    elif rows:
        output.rows(_COLUMNS, [_row(row) for row in rows])
    else:
        output.say("Airflow has no plans that you may see")
    return ExitCode.OK


def show_state(arguments: argparse.Namespace) -> ExitCode:
    """Show what one plan is now, and what failback needs if it has failed over."""
    output = Output(arguments.output)
    with Api(login_of(arguments)) as api:
        plan = _asked(api, f"/plans{path(arguments.plan)}")
    if not output.for_people:
        names = (
            "planId",
            "title",
            "state",
            "stateSince",
            "stateWhy",
            "readiness",
            "lastDrill",
            "drillEveryDays",
        )
        more = ("daysSinceDrill", "drillOverdue", "nextDrill", "running", "failover")
        output.data({name: plan[name] for name in (*names, *more) if plan.get(name) is not None})
        return ExitCode.OK
    output.say(one_line(f"{plan['title']} ({plan['planId']})"), style="bold")
    since = f" since {format_time(plan['stateSince'])}" if plan.get("stateSince") else ""
    why = f": {plan['stateWhy']}" if plan.get("stateWhy") else ""
    output.say(one_line(f"{plan['state']}{since}{why}"))
    told = _row(plan)
    output.say(one_line(f"ready: {told['ready']}, looked at {told['checked']}"))
    output.say(one_line(f"last drill: {told['drill'] or 'none is known'}; next: {told['next']}"))
    if failover := plan.get("failover"):
        output.rows(_SERVER_COLUMNS, [_server(server) for server in failover["servers"]])
    return ExitCode.OK


def _asked(api: Api, place: str, **params: Any) -> Any:
    try:
        return api.of_page(place, **params)
    except ApiError as error:
        if error.code is not ExitCode.NOT_FOUND or place != "/plans":
            raise
        raise RefusedError(
            "this Airflow has no recovery page, which tells the state of plans",
            "install the plugin of this package in the API server",
            ExitCode.NOT_FOUND,
        ) from error


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    readiness, drill, days = row["readiness"], row.get("lastDrill"), row.get("daysSinceDrill")
    ready = readiness["status"]
    if readiness.get("errors"):
        ready += f", {readiness['errors']} errors"
    promised = f" of {row['drillEveryDays']}" if row.get("drillEveryDays") else ""
    overdue = ", OVERDUE" if row.get("drillOverdue") else ""
    return {
        "plan": row["planId"],
        "state": row["state"],
        "since": format_time(row.get("stateSince")),
        "ready": ready,
        "checked": format_time(readiness.get("at")),
        "drill": f"{drill['result']}, {format_time(drill['at'])}" if drill else None,
        "days": None
        if days is None and not overdue
        else f"{'-' if days is None else days}{promised}{overdue}",
        "next": format_time(row.get("nextDrill")),
        "running": ", ".join(run["runId"] for run in row["running"]),
    }


def _server(server: Mapping[str, Any]) -> dict[str, Any]:
    origin = (server.get("originAccountId"), server.get("originZone") or server.get("originRegion"))
    return {
        **server,
        "origin": " ".join(part for part in origin if part) or "outside of AWS",
        "place": f"{server.get('accountId', '')} {server.get('region', '')}",
        "pointInTime": format_time(server.get("pointInTime")),
    }
