"""The verbs for plan files. They read files only: no Airflow that runs, no AWS."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.airflow_rest.texts import one_line
from drs_provider.cli.display.output import Output
from drs_provider.plan.files.folder import Catalog, LoadedPlan, load_catalog, load_people
from drs_provider.plan.model import Plan, Wave
from drs_provider.plan.problems import PlanProblem, did_you_mean, quoted_list

_PLAN_COLUMNS = {
    "plan": "plan",
    "title": "title",
    "waves": "waves",
    "accounts": "accounts and Regions",
    "rto": "RTO",
    "rpo": "RPO",
    "schedule": "schedule",
    "file": "file",
}
_WAVE_COLUMNS = {
    "wave": "wave",
    "after": "starts after",
    "target": "account, Region",
    "servers": "servers",
    "gate": "gate",
    "least": "at least",
    "timeout": "timeout",
}


def plans_folder(given: str | None) -> Path:
    """Return the folder of the plan files.

    :raises RefusedError: if it does not exist
    """
    folder = Path(given) if given else _configured_folder()
    if not folder.is_dir():
        raise RefusedError(
            f"there is no folder {folder}",
            "name the folder with the plan files: --plans",
            ExitCode.REFUSED_INPUT,
        )
    return folder


def _configured_folder() -> Path:
    from airflow.sdk.configuration import conf

    from drs_provider import settings

    return Path(settings.get("plans_folder") or Path(conf.get("core", "dags_folder")) / "plans")


def list_plans(arguments: argparse.Namespace) -> ExitCode:
    """List the plans of a folder, or what the plans of an Airflow are now."""
    if arguments.state:
        from drs_provider.cli.commands.plan_state import list_states

        return list_states(arguments)
    catalog, output = load_catalog(plans_folder(arguments.plans)), Output(arguments.output)
    rows = [_plan_row(loaded) for loaded in catalog.plans.values()]
    if output.for_people:
        if rows:
            output.rows(_PLAN_COLUMNS, [{**row, "accounts": "; ".join(row["accounts"])} for row in rows])
        else:
            output.say(f"no plans in {catalog.folder}")
    else:
        output.data(rows)
    if catalog.problems:
        output.note(f"{len(catalog.problems)} problems in {catalog.folder}; see: plans validate")
    return ExitCode.OK


def _plan_row(loaded: LoadedPlan) -> dict[str, Any]:
    plan, objectives = loaded.plan, loaded.plan.objectives
    return {
        "plan": plan.name,
        "title": plan.display_title,
        "waves": len(plan.waves),
        "accounts": [f"{target.account_id} {target.region}" for target in plan.aws_targets()],
        "rto": _minutes(objectives.rto_minutes),
        "rpo": _minutes(objectives.rpo_minutes),
        "schedule": f"{plan.schedule.cron} {plan.schedule.timezone}" if plan.schedule else None,
        "file": str(loaded.file),
    }


def _minutes(minutes: float | None) -> str | None:
    return None if minutes is None else f"{minutes} min"


def validate(arguments: argparse.Namespace) -> ExitCode:
    """Tell everything that is wrong."""
    catalog, output = load_catalog(plans_folder(arguments.plans)), Output(arguments.output)
    problems = _problems_of(catalog, arguments.names)
    if not catalog.plans and not problems:
        remedy = (
            "plan files end in .yaml or .yml, and subfolders are not looked at; name another folder: --plans"
        )
        raise RefusedError(f"there is no plan in {catalog.folder}", remedy, ExitCode.REFUSED_INPUT)
    good = [name for name in catalog.plans if not arguments.names or name in arguments.names]
    if output.for_people:
        for problem in problems:
            output.say(one_line(problem))
        output.say(f"{len(good)} plans are good: {', '.join(good)}" if good else "no plan is good")
    else:
        output.data({"plans": good, "problems": [asdict(problem) for problem in problems]})
    return ExitCode.REFUSED_INPUT if problems else ExitCode.OK


def _problems_of(catalog: Catalog, names: Sequence[str]) -> tuple[PlanProblem, ...]:
    """Return the problems of a catalog, or those that concern some of its plans."""
    if not names:
        return catalog.problems
    found: list[PlanProblem] = []
    for name in names:
        if name in catalog.broken:
            found += catalog.broken[name]
        elif name not in catalog.plans:
            raise _unknown(catalog, name)
    return tuple(dict.fromkeys(found))


def _unknown(catalog: Catalog, name: str) -> RefusedError:
    known = [*catalog.plans, *catalog.broken]
    remedy = did_you_mean(name, known, f"the plans are {quoted_list(sorted(known)) or 'none'}")
    return RefusedError(
        f"there is no plan `{one_line(name)}` in {catalog.folder}", remedy, ExitCode.NOT_FOUND
    )


def loaded_plan(arguments: argparse.Namespace) -> LoadedPlan:
    """Return the plan that a verb names.

    :raises RefusedError: if there is none of this name, or if it does not load
    """
    catalog = load_catalog(plans_folder(arguments.plans))
    if arguments.plan in catalog.plans:
        return catalog.plans[arguments.plan]
    if arguments.plan in catalog.broken:
        problems = "; ".join(str(problem) for problem in catalog.broken[arguments.plan])
        raise RefusedError(f"plan {arguments.plan} does not load: {problems}", "", ExitCode.REFUSED_INPUT)
    raise _unknown(catalog, arguments.plan)


def show(arguments: argparse.Namespace) -> ExitCode:
    """Show a plan: a summary for people, the whole of it for programs; or what it is now."""
    if arguments.state:
        from drs_provider.cli.commands.plan_state import show_state

        return show_state(arguments)
    loaded, output = loaded_plan(arguments), Output(arguments.output)
    plan = loaded.plan
    if not output.for_people:
        output.data(plan.to_dict())
        return ExitCode.OK
    output.say(one_line(f"{plan.display_title} ({plan.name})"), style="bold")
    for name, value in _facts(loaded).items():
        if value:
            output.say(one_line(f"{name}: {value}"))
    output.rows(_WAVE_COLUMNS, [_wave_row(plan, wave) for wave in plan.waves])
    return ExitCode.OK


def _facts(loaded: LoadedPlan) -> dict[str, Any]:
    plan, objectives = loaded.plan, loaded.plan.objectives
    people, _ = load_people(loaded.file.parent)

    def told(names: Sequence[str]) -> str:
        return ", ".join(map(people.told, names))

    schedule = plan.schedule
    return {
        "owner": plan.owner,
        "protects": plan.business_function,
        "criticality": plan.criticality,
        "RTO": _minutes(objectives.rto_minutes),
        "RPO": _minutes(objectives.rpo_minutes),
        "drill at least every": f"{objectives.drill_every_days} days"
        if objectives.drill_every_days
        else None,
        "drill schedule": f"{schedule.cron} ({schedule.timezone})" if schedule else None,
        "excluded": "; ".join(f"{e.first} to {e.last}: {e.reason}" for e in schedule.exclude)
        if schedule
        else None,
        "may start a RECOVERY": told(plan.recovery.initiators) or "whoever may trigger its DAG",
        "approve a RECOVERY": told(plan.recovery.approvers),
        "are asked next": told(plan.recovery.escalate_to),
        "approve a RECOVERY alone in an emergency": told(plan.recovery.emergency_approvers),
        "drill instances afterwards": plan.drill.cleanup,
        "file": ", ".join(str(file) for file in (loaded.file, *loaded.libraries)),
        "content hash": plan.content_hash,
    }


def _wave_row(plan: Plan, wave: Wave) -> dict[str, Any]:
    target = plan.target_of(wave)
    gate = wave.gate
    return {
        "wave": f"{plan.wave_number(wave.name)} {wave.name}",
        "after": ", ".join(plan.dependencies(wave.name)) or "start",
        "target": f"{target.account_id} {target.region}",
        "servers": plan.selection_of(wave),
        "gate": None if gate is None else (", ".join(gate.approvers) or "anybody"),
        "least": wave.min_launched,
        "timeout": f"{wave.timeout_minutes} min",
    }


def graph(arguments: argparse.Namespace) -> ExitCode:
    """Draw the order of the waves."""
    from drs_provider.cli.display.wave_graph import drawn

    print(drawn(loaded_plan(arguments).plan, arguments.format), end="")
    return ExitCode.OK
