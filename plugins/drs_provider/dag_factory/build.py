"""From a plan to its DAG: the only place that makes operators.

Built twice over: whole, by the DAG processor, and as one task, by a task's own process when the plan's file no
longer loads. A worker needs only its operator; order and trigger rules are the scheduler's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from airflow.sdk import DAG, BaseOperator, Param, TaskGroup
from airflow.sdk.definitions.param import ParamsDict

from drs_provider import keys
from drs_provider.assets import ended
from drs_provider.core.identity import plan_name_of
from drs_provider.core.plan_tags import PlanTags
from drs_provider.dag_factory.deadlines import rto_alerts
from drs_provider.dag_factory.defaults import default_args, gate_arguments, timetable
from drs_provider.dag_factory.docs import dag_doc
from drs_provider.dag_factory.outline import outline
from drs_provider.plan.conf.parsing import params_schema
from drs_provider.plan.model import Plan, Wave
from drs_provider.plan.steps.base import StepModel
from drs_provider.plan_tasks.cleanup import PlanCleanupOperator
from drs_provider.plan_tasks.decide import PlanDecideOperator
from drs_provider.plan_tasks.enrich import PlanEnrichOperator
from drs_provider.plan_tasks.finalize import PlanFinalizeOperator
from drs_provider.plan_tasks.gate import PlanGateSensor
from drs_provider.plan_tasks.hold import PlanHoldSensor
from drs_provider.plan_tasks.prepare import PlanPrepareOperator
from drs_provider.plan_tasks.start_wave import PlanStartWaveOperator
from drs_provider.plan_tasks.step import PlanStepOperator
from drs_provider.plan_tasks.wait import PlanWaitSensor

TAG = "drs"

Tasks = list[BaseOperator]


def build_dag(plan: Plan, *, plans_folder: Path | None = None, withdrawn: bool = False) -> DAG:
    """Return the DAG of a plan.

    :param plans_folder: where other plans are, whose executions may be at work on the same servers
    :param withdrawn: the plan's file no longer loads: nothing new may start, running executions go on
    """
    with DAG(
        dag_id=plan.dag_id,
        dag_display_name=plan.display_title,
        description=f"Recovery plan {plan.name}",
        doc_md=dag_doc(plan, withdrawn=withdrawn),
        schedule=None if withdrawn or plan.schedule is None else timetable(plan.schedule),
        catchup=False,
        is_paused_upon_creation=False,
        # Several may run: with one, a recovery would wait silently behind a drill. `prepare` refuses instead.
        max_active_runs=16,
        max_consecutive_failed_dag_runs=0,
        deadline=rto_alerts(plan) or None,
        tags=[TAG, *_plan_tags(plan), *(["withdrawn"] if withdrawn else [])],
        default_args=default_args(plan.priority, plan.owner),
        render_template_as_native_obj=False,
        # The DAG file names its DAGs; a file that only looks whether they can be built has none.
        auto_register=False,
    ) as dag:
        _tasks(plan, None if withdrawn else plan, plans_folder)
    # Airflow copies the params that a DAG has into every task that is made: most of the time of a parse and of a
    # serialized DAG, and no task reads them there.
    dag.params = ParamsDict(_params(plan))
    return dag


def _plan_tags(plan: Plan) -> list[str]:
    return PlanTags(plan.criticality, plan.objectives.drill_every_days).to_list()


def _params(plan: Plan) -> dict[str, Param]:
    return {
        name: Param(schema["default"], **{key: value for key, value in schema.items() if key != "default"})
        for name, schema in params_schema(plan).items()
    }


def _tasks(plan: Plan, startable: Plan | None, plans_folder: Path | None) -> None:
    prepare = PlanPrepareOperator(
        task_id=keys.PREPARE, plan=startable, plans_folder=plans_folder, doc_json=outline(plan)
    )
    gates: dict[str, BaseOperator] = {}
    ends: dict[str, BaseOperator] = {}
    heads: dict[str, Tasks] = {}
    steps: Tasks = []
    for wave in plan.waves:
        made = _wave(plan, wave, plans_folder)
        gates[wave.name], heads[wave.name], ends[wave.name] = made.gate, made.head, made.end
        steps += made.steps
    for wave in plan.waves:
        gates[wave.name].set_upstream([ends[name] for name in plan.dependencies(wave.name)] or prepare)

    roots = [wave.name for wave in plan.waves if not plan.dependencies(wave.name)]
    needed = {name for wave in plan.waves for name in plan.dependencies(wave.name)}
    leaves = [end for name, end in ends.items() if name not in needed]
    behind = _all_of(heads[name] for name in roots)
    steps += _around(plan.before_first, "before_first", [gates[name] for name in roots], behind, plans_folder)
    hold = PlanHoldSensor(task_id=keys.HOLD_DRILL, trigger_rule="none_failed", **gate_arguments())
    hold.set_upstream(leaves)
    steps += _around(plan.after_last, "after_last", leaves, [hold], plans_folder, trigger_rule="none_failed")

    # Teardowns run even if the run is marked failed. Every gate, every step and every wave's end is a direct upstream:
    # with only the last ones, cleanup was seen to start while a parallel wave was still deferred.
    cleanup = PlanCleanupOperator(task_id=keys.CLEANUP_DRILL)
    finalize = PlanFinalizeOperator(task_id=keys.FINALIZE, outlets=[ended(plan.name)])
    everything = [*gates.values(), *steps, *ends.values(), hold]
    cleanup.set_upstream(everything)
    finalize.set_upstream([*everything, cleanup])
    for teardown in (cleanup, finalize):
        teardown.as_teardown(on_failure_fail_dagrun=True)


class _WaveTasks(NamedTuple):
    """A wave's tasks, as far as others follow or precede them."""

    gate: BaseOperator
    head: Tasks
    steps: Tasks
    end: BaseOperator


