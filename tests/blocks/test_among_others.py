"""Building blocks beside plans, beside each other, and after deaths: nobody launches what another one holds."""

from __future__ import annotations

import re

import pytest

from drs_provider.core.identity import (
    block_execution_id,
    block_job_tags,
    execution_id,
    run_of_tags,
    task_of_tags,
)
from tests.blocks.dags import drill_dag
from tests.harness.block_run import BlockRun
from tests.harness.plans import DATABASES, WIKI, plan, recovery_of
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


def test_trap_29_a_drill_waits_for_a_blocks_job_and_then_for_the_end_of_its_run(play: Stage) -> None:
    """The job runs when the plan begins; once it has ended, its instances are in use until the run has."""
    run = play.dag_run(drill_dag(teardown=False)).go_until("wait")
    drill = play.plan_run(plan(), {"preflight": "warn"}).approve_everything()
    start = "wave_1_everything.start_recovery"
    seen: list[tuple[int, str | None]] = []

    def end_the_run() -> None:
        seen.append((len(play.jobs()), run.states["enrich"]))
        assert run.go() == "success", run.states

    drill.when(start, "deferred", lambda: run.go_until("enrich", "success"))
    drill.when(start, "deferred", end_the_run, after_steps=5)
    assert drill.go() == "success", drill.states
    assert seen == [(1, "success")], "only the block's"
    (queued, *_) = play.events("waveQueued")
    assert queued["waitingServers"] == 2
    of_block, of_plan = play.jobs()
    assert of_block.tags["ExecutionId"] == run.xcom("start")["executionId"]
    of_cleanup = play.jobs("TERMINATE")[0]
    assert of_block.ended_at < of_cleanup.created_at < of_plan.created_at
    assert run.xcom("terminate")["remaining"] == []


def test_trap_29_a_drill_is_refused_by_run_and_task_of_the_block_whose_instances_it_would_remove(
    play: Stage,
) -> None:
    run = play.dag_run(drill_dag(teardown=False)).go_until("enrich", "success")
    refused = play.plan_run(plan(), {"preflight": "warn"})
    other = play.dag_run(drill_dag({"preflight": "warn"}))
    assert refused.go() == other.go() == "failed"
    for told in (refused.failure("prepare"), other.failure("start")):
        assert f"task my_drill.start, run {run.dag_run.run_id} of DAG my_drill" in told
    assert len(play.jobs()) == 1
    assert set(play.instances().values()) == {"running"}
    assert run.go() == "success", run.states
    assert play.drill(plan()).state == "success"


def test_a_recovery_goes_before_the_drill_of_a_block_and_names_it(play: Stage) -> None:
    play.dag_run(drill_dag(teardown=False)).go_until("enrich", "success")
    recovery = play.plan_run(plan(), recovery_of(plan()), user="dr-lead").approve_everything()
    assert recovery.go() == "success", recovery.record
    (finding,) = [
        item
        for item in recovery.xcom("prepare", "preflight")["findings"]
        if item["code"] == "drill_instance_in_use"
    ]
    assert finding["severity"] == "WARN"
    assert "task my_drill.start" in str(finding)


def test_trap_19_a_block_terminates_nothing_of_a_plan_that_has_not_ended(play: Stage) -> None:
    drill = play.plan_run(plan(), {"cleanup": "keep"}).approve_everything().go_until("hold_drill")
    job = play.jobs()[0].job_id

    def terminate() -> BlockRun:
        run = play.dag_run(drill_dag(teardown=False))
        run.dag.get_task("terminate").jobs = job
        for task_id in ("start", "wait", "enrich"):
            run.mark_success(task_id)
        return run

    refused = terminate()
    assert refused.go() == "failed"
    assert f"{job} is a job of DRILL of small (run {drill.dag_run.run_id}" in refused.failure("terminate")
    assert set(play.instances().values()) == {"running"}
    assert drill.go() == "success", drill.states
    kept = terminate()
    assert kept.go() == "success", kept.states
    assert set(play.instances().values()) == {"terminated"}


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
    run = {"dag_id": "d" * 250, "run_id": "manual__x"}
    tags = block_job_tags("an-id", "DRILL", "d" * 250 + "." + "t" * 250, 2, {"Team": "erp"}, **run)
    assert len(tags["AirflowTask"]) == 256
    assert task_of_tags(tags) == tags["AirflowTask"]
    assert task_of_tags({**tags, "PlanName": "small"}) is None
    assert task_of_tags({"AirflowTask": "dag.task"}) is None
    assert run_of_tags(tags) is None, "no tag holds both"


@pytest.mark.parametrize("run_id", ["scheduled__2026-11-28T07:26:00+00:00", "CHG~1=2%7E", "a/b c|d"])
def test_tags_tell_run_and_task_in_the_characters_that_aws_takes(run_id: str) -> None:
    tags = block_job_tags("an-id", "DRILL", "d.t[12]", 1, {}, dag_id="a.b", run_id=run_id)
    assert tags["AirflowTask"] == "d.t@12"
    assert run_of_tags(tags) == ("a.b", run_id)
    assert run_of_tags({**tags, "PlanName": "small"}) is None
    assert all(re.fullmatch(r"[\w +\-=._:/@]*", value) for value in tags.values()), tags
