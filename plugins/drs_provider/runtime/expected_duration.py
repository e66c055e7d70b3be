"""The expected duration of an execution, when it is frozen: from its plan's earlier executions where they are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from drs_provider.core.events import Event
from drs_provider.rules.execution.frozen import FrozenPlan, FrozenWave
from drs_provider.rules.record.durations import expectation
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.history import best_effort_history
from drs_provider.runtime.timeline import emit

MOST_RECORDS: Final = 20
"""Records that are read, newest first: not all of them are of the same type, with the same waves, and COMPLETED."""


def with_expectation(header: FrozenPlan, waves: Sequence[FrozenWave]) -> FrozenPlan:
    """Return the header with the expected duration.

    A history that is off, empty or not reachable means the documented profile; its client gives up after seconds.
    """
    earlier = best_effort_history(header.execution_id).attempt(
        f"a search for executions of {header.plan_name}",
        lambda history: history.by_plan(header.plan_name, limit=MOST_RECORDS),
    )
    expected = expectation(header.execution_type, waves, earlier)
    emit(
        header.execution_id,
        Event.EXPECTED_DURATION,
        seconds=round(expected.seconds),
        source=expected.source,
        executions=expected.executions,
    )
    return header.model_copy(update={"expected": expected})


def elapsed_text(execution: Execution) -> str:
    """Return for people how long the execution has run, and what was expected of it."""
    minutes = round((execution.now() - execution.started_at) / 60)
    return f"Running for {minutes} min; expected without waiting for people: {execution.expected.text()}."


def took_text(execution: Execution, record: Mapping[str, Any]) -> str:
    """Return for people how long an ended attempt took, and what was expected of it."""
    took, waited = (round(record.get(name, 0.0) / 60) for name in ("durationSeconds", "waitingSeconds"))
    waiting = f", {waited} of them waiting for people" if waited else ""
    return f"took {took} min{waiting} (expected: {execution.expected.text()})"
