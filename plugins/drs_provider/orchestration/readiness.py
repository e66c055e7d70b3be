"""Whether each plan is ready and drilled as often as it promises: a preflight of every plan, on a schedule."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drs_provider.airflow_api.run import RunFacts, RunView
from drs_provider.core.events import Event
from drs_provider.core.texts import cause
from drs_provider.core.times import format_time
from drs_provider.orchestration.look import looked_at
from drs_provider.orchestration.prepare.runbook import with_runbook
from drs_provider.plan.conf.parsing import RunConf
from drs_provider.plan.files.folder import load_catalog
from drs_provider.plan.model import Plan
from drs_provider.plan.people import People
from drs_provider.runtime.execution import execution_id_of
from drs_provider.runtime.notifications import tell_plan
from drs_provider.runtime.people import read_people
from drs_provider.runtime.plan_state import Outcome, keep_preflight, kept_of
from drs_provider.runtime.timeline import emit

log = logging.getLogger(__name__)


def look_at_plans(context: Mapping[str, Any], plans_folder: Path) -> dict[str, Any]:
    """Run the preflight of each plan, keep what it shows, tell people what they asked to be told.

    A plan that cannot be looked at keeps nobody from the others: it is named in ``failures``.

    :return: the report: ``ready``, ``notReady``, ``unknown``, ``failedOver``, ``overdue`` (names of plans), ``broken``
        (those whose file does not load), ``failures`` (plan → why it could not be looked at), ``undelivered``
    """
    catalog = load_catalog(plans_folder)
    people, _ = read_people(plans_folder)
    lists: dict[str, list[str]] = {
        name: [] for name in ("ready", "notReady", "unknown", "failedOver", "overdue")
    }
    failures: dict[str, str] = {}
    undelivered: list[dict[str, str]] = []
    for name, loaded in sorted(catalog.plans.items()):
        try:
            outcome = _look_at(context, loaded.plan, people)
        except Exception as error:  # whatever is wrong with one plan must not hide the others
            log.exception("Plan %s could not be looked at", name)
            failures[name] = cause(f"{type(error).__name__}: {error}")
            continue
        lists[_list_of(outcome)].append(name)
        if outcome.overdue_since is not None:
            lists["overdue"].append(name)
        undelivered += _told(context, loaded.plan, outcome)
    return {
        "ok": not failures,
        **lists,
        "broken": sorted(catalog.broken),
        "failures": failures,
        "undelivered": undelivered,
    }


def _look_at(context: Mapping[str, Any], plan: Plan, people: People) -> Outcome:
    run = RunFacts.of(context)
    execution_id = execution_id_of(run)
    # A drill's: it looks at more, and holds replication that stands still for an error.
    conf = RunConf(execution_type="DRILL", cleanup=plan.drill.cleanup)
    known = kept_of(plan.dag_id)
    result = looked_at(
        plan,
        conf,
        execution_id,
        initiated_by=run.initiated_by,
        known=known.instances,
        still_runs=RunView(context).another_goes_on,
        people=people,
    )
    with_runbook(result, plan, conf, execution_id, people)
    log.info("Preflight of %s:\n%s", plan.name, result.report.text())
    return keep_preflight(known, plan, conf, result, execution_id=execution_id, tells=True)


def _list_of(outcome: Outcome) -> str:
    state = outcome.state
    if state.state == "FAILED_OVER":
        return "failedOver"
    status = state.readiness.status if state.readiness else "UNKNOWN"
    return {"READY": "ready", "NOT_READY": "notReady"}.get(status, "unknown")


def _told(context: Mapping[str, Any], plan: Plan, outcome: Outcome) -> list[dict[str, str]]:
    """Send the messages of a plan; return those that were not delivered."""
    failed: dict[str, str] = {}
    readiness = outcome.state.readiness
    if outcome.lost_to_tell and readiness:
        summary = (
            f"{plan.display_title} is not ready any more: {readiness.errors} findings would stop an execution "
            f"({', '.join(readiness.codes)})"
        )
        facts: dict[str, Any] = {"errors": readiness.errors, "codes": list(readiness.codes)}
        failed |= tell_plan(
            plan, "readiness_lost", summary, context=context, since=outcome.lost_to_tell, **facts
        )
    if outcome.overdue_to_tell is not None:
        since, days = outcome.overdue_to_tell, plan.objectives.drill_every_days
        execution_id = execution_id_of(RunFacts.of(context))
        emit(execution_id, Event.DRILL_OVERDUE, plan=plan.name, since=since, drillEveryDays=days)
        last = outcome.state.drilled_at
        summary = (
            f"{plan.display_title} is overdue for a drill since {format_time(since)}: "
            f"{f'the last one that passed ended {format_time(last)}' if last else 'none is known'}, "
            f"one every {days} days is promised"
        )
        facts = {"drillEveryDays": days, "lastDrillAt": last}
        failed |= tell_plan(plan, "drill_overdue", summary, context=context, since=since, **facts)
    return [{"plan": plan.name, "notifier": notifier, "error": error} for notifier, error in failed.items()]


def report_text(report: Mapping[str, Any], *, now: float | None = None) -> str:
    """Return the report for people."""
    names = {
        "ready": "ready",
        "notReady": "NOT READY",
        "unknown": "not known",
        "failedOver": "failed over",
        "overdue": "OVERDUE FOR A DRILL",
        "broken": "plan file does not load",
    }
    lines = [f"Readiness of all plans at {format_time(time.time() if now is None else now)}:"]
    lines += [f"  {label}: {', '.join(report[key])}" for key, label in names.items() if report[key]]
    lines += [f"  {plan} could not be looked at: {why}" for plan, why in report["failures"].items()]
    lines += [
        f"  {row['plan']}: not delivered by {row['notifier']}: {row['error']}"
        for row in report["undelivered"]
    ]
    return "\n".join(lines)