def _wave(plan: Plan, wave: Wave, plans_folder: Path | None) -> _WaveTasks:
    number = plan.wave_number(wave.name)
    gate = PlanGateSensor(
        task_id=keys.gate_task_id(number),
        wave_number=number,
        plans_folder=plans_folder,
        trigger_rule="none_failed",
        **gate_arguments(),
    )
    with TaskGroup(keys.wave_group_id(number, wave.name), tooltip=f"Wave {number}: {', '.join(wave.groups)}"):
        start = PlanStartWaveOperator(
            task_id=keys.START_RECOVERY, wave_number=number, plans_folder=plans_folder
        )
        wait = PlanWaitSensor(task_id=keys.WAIT_FOR_RECOVERY, wave_number=number)
        enrich = PlanEnrichOperator(task_id=keys.ENRICH, wave_number=number)
        before = _steps(wave.before, "before", number, plans_folder)
        after = _steps(wave.after, "after", number, plans_folder)
        _in_order([gate], *before, [start], [wait], [enrich], *after)
        end: BaseOperator = enrich
        if after:
            # It decides what has failed as well; where nothing was launched, or the wave is left out, there is nothing
            # to decide.
            end = PlanDecideOperator(
                task_id=keys.DECIDE, wave_number=number, trigger_rule="all_done_min_one_success"
            )
            end.set_upstream([enrich, *_all_of(after)])
    return _WaveTasks(gate, before[0] if before else [start], _all_of([*before, *after]), end)


def _steps(
    steps: Sequence[StepModel], place: str, number: int, plans_folder: Path | None, **of_first: Any
) -> list[Tasks]:
    """Return the tasks of steps by stage: those that start together, behind those of the stage before.

    :param of_first: arguments of the tasks of the first stage
    """
    stages: list[Tasks] = []
    for step in steps:
        if not step.together:
            stages.append([])
        task = PlanStepOperator(
            task_id=keys.step_task(place, step.label),
            place=place,
            step_name=step.label,
            wave_number=number,
            plans_folder=plans_folder,
            **gate_arguments(),
            **(of_first if len(stages) == 1 else {}),
        )
        stages[-1].append(task)
    return stages


def _around(
    steps: Sequence[StepModel],
    place: str,
    upstream: Tasks,
    downstream: Tasks,
    plans_folder: Path | None,
    **of_first: Any,
) -> Tasks:
    """Put steps between tasks; return the tasks of the steps."""
    if not steps:
        return []
    with TaskGroup(place):
        stages = _steps(steps, place, 0, plans_folder, **of_first)
    _in_order(upstream, *stages, downstream)
    return _all_of(stages)


def _in_order(*stages: Tasks) -> None:
    """Let every task of a stage wait for every task of the stage before."""
    for before, behind in pairwise(stages):
        for task in behind:
            task.set_upstream(before)


def _all_of(stages: Iterable[Tasks]) -> Tasks:
    return [task for stage in stages for task in stage]


def build_single_task_dag(
    dag_id: str, task_id: str, *, owner: str | None = None, plans_folder: Path | None = None
) -> DAG:
    """Return a DAG with only one task, built from its id: enough for the task's own process.

    :param plans_folder: where the libraries are that say who is in a team
    :raises ValueError: if no plan's DAG has such a task
    """
    role = keys.role_of(task_id)
    wave: Mapping[str, Any] = {"wave_number": role.wave_number}
    asking = {"plans_folder": plans_folder, **gate_arguments()}
    makers: dict[str, tuple[type[BaseOperator], Mapping[str, Any]]] = {
        keys.PREPARE: (PlanPrepareOperator, {"plan": None}),
        "gate": (PlanGateSensor, {**wave, **asking}),
        keys.START_RECOVERY: (PlanStartWaveOperator, wave),
        keys.WAIT_FOR_RECOVERY: (PlanWaitSensor, wave),
        keys.ENRICH: (PlanEnrichOperator, wave),
        keys.STEP: (
            PlanStepOperator,
            {**wave, "place": role.place, "step_name": role.step_name, **asking},
        ),
        keys.DECIDE: (PlanDecideOperator, wave),
        keys.HOLD_DRILL: (PlanHoldSensor, gate_arguments()),
        keys.CLEANUP_DRILL: (PlanCleanupOperator, {}),
        keys.FINALIZE: (PlanFinalizeOperator, {"outlets": [ended(plan_name_of(dag_id) or dag_id)]}),
    }
    operator, arguments = makers[role.task]
    with DAG(
        # What policies of the installation look at is there: tag, owner, description.
        dag_id=dag_id,
        description=f"Task {task_id} of a recovery plan that no longer has it",
        schedule=None,
        tags=[TAG],
        default_args=default_args(0, owner),
        auto_register=False,
    ) as dag:
        group, _, name = task_id.rpartition(".")
        if group:
            with TaskGroup(group):
                operator(task_id=name, **arguments)
        else:
            operator(task_id=task_id, **arguments)
    return dag
