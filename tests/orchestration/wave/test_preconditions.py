"""A wave starts only where its frozen plan puts it, whatever was edited, cleared or stopped meanwhile."""

from __future__ import annotations

import pytest

from drs_provider.dag_factory.build import build_dag
from tests.harness.airflow_side import TaskRow
from tests.harness.plan_run import PlanRun
from tests.harness.plans import DATABASES, WIKI, two_waves
from tests.harness.stage import Stage
from tests.harness.worlds import ONCE, world

SECOND = "wave_2_second.start_recovery"
KEEP = {"cleanup": "keep"}


def adopt(run: PlanRun, **second: object) -> None:
    """Let Airflow take over an edited plan's DAG in the middle of the run, as it does without DAG versions."""
    run.dag = build_dag(two_waves(second=second))
    for task_id in run.dag.task_ids:
        run.rows.setdefault(task_id, TaskRow(tries_left=3))


def test_trap_14_an_edited_order_of_waves_starts_nothing_too_early(play: Stage) -> None:
    run = play.plan_run(two_waves()).approve_everything()
    run.when("gate_1", "success", lambda: adopt(run, depends_on=[]))
    assert run.go() == "failed"
    assert play.launched_servers() == [WIKI[0]]
    assert "wave 1 (first), which it depends on, has not come to its end" in run.failure(SECOND)


def test_trap_14_a_renamed_wave_is_not_taken_for_the_frozen_one(play: Stage) -> None:
    run = play.plan_run(two_waves()).approve_everything()
    run.when("wave_1_first.enrich", "success", lambda: adopt(run, name="renamed"))
    run.when(
        "gate_2", "success", lambda: [run.rows.pop(task) for task in [*run.rows] if "wave_2_second" in task]
    )
    assert run.go() == "failed"
    assert play.launched_servers() == [WIKI[0]]
    assert "edited" in run.failure("wave_2_renamed.start_recovery")


def test_a_wave_that_is_cleared_without_what_is_behind_it_launches_nothing(play: Stage) -> None:
    run = play.drill(two_waves())
    launched = play.launched_servers()
    run.clear("wave_2_second", downstream=False)
    run.go()
    assert run.states[SECOND] == "failed"
    assert play.launched_servers() == launched
    assert "clear the wave's group with downstream" in run.failure(SECOND)


def test_a_wave_that_was_never_reached_does_not_count_as_left_out(play: Stage) -> None:
    run = play.plan_run(two_waves(), KEEP).approve_everything()
    run.when("wave_1_first.start_recovery", "deferred", run.mark_failed)
    fault = {"kind": "error", "code": "InternalServerException", "status": 500}
    run.when("gate_1", "success", lambda: play.simulator.inject("DescribeJobs", **fault))
    run.when("wave_1_first.start_recovery", "failed", play.simulator.clear_faults)
    assert run.go() == "failed"
    assert run.states["wave_1_first.enrich"] == "skipped"
    run.clear("gate_2")
    assert run.go() == "failed"
    assert play.jobs() == []


def test_waves_behind_one_that_was_left_out_start(play: Stage) -> None:
    run = play.drill(two_waves(), {"waves": ["second"]})
    assert run.record["status"] == "COMPLETED"
    assert play.launched_servers() == [WIKI[1]]


def test_trap_37_a_failed_wave_that_is_marked_as_success_does_not_open_the_next_one(play: Stage) -> None:
    run = play.plan_run(two_waves(), KEEP).approve_everything()
    run.when("wave_1_first.start_recovery", "success", lambda: run.mark_success("wave_1_first.enrich"))
    run.when(
        "wave_1_first.wait_for_recovery",
        "deferred",
        lambda: run.mark_success("wave_1_first.wait_for_recovery"),
    )
    assert run.go() == "failed"
    assert play.launched_servers() == [WIKI[0]]
    assert "marked as success" in run.failure(SECOND)


@pytest.mark.drs_scenario(world({WIKI[0]: {"fail": ONCE}}))
def test_trap_37_a_result_of_the_attempt_before_does_not_stand_for_a_wave_that_was_started_again(
    play: Stage,
) -> None:
    """The wave's criteria were met without its optional server, which the second attempt launches again."""
    first = {"servers": [DATABASES[0], WIKI[0]], "optional": {"servers": [WIKI[0]]}}
    run = play.plan_run(two_waves(first=first), KEEP).approve_everything()
    assert run.go() == "success"
    run.clear("wave_1_first")
    run.when("wave_1_first.start_recovery", "success", lambda: run.mark_success("wave_1_first.enrich"))
    assert run.go() == "failed"
    assert "marked as success" in run.failure(SECOND)
