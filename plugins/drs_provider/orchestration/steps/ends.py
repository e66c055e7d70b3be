"""Steps at the end of an attempt: their rows of the record, and remote work that goes on."""

from __future__ import annotations

import logging

from drs_provider.core.texts import cause
from drs_provider.exceptions import DrsError
from drs_provider.hooks.aws.errors import AWS_ERRORS
from drs_provider.orchestration.steps.actions import is_action, open_action
from drs_provider.orchestration.steps.open import steps_at
from drs_provider.rules.execution.frozen import FrozenStep, FrozenWave
from drs_provider.rules.record.schema import StepRow
from drs_provider.rules.steps.state import StepState
from drs_provider.rules.steps.verdict import step_row
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.steps import believed

log = logging.getLogger(__name__)


def end_of_steps(execution: Execution, wave: FrozenWave | None, place: str) -> list[StepRow]:
    """Return the steps of a place as the record keeps them; what still works for one that was stopped is stopped."""
    rows = []
    for step, state in believed(execution, steps_at(execution, place, wave), wave):
        if state is None:
            continue
        row = step_row(step, state)
        if running := _still_running(execution, step, state):
            row["stillRunning"] = running
        rows.append(row)
    return rows


def _still_running(execution: Execution, step: FrozenStep, state: StepState) -> list[str]:
    """Stop what a step has begun and did not see the end of; return what still runs, in words."""
    if state.over or step.is_check:
        return []
    found = []
    for key in state.keys_in("starting", "started"):
        subject = state.subjects[key]
        if handle := subject.get("handle"):
            text = stopped(execution, step, handle)
        else:
            text = f"{step.kind} for {subject.get('name', key)} may still run: its id is not known"
        if text:
            found.append(f"step {step.name}: {text}")
    return found


def stopped(execution: Execution, step: FrozenStep, handle: str) -> str | None:
    """Stop the remote work of an action; return what still runs in words, or None."""
    if not is_action(step.kind):
        return f"{step.kind} {handle} may still run"
    try:
        return open_action(step, step.target, execution.execution_id).stop(handle)
    except (*AWS_ERRORS, DrsError) as error:
        log.warning("Step %s: %s cannot be stopped: %s", step.name, handle, error)
        return f"{step.kind} {handle} may still run, it could not be stopped: {cause(str(error), 200)}"
