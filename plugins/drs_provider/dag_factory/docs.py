"""The plan as a page of Markdown: the DAG's documentation in Airflow's UI."""

from __future__ import annotations

from collections.abc import Sequence

from drs_provider.plan.model import Plan, Wave
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


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = [f"| {' | '.join(row)} |" for row in (head, tuple("---" for _ in head), *rows)]
    return "\n".join(lines)
