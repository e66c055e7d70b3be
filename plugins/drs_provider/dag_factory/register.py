"""Which DAGs a parse of the DAG file yields. It never raises for a bad plan and never looks at the network.

One DAG that Airflow refuses makes all DAGs of its file stale, and Airflow looks only at runs of DAGs that are not. So
each DAG is tried before it is handed out, and a plan has several forms: whole; withdrawn, in its last good content or
its present one; and in a task's own process, only that task.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from airflow.sdk import DAG, get_parsing_context

from drs_provider import settings
from drs_provider.airflow_api.dag_trial import answer_depends_on, refusal_of
from drs_provider.core.identity import dag_id_of, plan_name_of
from drs_provider.dag_factory.build import build_dag, build_single_task_dag
from drs_provider.dag_factory.collection import collection_paused
from drs_provider.dag_factory.defaults import default_args, option_problems
from drs_provider.plan.files.folder import Catalog, load_catalog
from drs_provider.plan.files.last_good import LastGoodPlans
from drs_provider.plan.model import Plan
from drs_provider.plan.problems import PlanProblem, format_path
from drs_provider.plan.steps.actions import OperatorStep

log = logging.getLogger(__name__)

_Form = Callable[[], DAG]

_WITHDRAWN = "until then no new execution can start; running ones continue"
_HIDDEN = (
    "until then no new execution can start, and running ones do not continue: answers to their gates are kept and "
    "take effect when Airflow takes the plan's DAG again"
)


@dataclass(frozen=True)
class _Forms:
    """What becomes of the plans of a folder.

    :param good: DAGs of plans that load and are taken, by name
    :param refused: why a plan that loads is not taken, by name
    :param withdrawn: DAGs that stay for running executions, by name
    :param hidden: why no form of a plan is taken, by name
    """

    good: dict[str, DAG] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    withdrawn: dict[str, DAG] = field(default_factory=dict)
    hidden: dict[str, str] = field(default_factory=dict)


@collection_paused
def recovery_plan_dags(folder: Path, dag_file: Path | None = None) -> dict[str, DAG]:
    """Return the DAGs of the plans in a folder by their ids, only such that Airflow takes.

    A task's own process gets only the DAG that it asks for. If that plan's file no longer loads, or its DAG is refused,
    it gets one with that one task: it works from the frozen plan.

    :param dag_file: the file that hands them out
    """
    wanted = get_parsing_context()
    if wanted.dag_id is not None:
        return _one_dag(folder, wanted.dag_id, wanted.task_id, dag_file)
    catalog = load_catalog(folder)
    last_good = LastGoodPlans(settings.state_path())
    conditions = _conditions()
    taken = _taken(catalog, last_good, conditions)
    forms = _good(catalog, catalog.plans, dag_file, taken=taken)
    for name in forms.good.keys() - taken:
        last_good.remember(catalog.plans[name].plan, conditions)
    kept = last_good.withdrawn(forms.good, keep_days=settings.get_int_or_default("withdrawn_plan_days"))
    _add_withdrawn(forms, catalog, (item.plan for item in kept), dag_file)
    for name, why in (forms.refused | forms.hidden).items():
        log.error("Airflow takes no DAG of plan %s: %s", name, why)
    return {dag.dag_id: dag for dag in (forms.withdrawn | forms.good).values()}


@collection_paused
def plan_problems(folder: Path, dag_file: Path | None = None) -> tuple[PlanProblem, ...]:
    """Return everything that is wrong with the plans of a folder: files that do not load, plans without a DAG.

    :param dag_file: the file that hands out the DAGs
    """
    catalog = load_catalog(folder)
    last_good = LastGoodPlans(settings.state_path())
    taken = _taken(catalog, last_good, _conditions())
    forms = _good(catalog, catalog.plans.keys() - taken, dag_file)
    _add_withdrawn(forms, catalog, last_good.kept(but=taken | forms.good.keys()), dag_file)
    return (*catalog.problems, *option_problems(), *_refusals(forms, catalog, last_good))


def _conditions() -> str | None:
    return answer_depends_on(default_args(0, None), sorted(settings.step_operators()))


def _taken(catalog: Catalog, last_good: LastGoodPlans, conditions: str | None) -> set[str]:
    """Return the plans whose DAGs Airflow has taken with the same content under the same conditions."""
    if conditions is None:
        return set()
    plans = (loaded.plan for loaded in catalog.plans.values())
    return {plan.name for plan in plans if last_good.remembers(plan, conditions)}


def _refusals(forms: _Forms, catalog: Catalog, last_good: LastGoodPlans) -> Iterator[PlanProblem]:
    for name, why in forms.refused.items():
        yield PlanProblem(
            file=str(catalog.plans[name].file),
            path="",
            message=f"Airflow takes no DAG of this plan: {why}",
            remedy=f"correct what the message names; {_WITHDRAWN if name in forms.withdrawn else _HIDDEN}",
        )
    for name, why in forms.hidden.items():
        if name not in forms.refused:
            yield PlanProblem(
                file=str(last_good.file_of(name)),
                path="",
                message=f"the file of plan {name} does not load, and Airflow takes no DAG of its last good form: {why}",
                remedy="correct the plan's file, or what the message names; if none of its executions is running, "
                f"remove this file; {_HIDDEN}",
            )


def _good(
    catalog: Catalog, names: Iterable[str], dag_file: Path | None, *, taken: Set[str] = frozenset()
) -> _Forms:
    """Build the DAGs of plans that load, and try those that Airflow has not taken before.

    :param taken: plans whose DAGs need no trial
    """
    forms = _Forms()
    for name in names:
        dag, why = None, "; ".join(_unlisted_operators(catalog.plans[name].plan))
        if not why:
            dag, why = _tried(_whole(catalog, name), dag_file, serialized=True, taken=name in taken)
        if dag is not None:
            forms.good[name] = dag
        else:
            forms.refused[name] = why
    return forms


def _unlisted_operators(plan: Plan) -> Iterator[str]:
    listed = settings.step_operators()
    for path, step in plan.steps:
        if isinstance(step, OperatorStep) and step.operator not in listed:
            yield (
                f"step `{step.label}` ({format_path(path)}) runs operator {step.operator}, which [drs] step_operators "
                "does not list; add it there if plans may run it, or remove the step"
            )


def _add_withdrawn(forms: _Forms, catalog: Catalog, last_good: Iterable[Plan], dag_file: Path | None) -> None:
    """Add the form that stays of each plan without a good DAG: its last good content, else its present one."""
    kept = {plan.name: plan for plan in last_good}
    for name in sorted({*kept, *forms.refused}):
        for form in _withdrawn(catalog, name, kept):
            dag, why = _tried(form, dag_file, serialized=True)
            if dag is not None:
                forms.withdrawn[name] = dag
                forms.hidden.pop(name, None)
                break
            forms.hidden[name] = why


def _one_dag(folder: Path, dag_id: str, task_id: str | None, dag_file: Path | None) -> dict[str, DAG]:
    name = plan_name_of(dag_id)
    if name is None:
        return {}
    catalog = load_catalog(folder, only=name)
    if name in catalog.plans:
        dag, why = _tried(_whole(catalog, name), dag_file, serialized=False)
        if dag is not None and (task_id is None or task_id in dag.task_dict):
            return {dag_id: dag}
        if why:
            log.error("Airflow takes no DAG of plan %s: %s", name, why)
    if task_id is None:
        return {}
    log.warning("%s has no task %s any more, or is refused; it works from the frozen plan", dag_id, task_id)
    return {dag_id: _task_alone(catalog, name, task_id, dag_file)}


def _task_alone(catalog: Catalog, name: str, task_id: str, dag_file: Path | None) -> DAG:
    """Return a DAG with one task; one that stays for running executions only if a policy refuses that."""
    owner = catalog.plans[name].plan.owner if name in catalog.plans else None
    alone = build_single_task_dag(dag_id_of(name), task_id, owner=owner, plans_folder=catalog.folder)
    why = refusal_of(alone, dag_file=dag_file, serialized=False)
    if why is None:
        return alone
    kept = {plan.name: plan for plan in LastGoodPlans(settings.state_path()).kept()}
    for form in _withdrawn(catalog, name, kept):
        dag, _ = _tried(form, dag_file, serialized=False)
        if dag is not None and task_id in dag.task_dict:
            return dag
    log.error("Airflow takes no DAG for task %s of plan %s: %s", task_id, name, why)
    return alone


def _whole(catalog: Catalog, name: str) -> _Form:
    return lambda: build_dag(catalog.plans[name].plan, plans_folder=catalog.folder)


def _withdrawn(catalog: Catalog, name: str, kept: Mapping[str, Plan]) -> Iterator[_Form]:
    present = catalog.plans[name].plan if name in catalog.plans else None
    for plan in (kept.get(name), present):
        if plan is not None:
            yield partial(build_dag, plan, plans_folder=catalog.folder, withdrawn=True)


def _tried(
    form: _Form, dag_file: Path | None, *, serialized: bool, taken: bool = False
) -> tuple[DAG | None, str]:
    """Return the DAG of a form, or why Airflow takes none: one plan's fault must not take the others down.

    :param taken: Airflow has taken the same DAG under the same conditions, and need not be asked
    """
    try:
        dag = form()
    except Exception as error:
        log.exception("No DAG can be built")
        return None, f"{type(error).__name__}: {error}"
    why = None if taken else refusal_of(dag, dag_file=dag_file, serialized=serialized)
    return (dag, "") if why is None else (None, why)
