"""The sample plans' DAGs as Airflow stores, schedules and offers them."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
from airflow._shared.module_loading import import_string
from airflow.sdk import DAG
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.decoders import decode_deadline_alert
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.definitions.param import SerializedParamsDict
from airflow.serialization.serialized_objects import DagSerialization
from airflow.task.trigger_rule import TriggerRule

from drs_provider import keys
from drs_provider.dag_factory.build import build_dag, build_single_task_dag
from drs_provider.plan.conf.parsing import parse_run_conf
from drs_provider.plan.files.folder import load_catalog
from drs_provider.plan.model import Plan
from tests.contract.repository import PLANS

pytestmark = pytest.mark.contract

SAMPLES: dict[str, Plan] = {name: loaded.plan for name, loaded in load_catalog(PLANS).plans.items()}
#: The run configuration that callers are promised, with a value for each that differs from its default
CONF: dict[str, Any] = {
    "execution_type": "RECOVERY",
    "confirm_plan": "erp_three_tier",
    "reason": "flood in the data centre",
    "ticket": "CHG-1",
    "initiated_by": "night shift",
    "incident_time": "2027-01-15T07:00:00+01:00",
    "source_state": "lost",
    "waves": ["database"],
    "pause_before": ["application"],
    "skip_gates": True,
    "snapshots": "2027-01-15T06:00:00Z",
    "preflight": "warn",
    "dry_run": True,
    "cleanup": "keep",
    "replace_live_instances": ["s-1111111111111111a"],
    "preempt_drill": True,
    "failed_back": "the instances are kept for forensics",
}
WRONG: dict[str, Any] = {
    "execution_type": "TEST",
    "confirm_plan": 1,
    "reason": ["flood"],
    "ticket": 4711,
    "initiated_by": {},
    "incident_time": "yesterday",
    "source_state": "alive",
    "waves": ["no_such_wave"],
    "pause_before": ["no_such_wave"],
    "skip_gates": "yes",
    "snapshots": {"erp-db-1": "latest"},
    "preflight": "off",
    "dry_run": "true",
    "cleanup": "burn",
    "replace_live_instances": ["erp-db-1"],
    "preempt_drill": 1,
    "failed_back": True,
}


@pytest.fixture(params=SAMPLES)
def plan(request: pytest.FixtureRequest) -> Plan:
    return SAMPLES[request.param]


@pytest.fixture
def dag(plan: Plan) -> DAG:
    return build_dag(plan)


def stored(dag: DAG) -> dict[str, Any]:
    """Return the JSON that Airflow keeps of a DAG."""
    return json.loads(json.dumps(DagSerialization.to_dict(dag)))


@pytest.fixture
def serialized(dag: DAG) -> SerializedDAG:
    return DagSerialization.from_dict(stored(dag))


def test_a_dag_comes_back_from_airflows_database_as_it_was(dag, serialized):
    DagSerialization.validate_schema(stored(dag))
    assert set(serialized.task_dict) == set(dag.task_dict)
    for task_id, task in dag.task_dict.items():
        kept = serialized.task_dict[task_id]
        assert kept.upstream_task_ids == task.upstream_task_ids
        assert str(kept.trigger_rule) == str(getattr(task.trigger_rule, "value", task.trigger_rule))
        assert (kept.is_teardown, kept.on_failure_fail_dagrun) == (
            task.is_teardown,
            task.on_failure_fail_dagrun,
        )
        assert (kept.priority_weight, kept.pool, kept.queue, kept.retries) == (
            task.priority_weight,
            task.pool,
            task.queue,
            task.retries,
        )


def test_two_parses_give_the_same_dag(plan, dag):
    """Else every parse would make a new DAG version."""
    assert stored(build_dag(plan)) == stored(dag)


def test_a_plan_changes_the_version_of_its_dag(plan, dag):
    assert plan.content_hash in json.dumps(stored(dag))


def test_a_dag_is_ready_to_be_started_at_any_time(serialized):
    assert serialized.is_paused_upon_creation is False
    assert serialized.dagrun_timeout is None
    assert serialized.max_active_runs > 1
    assert serialized.max_consecutive_failed_dag_runs == 0
    assert serialized.start_date is None
    assert serialized.end_date is None
    assert serialized.catchup is False
    assert not serialized.fail_fast
    assert not serialized.allowed_run_types


def test_no_task_ends_by_a_clock_of_airflows(dag):
    """Deadlines are the wave's own: an execution timeout would kill a task in the middle of a call."""
    assert {task.execution_timeout for task in dag.tasks} == {None}


def test_the_schedule_is_the_plans(plan, serialized):
    summary = serialized.timetable.summary
    if plan.schedule is None:
        assert serialized.timetable.can_be_scheduled is False
        return
    assert summary == plan.schedule.cron
    assert serialized.timetable.serialize()["timezone"] == plan.schedule.timezone
    assert serialized.timetable.serialize()["run_immediately"] == 0.0


def test_a_withdrawn_plan_has_no_schedule(plan):
    dag = DagSerialization.from_dict(stored(build_dag(plan, withdrawn=True)))
    assert dag.timetable.can_be_scheduled is False
    assert "withdrawn" in dag.tags


def steps_of(plan: Plan) -> set[str]:
    """The ids of the tasks of all steps, and of what decides behind them."""
    around = {"before_first": plan.before_first, "after_last": plan.after_last}
    found = {keys.step_task_id(place, step.label) for place, steps in around.items() for step in steps}
    for number, wave in enumerate(plan.waves, start=1):
        for place, steps in (("before", wave.before), ("after", wave.after)):
            found |= {keys.step_task_id(place, step.label, number, wave.name) for step in steps}
        found |= {keys.wave_task_id(number, wave.name, keys.DECIDE)} if wave.after else set()
    return found


