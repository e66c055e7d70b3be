"""The runbook of a plan, written anew after each preflight: what is in hand on the night when Airflow is gone."""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from drs_provider import settings
from drs_provider.core.events import Event
from drs_provider.core.states import ExecutionType
from drs_provider.core.texts import cause
from drs_provider.plan.conf.parsing import RunConf
from drs_provider.plan.model import Plan
from drs_provider.plan.people import People
from drs_provider.preflight.catalog import found
from drs_provider.preflight.findings import build_report
from drs_provider.preflight.run import PreflightResult
from drs_provider.runtime.timeline import emit

log = logging.getLogger(__name__)

LONGEST_SECONDS = 10.0
"""How long a recovery waits for the place of its runbook."""


def with_runbook(
    result: PreflightResult, plan: Plan, conf: RunConf, execution_id: str, people: People
) -> PreflightResult:
    """Write the runbook of a plan's RECOVERY where ``[drs] reports_path`` says; return what preflight found with it.

    A run that selects some waves only writes none: it would replace that of the whole plan. What goes wrong here
    changes no outcome: it is a warning of preflight and an event.
    """
    folder = settings.get("reports_path")
    if not folder or len(conf.selected_waves(plan)) < len(plan.waves):
        return result
    if any(group not in result.servers for wave in plan.waves for group in wave.groups):
        log.warning("No runbook is written: the plan's servers are not known; the one before stays")
        return result
    outcome = _bounded(partial(_write, result, plan, conf, folder, people))
    if isinstance(outcome, str):
        emit(execution_id, Event.RUNBOOK_WRITTEN, page=outcome)
        return result
    log.error("The runbook could not be written below %s", folder, exc_info=outcome)
    told = cause(f"{type(outcome).__name__}: {outcome}")
    emit(execution_id, Event.RUNBOOK_FAILED, error=told)
    finding = found(
        ExecutionType(conf.execution_type),
        "runbook_not_written",
        "reports_path",
        f"the runbook could not be written below {folder}, the one before stays: {told}",
        "Correct `[drs] reports_path`, its connection or its rights; or write one yourself: airflow drs plans runbook.",
    )
    report = result.report
    merged = build_report(
        [*report.findings, finding],
        checked_at=report.checked_at,
        server_count=report.server_count,
        initiated_by=report.overridden_by,
    )
    return replace(result, report=merged)


def _bounded(write_it: Callable[[], str]) -> str | Exception:
    """Return the address of the page, or what went wrong; a storage that hangs holds no recovery up."""
    outcome: list[str | Exception] = [TimeoutError(f"not written within {LONGEST_SECONDS:g} s")]

    def write() -> None:
        try:
            outcome.append(write_it())
        except Exception as error:  # whatever a storage raises changes no outcome
            outcome.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(write,), daemon=True)
    thread.start()
    thread.join(LONGEST_SECONDS)
    return outcome[-1]


def _write(result: PreflightResult, plan: Plan, conf: RunConf, folder: str, people: People) -> str:
    from drs_provider.runbook.files import write_runbook
    from drs_provider.runbook.resolved import runbook_of

    recovers = conf.execution_type == ExecutionType.RECOVERY
    made = runbook_of(
        plan,
        # From a drill: the plan's own gates and the newest points in time; what a drill chose is not for a disaster.
        conf if recovers else RunConf(execution_type="RECOVERY", confirm_plan=plan.name),
        result.servers,
        result.snapshots if recovers else {},
        written_at=result.report.checked_at,
        findings=[finding.text() for finding in result.report.findings],
        people=people,
    )
    return write_runbook(made, folder).page
