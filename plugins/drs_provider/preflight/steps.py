"""The steps that an execution will take, with what is known of them before it starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from drs_provider.core.states import ExecutionType
from drs_provider.plan.conf.parsing import RunConf
from drs_provider.plan.model import Plan, Wave
from drs_provider.plan.steps.base import Place, StepModel
from drs_provider.plan.steps.placeholders import filled, placeholders


@dataclass(frozen=True)
class AirflowReads:
    """What preflight asks Airflow about steps.

    :param dag_is_paused: None if there is no such DAG
    :param operator_problem: why plans cannot run an operator, empty if they can
    """

    dag_is_paused: Callable[[str], bool | None]
    operator_problem: Callable[[str], str]


@dataclass(frozen=True)
class PlannedStep:
    """A step of the plan.

    :param wave: None for steps around all waves
    :param target: name of the target that it is about; None if nothing tells
    :param values: placeholders whose values are known already
    :param runs: whether this type of execution runs it
    """

    step: StepModel
    place: Place
    wave: Wave | None
    target: str | None
    values: Mapping[str, str]
    runs: bool

    @property
    def subject(self) -> str:
        """The step, as the subject of a finding."""
        return f"wave {self.wave.name}" if self.wave else "plan"

    @property
    def name(self) -> str:
        """The step, in a message."""
        return f"step {self.step.label} ({self.place})"

    def known(self, setting: str) -> Any:
        """Return a setting, its known placeholders filled; None if it is not there or others are left."""
        settings = self.step.settings()
        value = settings.get(setting)
        if value is None or any(name not in self.values for name in placeholders(value)):
            return None
        return filled(value, self.values)


def planned_steps(plan: Plan, conf: RunConf, waves: tuple[Wave, ...]) -> Iterator[PlannedStep]:
    """Yield the steps of the selected waves and those around them, in the order of the plan."""
    kind = ExecutionType(conf.execution_type)
    only = plan.aws_targets()[0].name if len(plan.targets) == 1 else None
    lists: list[tuple[Place, Wave | None, tuple[StepModel, ...]]] = [
        ("before_first", None, plan.before_first)
    ]
    for wave in waves:
        lists += [("before", wave, wave.before), ("after", wave, wave.after)]
    lists.append(("after_last", None, plan.after_last))
    for place, where, steps in lists:
        target = plan.target_of(where) if where else None
        known = {"execution_type": str(kind)}
        if where and target:
            known |= {"wave_name": where.name, "account_id": target.account_id, "region": target.region}
        for step in steps:
            name = target.name if target else only
            yield PlannedStep(step, place, where, name, known, step.runs_in(kind))