def test_the_tasks_are_the_plans_waves(plan, dag):
    expected = steps_of(plan) | {keys.PREPARE, keys.HOLD_DRILL, keys.CLEANUP_DRILL, keys.FINALIZE}
    for number, wave in enumerate(plan.waves, start=1):
        group = f"wave_{number}_{wave.name}"
        expected |= {f"gate_{number}"}
        expected |= {f"{group}.{task}" for task in ("start_recovery", "wait_for_recovery", "enrich")}
    assert set(dag.task_dict) == expected


def test_teardowns_wait_for_every_gate_and_every_wave(plan, serialized):
    gates = {keys.gate_task_id(number) for number, _ in enumerate(plan.waves, start=1)}
    ends = {
        keys.wave_task_id(number, wave.name, keys.DECIDE if wave.after else keys.ENRICH)
        for number, wave in enumerate(plan.waves, start=1)
    }
    cleanup = serialized.task_dict[keys.CLEANUP_DRILL]
    finalize = serialized.task_dict[keys.FINALIZE]
    assert cleanup.upstream_task_ids == gates | ends | steps_of(plan) | {keys.HOLD_DRILL}
    assert finalize.upstream_task_ids == cleanup.upstream_task_ids | {keys.CLEANUP_DRILL}
    assert {task.task_id for task in serialized.tasks if task.is_teardown} == {
        keys.CLEANUP_DRILL,
        keys.FINALIZE,
    }
    assert cleanup.on_failure_fail_dagrun
    assert finalize.on_failure_fail_dagrun


def test_only_teardowns_and_what_decides_run_after_a_failure(serialized):
    rest = [task for task in serialized.tasks if not task.is_teardown]
    deciding = {task.trigger_rule for task in rest if task.task_id.endswith(f".{keys.DECIDE}")}
    assert deciding <= {TriggerRule.ALL_DONE_MIN_ONE_SUCCESS}
    rules = {task.trigger_rule for task in rest if not task.task_id.endswith(f".{keys.DECIDE}")}
    assert rules == {TriggerRule.ALL_SUCCESS, TriggerRule.NONE_FAILED}


def test_the_params_are_the_run_configuration_that_callers_are_promised(dag):
    assert set(dag.params) == set(CONF)


def test_a_run_without_conf_is_valid(dag, serialized):
    """A schedule gives none."""
    dag.params.validate()
    assert parse_run_conf(dict(serialized.params.dump()), SAMPLES[dag.dag_id.removeprefix("drs_")])


def through_rest(params: SerializedParamsDict, conf: dict[str, Any]) -> dict[str, Any]:
    """Check a conf as Airflow's API does before it makes a run."""
    merged = params.deep_merge(conf)
    return merged.validate()


@pytest.fixture(scope="module")
def erp_params() -> SerializedParamsDict:
    return DagSerialization.from_dict(stored(build_dag(SAMPLES["erp_three_tier"]))).params


@pytest.mark.parametrize("name", CONF)
def test_airflow_takes_a_good_value(erp_params, name):
    assert through_rest(erp_params, {name: CONF[name]})[name] == CONF[name]
    assert erp_params[name] != CONF[name]


@pytest.mark.parametrize("name", WRONG)
def test_airflow_refuses_a_bad_value_before_it_makes_a_run(erp_params, name):
    with pytest.raises((ParamValidationError, ValueError), match="Invalid input for param"):
        through_rest(erp_params, {name: WRONG[name]})


def test_every_param_explains_itself_in_the_form(dag):
    params: ParamsDict = dag.params
    for name in params:
        param = params.get_param(name)
        assert param.description, name
        assert param.schema["title"], name
        assert param.schema["section"], name


def test_links_are_stored_with_the_task(serialized):
    links = {
        task.task_id: {link.name: link.xcom_key for link in task.operator_extra_links}
        for task in serialized.tasks
        if task.operator_extra_links
    }
    jobs = {"DRS jobs": "_link_DrsJobsLink"}
    starts = {task_id: jobs for task_id in serialized.task_dict if task_id.endswith(".start_recovery")}
    assert links == starts | {keys.FINALIZE: {"Report": "_link_DrsReportLink"}}


def test_the_rto_alert_is_stored_with_a_callback_that_can_be_called():
    told = {
        "events": ["rto_missed"],
        "notifier": "airflow.providers.amazon.aws.notifications.sns.SnsNotifier",
        "args": {"aws_conn_id": "aws_dr", "message": "{{ drs.summary }}"},
    }
    plan = Plan.model_validate(SAMPLES["erp_three_tier"].to_dict() | {"notifications": [told]})
    (encoded,) = DagSerialization.from_dict(stored(build_dag(plan))).deadline
    alert = decode_deadline_alert(encoded)
    assert alert.interval.total_seconds() == plan.objectives.rto_minutes * 60
    callback = import_string(alert.callback.path)
    assert inspect.iscoroutinefunction(callback), "Airflow's triggerer awaits it"
    inspect.signature(callback).bind(**alert.callback.kwargs, context={})
    assert json.loads(json.dumps(alert.callback.kwargs)) == alert.callback.kwargs


def test_a_task_process_builds_the_same_task_from_its_id_alone(dag):
    """When the plan's file no longer loads: the operator comes from the task id and the frozen plan."""
    for task_id, task in dag.task_dict.items():
        single = build_single_task_dag(dag.dag_id, task_id)
        (alone,) = single.tasks
        assert alone.task_id == task_id
        assert type(alone) is type(task)
        assert getattr(alone, "wave_number", None) == getattr(task, "wave_number", None)
        assert alone.task_group.group_id == task.task_group.group_id
