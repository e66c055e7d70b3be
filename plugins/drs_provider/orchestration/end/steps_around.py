"""Steps around all waves at the end of an attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from drs_provider import keys
from drs_provider.core.task_states import TASK_NOT_BEGUN
from drs_provider.exceptions import EvidenceError
from drs_provider.orchestration.steps.ends import end_of_steps
from drs_provider.rules.record.schema import ExecutionRecord, StepRow
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.steps import task_of, told


@dataclass(frozen=True)
class StepsAround:
    """Steps around all waves.

    :param problem: why the execution did not end well, or None; those before the first wave fail that wave
    """

    rows: list[StepRow]
    problem: str | None

    @property
    def fields(self) -> ExecutionRecord:
        """Their field of the record; none if the plan has no such steps."""
        return cast("ExecutionRecord", {"steps": self.rows} if self.rows else {})


def steps_around(execution: Execution, states: Mapping[str, str | None]) -> StepsAround:
    """Return what the steps around all waves came to.

    :param states: Airflow's state of every task of the run
    """
    rows = [row for place in keys.AROUND for row in end_of_steps(execution, None, place)]
    problems = [text for row in rows for text in row.get("stillRunning", ())]
    for step in execution.plan.after_last:
        task_id = task_of(step, None)
        if states.get(task_id) in TASK_NOT_BEGUN:
            continue
        failure = execution.view.pull(task_id, keys.FAILURE) if states.get(task_id) == "failed" else None
        if failure:
            problems.append(failure["message"])
            continue
        try:
            state = told(execution, step, None)
        except EvidenceError as error:
            problems.append(f"step {step.name}: {error}")
            continue
        if state is None or not state.over:
            problems.append(f"step {step.name} did not come to its end")
    return StepsAround(rows, "; ".join(problems) or None)
