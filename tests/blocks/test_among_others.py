"""Building blocks beside plans, beside each other, and after deaths: nobody launches what another one holds."""

from __future__ import annotations

import pytest

from drs_provider.core.identity import block_execution_id, block_job_tags, execution_id, task_of_tags
from tests.blocks.dags import drill_dag
from tests.harness.plans import DATABASES, WIKI, plan
from tests.harness.stage import Stage
from tests.harness.sweeps import Sweeps, sweeps

__all__ = ["sweeps"]

pytestmark = pytest.mark.drs_scenario("three_tier", history=False)
HOURS = 3600.0


def test_trap_29_a_server_that_a_plan_holds_is_refused_by_plan_and_run(play: Stage) -> None:
    drill = play.plan_run(plan()).approve_everything().go_until("hold_drill")
    run = play.dag_run(drill_dag())
    assert run.go() == "failed"
    assert "DRILL of small" in run.failure("start")
    assert drill.dag_run.run_id in run.failure("start")
    assert play.launched_servers() == sorted(WIKI), "only the plan's"
    assert run.xcom("terminate")["terminated"] == []
    assert set(play.instances().values()) == {"running"}


def test_trap_29_a_plan_that_began_since_the_preflight_is_seen_before_the_call(play: Stage) -> None:
    foreign = play.simulator.client()
    foreign.start_recovery(sourceServers=[{"sourceServerID": server} for server in WIKI], isDrill=True)
    run = play.dag_run(drill_dag())
    drill = play.plan_run(plan(), {"preflight": "warn"}).approve_everything()
    run.when("start", "deferred", lambda: drill.go_until("wave_1_everything.start_recovery"))
    assert run.go() == "failed"
    assert drill.dag_run.run_id in run.failure("start")
    assert len(play.jobs()) == 1, "the foreign one"
    assert run.stores["start"]["start_intents"] == []


def test_trap_29_a_plan_waits_for_the_job_of_a_block(play: Stage) -> None:
    run = play.dag_run(drill_dag(teardown=False)).go_until("wait")
    drill = play.plan_run(plan(), {"preflight": "warn"}).approve_everything()
    assert drill.go() == "success", drill.states
    (queued, *_) = play.events("waveQueued")
    assert queued["waitingServers"] == 2
    of_block, of_plan = play.jobs()
    assert of_block.tags["ExecutionId"] == run.xcom("start")["executionId"]
    assert of_block.ended_at <= of_plan.created_at


def test_two_starts_of_one_run_are_two(play: Stage) -> None:
    """Two tasks, and two DAGs' runs, never take each other's jobs for theirs."""
    first = play.dag_run(drill_dag())
    second = play.dag_run(drill_dag({"source_servers": list(DATABASES)}))
    assert first.go() == second.go() == "success"
    assert first.xcom("start")["executionId"] != second.xcom("start")["executionId"]
    assert first.xcom("terminate")["terminated"] != second.xcom("terminate")["terminated"]
    run = ("deployment", "dag", "run", 1800000000.0)
    ids = [execution_id(*run), *(block_execution_id(*run, task, n) for task in "ab" for n in (-1, 0, 1))]
    assert len(set(ids)) == len(ids)


def test_trap_15_a_start_that_lost_its_output_is_cleaned_up(play: Stage) -> None:
    """Its retry died before it said anything, and Airflow had deleted what the first try told."""
    play.kill_worker("StartRecovery", after=True)
    run = play.dag_run(drill_dag())
    run.rows["start"].tries_left = 1

    def kill_the_retry() -> None:
        begun = len(play.effects.seen["start"])
        play.effects.kill_before("start", begun + 1)

    run.when("start", "up_for_retry", kill_the_retry)
    assert run.go() == "failed"
    assert run.xcom("start") is None
    assert run.states["terminate"] == "success", run.rows["terminate"].error
    assert play.launched_servers() == sorted(WIKI)
    assert set(play.instances().values()) == {"terminated"}


def test_jobs_that_are_given_by_id(play: Stage) -> None:
    drs = play.simulator.client()
    job = drs.start_recovery(sourceServers=[{"sourceServerID": WIKI[0]}], isDrill=True)["job"]["jobID"]
    run = play.dag_run(drill_dag(teardown=False))
    for task_id in ("wait", "enrich", "terminate"):
        run.dag.get_task(task_id).jobs = job
    run.mark_success("start")
    assert run.go() == "success", run.states
    assert run.xcom("wait")["launches"] == [job]
    (row,) = run.xcom("enrich")
    assert row["instanceId"] == run.xcom("terminate")["terminated"][0]


def test_the_sweeper_lists_instances_of_blocks_and_never_terminates_them(
    play: Stage, sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DRS__SWEEP_TERMINATE", "True")
    run = play.dag_run(drill_dag(teardown=False)).go_until("enrich", "success")
    play.simulator.advance(48 * HOURS)
    report = sweeps.sweep(terminate=True)
    found = [item for item in report["findings"] if item["kind"] == "drill instance of a building block"]
    assert len(found) == 2
    assert all("my_drill.start" in item["reason"] and item["action"] == "left" for item in found), found
    assert play.jobs("TERMINATE") == []
    assert run.go() == "success", run.states


def test_a_job_is_a_blocks_only_if_it_says_so_and_names_no_plan() -> None:
    tags = block_job_tags("an-id", "DRILL", "d" * 250 + "." + "t" * 250, 2, {"Team": "erp"})
    assert len(tags["AirflowTask"]) == 256
    assert task_of_tags(tags) == tags["AirflowTask"]
    assert task_of_tags({**tags, "PlanName": "small"}) is None
    assert task_of_tags({"AirflowTask": "dag.task"}) is None
