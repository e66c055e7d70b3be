"""The kinds of steps: one model each, chosen by ``check`` or ``run``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Union

from pydantic import AfterValidator, BeforeValidator, Discriminator, Tag

from drs_provider.plan.fields import refusal
from drs_provider.plan.problems import did_you_mean, quoted_list
from drs_provider.plan.steps.actions import (
    DnsChangeStep,
    LambdaStep,
    OperatorStep,
    SsmAutomationStep,
    SsmCommandAction,
    TriggerDagStep,
)
from drs_provider.plan.steps.base import CheckModel, Place, StepModel, misplaced
from drs_provider.plan.steps.checks import (
    CloudwatchAlarmStep,
    Ec2StatusStep,
    HttpStep,
    ManualStep,
    SsmCommandCheck,
    TcpStep,
)

KINDS: Final[tuple[type[StepModel], ...]] = (
    Ec2StatusStep,
    TcpStep,
    HttpStep,
    SsmCommandCheck,
    CloudwatchAlarmStep,
    ManualStep,
    SsmAutomationStep,
    SsmCommandAction,
    LambdaStep,
    TriggerDagStep,
    DnsChangeStep,
    OperatorStep,
)


def _tag(model: type[StepModel]) -> str:
    verb = "check" if issubclass(model, CheckModel) else "run"
    (kind,) = model.model_fields[verb].annotation.__args__  # type: ignore[union-attr]
    return f"{verb}: {kind}"


#: ``check: <kind>`` or ``run: <kind>`` → its model; the keys stand in the locations of pydantic's errors
BY_TAG: Final[dict[str, type[StepModel]]] = {_tag(model): model for model in KINDS}


def _named(value: Any) -> Any:
    """Refuse what names no kind, before the fields are looked at."""
    if not isinstance(value, dict):
        return value if isinstance(value, StepModel) else _refuse("a step is a mapping of fields")
    verbs = [verb for verb in ("check", "run") if verb in value]
    if len(verbs) != 1:
        _refuse("a step has both check and run" if verbs else "a step has neither check nor run")
    kind = value[verbs[0]]
    if f"{verbs[0]}: {kind}" not in BY_TAG:
        kinds = sorted(tag.removeprefix(f"{verbs[0]}: ") for tag in BY_TAG if tag.startswith(f"{verbs[0]}: "))
        remedy = did_you_mean(str(kind), kinds, f"use {quoted_list(kinds)}")
        raise refusal(f"`{verbs[0]}: {str(kind)[:80]}` is no kind of step", remedy)
    return value


def _refuse(message: str) -> Any:
    raise refusal(message, "write check: <kind> or run: <kind>, and its fields")


def _tag_of(value: Any) -> str:
    if isinstance(value, StepModel):
        return _tag(type(value))
    return f"check: {value['check']}" if "check" in value else f"run: {value['run']}"


def _unique_names(steps: tuple[StepModel, ...]) -> tuple[StepModel, ...]:
    labels = [step.label for step in steps]
    if repeated := sorted({label for label in labels if labels.count(label) > 1}):
        raise refusal(f"two steps are named `{repeated[0]}`", "give each a name of its own")
    if steps and steps[0].together:
        raise refusal("together: true in the first step does nothing", "remove it")
    return steps


if TYPE_CHECKING:
    Step = StepModel
else:
    Step = Annotated[
        Union[tuple(Annotated[model, Tag(tag)] for tag, model in BY_TAG.items())],  # noqa: UP007
        Discriminator(_tag_of),
        BeforeValidator(_named),
    ]
_Steps = Annotated[tuple[Step, ...], AfterValidator(_unique_names)]


def _placed(place: Place) -> AfterValidator:
    def check(steps: tuple[StepModel, ...]) -> tuple[StepModel, ...]:
        for step in steps:
            if told := misplaced(step, place):
                raise refusal(f"step `{step.label}`: {told[0]}", told[1])
        return steps

    return AfterValidator(check)


BeforeSteps = Annotated[_Steps, _placed("before")]
AfterSteps = Annotated[_Steps, _placed("after")]
BeforeFirstSteps = Annotated[_Steps, _placed("before_first")]
AfterLastSteps = Annotated[_Steps, _placed("after_last")]
