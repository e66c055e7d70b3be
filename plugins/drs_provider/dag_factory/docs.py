"""The plan as a page of Markdown: the DAG's documentation in Airflow's UI."""

from __future__ import annotations

from collections.abc import Sequence

from drs_provider.plan.model import Plan, Wave
from drs_provider.plan.steps.base import StepModel
from drs_provider.runtime.plain_markdown import plain_markdown


def dag_doc(plan: Plan, *, withdrawn: bool = False) -> str:
    """Return the DAG docs of a plan. They hold its content hash, so that every change makes a DAG version."""
    parts = [
        f"# {plain_markdown(plan.display_title)}",
        _withdrawn_note() if withdrawn else "",
        _facts(plan),
        "## Waves",
        _table(
            ("#", "Wave", "Starts after", "Account and Region", "Servers", "Gate", "Timeout"),
            [_wave_row(plan, wave) for wave in plan.waves],
        ),
        *_steps(plan),
        f"Plan `{plan.name}`, content hash `{plan.content_hash}`.",
    ]
    return "\n\n".join(part for part in parts if part)


def _withdrawn_note() -> str:
    return (
        "**Withdrawn:** the plan's file no longer loads, or Airflow refuses its DAG. Running executions continue from "
        "their frozen plan; nothing new can be started. The import errors name what is wrong."
    )


def _facts(plan: Plan) -> str:
    objectives = plan.objectives
    facts = {
        "Owner": plan.owner,
        "Protects": plan.business_function,
        "Criticality": plan.criticality,
        "Priority": plan.priority,
        "RTO": f"{objectives.rto_minutes} minutes" if objectives.rto_minutes else None,
        "RPO": f"{objectives.rpo_minutes} minutes" if objectives.rpo_minutes else None,
        "Drill at least every": f"{objectives.drill_every_days} days"
        if objectives.drill_every_days
        else None,
        "Drill schedule": f"{plan.schedule.cron} ({plan.schedule.timezone})" if plan.schedule else None,
        "May start a RECOVERY": ", ".join(plan.recovery.initiators) or None,
        "Approve a RECOVERY": ", ".join(plan.recovery.approvers) or None,
        "Are asked next": ", ".join(plan.recovery.escalate_to) or None,
        "Approve alone in an emergency": ", ".join(plan.recovery.emergency_approvers) or None,
    }
    rows = [(name, plain_markdown(str(value))) for name, value in facts.items() if value is not None]
    return _table(("", ""), rows)


def _wave_row(plan: Plan, wave: Wave) -> tuple[str, ...]:
    target = plan.target_of(wave)
    return (
        str(plan.wave_number(wave.name)),
        plain_markdown(wave.name),
        plain_markdown(", ".join(plan.dependencies(wave.name))) or "start",
        f"{target.account_id} {plain_markdown(target.region)}",
        plain_markdown(plan.selection_of(wave)),
        "yes" if wave.gate else "",
        f"{wave.timeout_minutes} min",
    )


def _steps(plan: Plan) -> list[str]:
    """Return a heading and a table of the plan's steps; nothing if it has none."""
    places = [("before the first wave", plan.before_first)]
    for wave in plan.waves:
        places += [(f"before {wave.name}", wave.before), (f"after {wave.name}", wave.after)]
    places.append(("after the last wave", plan.after_last))
    rows = [
        (plain_markdown(place), plain_markdown(step.label), step.kind, ", ".join(step.modes), _failure(step))
        for place, steps in places
        for step in steps
    ]
    return ["## Steps", _table(("Where", "Step", "Kind", "Runs in", "If it fails"), rows)] if rows else []


def _failure(step: StepModel) -> str:
    if not step.required:
        return "only recorded"
    return step.on_failure or "ask in a RECOVERY, fail in a DRILL"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = [f"| {' | '.join(row)} |" for row in (head, tuple("---" for _ in head), *rows)]
    return "\n".join(lines)
