"""What steps told: read by the tasks behind them, by the wave's decision and by the end."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from drs_provider import keys
from drs_provider.airflow_api.run import RunReader
from drs_provider.exceptions import EvidenceError
from drs_provider.rules.execution.frozen import FrozenStep, FrozenWave
from drs_provider.rules.steps.state import StepState, label_of
from drs_provider.rules.steps.verdict import Ended
from drs_provider.runtime.channels.declared import STEP_RESULT
from drs_provider.runtime.execution import Execution

log = logging.getLogger(__name__)


def task_of(step: FrozenStep, wave: FrozenWave | None) -> str:
    """Return the id of a step's task."""
    number, name = (wave.number, wave.name) if wave else (0, "")
    return keys.step_task_id(step.place, step.name, number, name)


def told(execution: Execution, step: FrozenStep, wave: FrozenWave | None) -> StepState | None:
    """Return what a step told last, or None.

    :raises EvidenceError: if it does not verify
    """
    task_id = task_of(step, wave)
    state = STEP_RESULT.read(execution, wave=wave.number if wave else 0, task_id=task_id).value
    if state is not None and state.step != label_of(step):
        raise EvidenceError(f"what {task_id} told is of another step, {state.step}; clear it")
    return state


def all_told(execution: Execution, steps: Iterable[FrozenStep], wave: FrozenWave | None) -> list[Ended]:
    """Return steps with what they told.

    :raises EvidenceError: if one does not verify
    """
    return [Ended(step, told(execution, step, wave)) for step in steps]


def believed(execution: Execution, steps: Iterable[FrozenStep], wave: FrozenWave | None) -> list[Ended]:
    """Return steps with what they told; what does not verify counts as not told, with a line in the log."""
    found = []
    for step in steps:
        try:
            state = told(execution, step, wave)
        except EvidenceError as error:
            log.warning("Step %s: %s", step.name, error)
            state = None
        found.append(Ended(step, state))
    return found


def waits_for_people(view: RunReader, task_id: str, state: str | None) -> bool:
    """Whether a task waits for an answer; a step that is deferred may also wait for what it checks."""
    if not keys.may_wait_for_people(task_id, state):
        return False
    return not keys.is_step(task_id) or view.pull(task_id, keys.ASKING) is True
