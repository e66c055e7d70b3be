"""The expected duration of an execution, when it is frozen; and what is kept of its own, when it has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from drs_provider import keys
from drs_provider.airflow_api.plan_facts import keep_fact, read_fact
from drs_provider.core.events import Event
from drs_provider.core.states import ExecutionType
from drs_provider.plan.conf.parsing import RunConf
from drs_provider.plan.model import Plan
from drs_provider.rules.execution.expectation import Expectation
from drs_provider.rules.execution.freezing import freeze_steps, freeze_waves
from drs_provider.rules.execution.frozen import FrozenPlan, FrozenWave
from drs_provider.rules.record.durations import (
    Durations,
    WaveDurations,
    believed,
    durations_of,
    kept_form,
    with_row,
    with_waves,
)
from drs_provider.rules.record.estimate import Earlier, estimate
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.history import best_effort_history
from drs_provider.runtime.timeline import emit

if TYPE_CHECKING:
    from drs_provider.preflight.run import PreflightResult

MOST_RECORDS: Final = 20
"""Records of the history table that are read where nothing was kept in Airflow yet, newest first."""


def with_expectation(header: FrozenPlan, waves: Sequence[FrozenWave]) -> FrozenPlan:
    """Return the header with the expected duration.

    Nothing known of earlier executions means the documented profile; a history table that does not answer is given up
    after seconds.
    """
    earlier = earlier_runs(header.dag_id)
    if not earlier.own:
        earlier = Earlier(_of_history(header), earlier.estate)
    expected = estimate(header.execution_type, waves, earlier, after_last=header.after_last)
    emit(
        header.execution_id,
        Event.EXPECTED_DURATION,
        seconds=round(expected.seconds),
        source=expected.source,
        executions=expected.executions,
    )
    return header.model_copy(update={"expected": expected})


def expected_of_dry_run(plan: Plan, conf: RunConf, found: PreflightResult) -> Expectation:
    """Return what would be expected of an execution that a dry run looks at."""
    waves = freeze_waves(plan, conf, found.servers, found.snapshots, found.drill_networks)
    after_last = freeze_steps(plan.after_last, "after_last", conf.execution_type, None, ())
    return estimate(
        ExecutionType(conf.execution_type), waves, earlier_runs(plan.dag_id), after_last=after_last
    )


def earlier_runs(dag_id: str) -> Earlier:
    """Return what is kept of a plan's earlier executions, and of the waves of all plans."""
    return Earlier(
        believed(Durations, read_fact(f"{keys.PLAN_DURATIONS}{dag_id}")),
        believed(WaveDurations, read_fact(keys.ESTATE_DURATIONS)),
    )


def _of_history(header: FrozenPlan) -> list[Durations]:
    """Return what the history table tells: of executions that ended before anything was kept in Airflow."""
    records = best_effort_history(header.execution_id).attempt(
        f"a search for executions of {header.plan_name}",
        lambda history: history.by_plan(header.plan_name, limit=MOST_RECORDS),
    )
    return [row for record in records or () if (row := durations_of(record)) is not None]


def keep_durations(execution: Execution, record: Mapping[str, Any]) -> None:
    """Keep how long the waves of an ended execution took, and tell what is expected of the next one like it."""
    plan = execution.plan
    earlier = earlier_runs(plan.dag_id)
    row = durations_of(record)
    if row is not None and row.waves:
        known = any(each.execution_id == row.execution_id for each in earlier.own)
        earlier = Earlier(
            with_row(earlier.own, row), earlier.estate if known else with_waves(earlier.estate, row)
        )
        keep_fact(f"{keys.PLAN_DURATIONS}{plan.dag_id}", kept_form(earlier.own))
        if not known:
            keep_fact(keys.ESTATE_DURATIONS, kept_form(earlier.estate))
    expected = estimate(plan.execution_type, execution.intact_waves()[0], earlier, after_last=plan.after_last)
    execution.view.push(keys.EXPECTED, expected.model_dump(mode="json"))


def elapsed_text(execution: Execution) -> str:
    """Return for people how long the execution has run, and what was expected of it."""
    minutes = round((execution.now() - execution.started_at) / 60)
    return f"Running for {minutes} min; expected without waiting for people: {execution.expected.text()}."


def took_text(execution: Execution, record: Mapping[str, Any]) -> str:
    """Return for people how long an ended attempt took, and what was expected of it."""
    took, waited = (round(record.get(name, 0.0) / 60) for name in ("durationSeconds", "waitingSeconds"))
    waiting = f", {waited} of them waiting for people" if waited else ""
    return f"took {took} min{waiting} (expected: {execution.expected.text()})"
