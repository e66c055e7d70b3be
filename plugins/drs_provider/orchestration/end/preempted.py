"""What other executions had to do with the end of an attempt."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

from drs_provider import keys
from drs_provider.exceptions import EvidenceError
from drs_provider.rules.concurrency.preemption import Override, Preemption
from drs_provider.runtime.channels.declared import OVERRIDES
from drs_provider.runtime.execution import Execution

log = logging.getLogger(__name__)


def preemption_of(execution: Execution) -> Preemption | None:
    """Return the notice with which a RECOVERY cancelled the drill; one that does not verify was told by the tasks."""
    try:
        return execution.preemption()
    except EvidenceError as error:
        log.warning("%s", error)
        return None


def without_repetition(notice: Preemption, problems: Sequence[str]) -> list[str]:
    """Return why a drill was cancelled: the notice first and once, then what else its waves tell."""
    rest = (problem.replace(notice.message(), "").lstrip("; ") for problem in problems)
    return [notice.text(), *(problem for problem in rest if problem)]


def prepare_problem(execution: Execution, states: Mapping[str, str | None]) -> str | None:
    """Return why `prepare` refused a later attempt, if it did: then no wave has anything to tell."""
    if states.get(keys.PREPARE) != "failed":
        return None
    failure = execution.view.pull(keys.PREPARE, keys.FAILURE) or {}
    return failure.get("message")


def later_overrides(execution: Execution) -> list[Override]:
    """Return what later attempts overrode; the first one's overrides are in the frozen plan."""
    told: dict[str, Override] = {}
    starts = [keys.wave_task_id(ref.number, ref.name, keys.START_RECOVERY) for ref in execution.plan.waves]
    for task_id in (keys.PREPARE, *starts):
        try:
            told |= _by_what(OVERRIDES.read(execution, task_id=task_id).value or ())
        except EvidenceError as error:
            log.warning("What %s overrode is left out: %s", task_id, error)
    return list(told.values())


def _by_what(items: Iterable[Override]) -> dict[str, Override]:
    return {item["what"]: item for item in items}
