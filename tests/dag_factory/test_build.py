"""The shape of a plan's DAG."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables import trigger
from airflow.timetables.base import TimeRestriction

from drs_provider import keys
from drs_provider.core.identity import plan_name_of
from drs_provider.dag_factory.build import build_dag, build_single_task_dag
from drs_provider.dag_factory.defaults import default_args
from drs_provider.dag_factory.docs import dag_doc
from drs_provider.plan.files.folder import load_plan
from drs_provider.plan.model import Plan
from tests.harness.plans import WIKI, plan, two_waves
from tests.harness.stage import SAMPLE_PLANS


def test_waves_follow_their_dependencies() -> None:
    dag = build_dag(load_plan(SAMPLE_PLANS, "shop_two_regions"))
    assert dag.get_task("gate_1").upstream_task_ids == {"prepare"}
    assert dag.get_task("gate_2").upstream_task_ids == {"wave_1_database.enrich"}
    assert dag.get_task("gate_3").upstream_task_ids == {"wave_1_database.enrich"}
    assert dag.get_task("hold_drill").upstream_task_ids == {
        "wave_2_frontend_west.enrich",
        "wave_3_frontend_central.enrich",
    }


def test_a_wave_is_a_chain_behind_its_gate() -> None:
    dag = build_dag(plan())
    chain = ["gate_1", "wave_1_everything.start_recovery", "wave_1_everything.wait_for_recovery"]
    for task, following in zip(chain, [*chain[1:], "wave_1_everything.enrich"], strict=True):
        assert following in dag.get_task(task).downstream_task_ids
    assert dag.get_task("gate_1").trigger_rule == "none_failed"


def test_waves_without_dependencies_start_side_by_side() -> None:
    dag = build_dag(two_waves(second={"depends_on": []}))
    assert dag.get_task("gate_1").upstream_task_ids == {"prepare"}
    assert dag.get_task("gate_2").upstream_task_ids == {"prepare"}


def test_teardowns_have_every_gate_and_wave_directly_before_them() -> None:
    dag = build_dag(two_waves())
    before = {"gate_1", "gate_2", "wave_1_first.enrich", "wave_2_second.enrich", "hold_drill"}
    assert before <= dag.get_task("cleanup_drill").upstream_task_ids
    assert before | {"cleanup_drill"} <= dag.get_task("finalize").upstream_task_ids
    for task_id in ("cleanup_drill", "finalize"):
        task = dag.get_task(task_id)
        assert task.is_teardown
        assert task.on_failure_fail_dagrun


def test_a_smaller_plan_priority_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_args(1, "me")["priority_weight"] > default_args(50, "me")["priority_weight"]
    monkeypatch.setenv("AIRFLOW__DRS__PRIORITY_WEIGHT", "20")
    assert default_args(50, "me")["priority_weight"] == 1


def test_trap_40_no_run_waits_behind_another_or_in_a_dag_that_paused_itself() -> None:
    dag = build_dag(plan())
    assert dag.is_paused_upon_creation is False
    assert dag.max_consecutive_failed_dag_runs == 0, "after failed drills the DAG would pause itself"
    assert dag.max_active_runs > 1, "a recovery would queue behind a drill; prepare refuses instead, by name"
    assert dag.dagrun_timeout is None, "it skips cleanup and finalize"


def test_trap_40_queue_and_pool_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "queue" not in default_args(1, "me")
    monkeypatch.setenv("AIRFLOW__DRS__QUEUE", "recovery")
    monkeypatch.setenv("AIRFLOW__DRS__POOL", "drs")
    dag = build_dag(plan())
    assert {task.queue for task in dag.tasks} == {"recovery"}
    assert {task.pool for task in dag.tasks} == {"drs"}


def test_people_s_texts_are_no_markup_in_the_docs() -> None:
    made = plan(
        {"name": "everything", "servers": WIKI},
        title="<script>alert(1)</script> *ERP*",
        owner="a|b",
        business_function="[click](http://evil.example)",
    )
    docs = build_dag(made).doc_md
    assert docs is not None
    assert "<script>" not in docs
    assert "[click](" not in docs
    assert r"a\|b" in docs
    assert made.content_hash in docs


def test_a_withdrawn_plan_says_so() -> None:
    made = plan(schedule={"cron": "0 3 * * 6", "timezone": "UTC"})
    dag = build_dag(made, withdrawn=True)
    assert "Withdrawn" in (dag.doc_md or "")
    assert "withdrawn" in dag.tags
    assert set(dag.task_ids) == set(build_dag(made).task_ids)


@pytest.mark.parametrize("task_id", ["gate_x", "wave_1_a.other", "wave_a.enrich", "else", "gate_1.enrich"])
def test_a_task_id_that_no_plan_has_is_refused(task_id: str) -> None:
    with pytest.raises(ValueError, match="no recovery plan's DAG"):
        build_single_task_dag("drs_wiki", task_id)


def test_the_plans_name_is_read_off_the_dag_id() -> None:
    assert plan_name_of("drs_wiki") == "wiki"
    assert plan_name_of("etl") is None


def test_a_plan_that_is_deployed_just_after_its_time_drills_at_the_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dag = build_dag(plan(schedule={"cron": "0 3 * * 6", "timezone": "UTC"}))
    timetable = DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable
    monkeypatch.setattr(trigger, "utcnow", lambda: datetime(2026, 11, 28, 3, 0, 30, tzinfo=UTC))
    info = timetable.next_dagrun_info(
        last_automated_data_interval=None,
        restriction=TimeRestriction(earliest=None, latest=None, catchup=False),
    )
    assert info is not None
    assert info.run_after == datetime(2026, 12, 5, 3, 0, tzinfo=UTC)


CHECK = {"check": "ec2_status", "timeout_minutes": 5}
MANUAL = {"check": "manual", "message": "look", "timeout_minutes": 5}


def stepped() -> Plan:
    return two_waves(
        first={
            "before": [MANUAL],
            "after": [CHECK, {**MANUAL, "name": "a"}, {**MANUAL, "name": "b", "together": True}],
        }
    ).model_copy(update=dict(around()))


def around() -> Iterator[tuple[str, Any]]:
    made = plan(before_first=[MANUAL], after_last=[MANUAL])
    yield from {"before_first": made.before_first, "after_last": made.after_last}.items()


def test_steps_stand_between_gate_launch_and_what_follows() -> None:
    dag = build_dag(stepped())
    upstream = {task.task_id: task.upstream_task_ids for task in dag.tasks}
    assert upstream["before_first.manual"] == {"gate_1"}
    assert upstream["wave_1_first.before_manual"] == {"gate_1", "before_first.manual"}
    assert upstream["wave_1_first.start_recovery"] == {"wave_1_first.before_manual"}
    assert upstream["wave_1_first.after_ec2_status"] == {"wave_1_first.enrich"}
    assert (
        upstream["wave_1_first.after_a"]
        == upstream["wave_1_first.after_b"]
        == {"wave_1_first.after_ec2_status"}
    )
    behind = {f"wave_1_first.after_{name}" for name in ("ec2_status", "a", "b")}
    assert upstream["wave_1_first.decide"] == {"wave_1_first.enrich", *behind}
    assert upstream["gate_2"] == {"wave_1_first.decide"}
    assert upstream["after_last.manual"] == {"wave_2_second.enrich"}
    assert upstream["hold_drill"] == {"wave_2_second.enrich", "after_last.manual"}
    steps = {task_id for task_id in dag.task_ids if keys.is_step(task_id)}
    assert steps == {"before_first.manual", "wave_1_first.before_manual", *behind, "after_last.manual"}
    for teardown in ("cleanup_drill", "finalize"):
        assert steps | {"wave_1_first.decide"} <= upstream[teardown]


def test_a_plan_without_steps_has_no_task_more() -> None:
    assert {
        task_id for task_id in build_dag(two_waves()).task_ids if keys.is_step(task_id) or "decide" in task_id
    } == set()
    assert "## Steps" not in dag_doc(two_waves())
    assert "ask in a RECOVERY, fail in a DRILL" in dag_doc(stepped())


def test_each_task_of_steps_can_be_built_alone() -> None:
    dag = build_dag(stepped())
    for task_id in dag.task_ids:
        whole = dag.get_task(task_id)
        alone = build_single_task_dag(dag.dag_id, task_id).get_task(task_id)
        assert type(alone) is type(whole)
        for name in ("wave_number", "place", "step_name"):
            assert getattr(alone, name, None) == getattr(whole, name, None)
