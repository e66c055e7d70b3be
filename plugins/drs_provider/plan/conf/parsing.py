"""Reading the run configuration (``conf``) of an execution: strict, and everything wrong at once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, ValidationError

from drs_provider.core.texts import clean_data, shown
from drs_provider.plan.conf.form import params_schema
from drs_provider.plan.conf.model import RunConf, SnapshotRule
from drs_provider.plan.conf.rules import broken_rules
from drs_provider.plan.error_messages import told_errors
from drs_provider.plan.fields import (
    Line,
    Unique,
    refusal,
)
from drs_provider.plan.model import Plan
from drs_provider.plan.problems import Parts, PlanProblem, RunConfError, format_path

__all__ = ["CONF_FILE", "RunConf", "RunConfError", "SnapshotRule", "params_schema", "parse_run_conf"]

CONF_FILE: Final = "conf"
"""What problems of a run configuration give as their file."""

_EXACT: Final = ("execution_type", "confirm_plan")
"""A RECOVERY is never guessed from what is nearly right."""

_OPTIONAL_TEXTS: Final = (
    "confirm_plan",
    "reason",
    "ticket",
    "initiated_by",
    "incident_time",
    "snapshots",
    "failed_back",
)


def _instant(value: Any) -> float:
    if not isinstance(value, str):
        raise refusal("it must be a time as text", "write it like 2026-03-01T14:30:00Z")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        message = f"`{shown(value, 80)}` is not an ISO 8601 time"
        raise refusal(message, "write it like 2026-03-01T14:30:00Z") from error
    if moment.tzinfo is None:
        raise refusal(f"`{shown(value, 80)}` has no time zone", "add Z for UTC, or an offset such as +01:00")
    return (moment - datetime.fromtimestamp(0, UTC)).total_seconds()


def snapshot_rule(value: Any) -> Any:
    """Return the form of a rule for points in time: `latest`, a time, or a map of server to snapshot."""
    if value == "latest":
        return SnapshotRule()
    if isinstance(value, str):
        return SnapshotRule(kind="not_after", not_after=_instant(value))
    if isinstance(value, Mapping) and value:
        return {"kind": "named", "snapshot_ids": value}
    raise refusal(
        "it must be `latest`, a time, or a map of server to snapshot",
        'write "latest", "2026-03-01T14:30:00Z" or {"s-…": "pit-…"}',
    )


def _names_or_all(value: Any) -> Any:
    return ("all",) if value == "all" else value


class ConfForm(RunConf):
    """The configuration in the form in which callers give it."""

    incident_time: Annotated[float, BeforeValidator(_instant)] | None = None
    snapshots: Annotated[SnapshotRule, BeforeValidator(snapshot_rule)] = SnapshotRule()
    pause_before: Annotated[tuple[Line, ...], Unique, BeforeValidator(_names_or_all)] = ()


def parse_run_conf(conf: Mapping[str, Any], plan: Plan, *, now: float | None = None) -> RunConf:
    """Check a run configuration against the plan and complete it.

    Line ends are normalized and edges trimmed. Empty values (null, and empty text where text is optional) count as not
    given, because the form in the UI sends every parameter.

    :param now: epoch seconds, for times that must not lie in the future; the clock if left out
    :raises RunConfError: with every unknown key, wrong value and impossible combination
    """
    form_data: object = conf
    if not isinstance(form_data, Mapping):
        problem = PlanProblem(CONF_FILE, "", "it must be a map of parameters", 'write {"reason": "…"}')
        raise RunConfError([problem])
    given = {key: value for key, value in clean_conf(form_data).items() if not _is_empty(key, value)}
    given.setdefault("cleanup", plan.drill.cleanup)
    form, told = _read_form(given)
    problems = [PlanProblem(CONF_FILE, _path(parts), message, remedy) for parts, message, remedy in told]
    wrong = {str(parts[0]) for parts, _, _ in told if parts}
    for rule in broken_rules(form, plan, now=time.time() if now is None else now, wrong=wrong):
        problems.append(PlanProblem(CONF_FILE, rule.key, rule.message, rule.remedy))
    if problems:
        raise RunConfError(problems)
    return _completed(form, plan)


def clean_conf(conf: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run configuration with line ends normalized and edges trimmed, except where the exact text counts."""
    return {key: value if key in _EXACT else clean_data(value) for key, value in conf.items()}


def _is_empty(key: Any, value: Any) -> bool:
    if value is None:
        return key in RunConf.model_fields  # an unknown key stays unknown
    return value == "" and key in _OPTIONAL_TEXTS


def _read_form(given: dict[str, Any]) -> tuple[ConfForm, list[tuple[Parts, str, str]]]:
    """Return what can be read, and the faults of the rest."""
    try:
        return ConfForm.model_validate(given), []
    except ValidationError as error:
        told = list(told_errors(error, ConfForm))
        wrong = {parts[0] for parts, _, _ in told if parts}
        return ConfForm.model_validate({key: value for key, value in given.items() if key not in wrong}), told


def _path(parts: Parts) -> str:
    return format_path(tuple(part for part in parts if part != "snapshot_ids"))


def _completed(form: ConfForm, plan: Plan) -> RunConf:
    selected = [wave.name for wave in form.selected_waves(plan)]
    pauses = selected if "all" in form.pause_before else form.pause_before
    return RunConf.model_validate(
        {
            **form.to_dict(),
            "waves": [name for name in selected if form.waves],
            "pause_before": [name for name in selected if name in pauses],
        }
    )
