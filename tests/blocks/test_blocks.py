"""Building blocks in a DAG of its own: a drill from its start to its end, and what must not happen."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.blocks.dags import NETWORK, drill_dag
from tests.harness.plans import DATABASES, WIKI
from tests.harness.stage import Stage
from tests.harness.worlds import ALWAYS, world

pytestmark = pytest.mark.drs_scenario("three_tier", history=False)


def assert_all_gone(play: Stage) -> None:
    assert set(play.instances().values()) == {"terminated"}


@pytest.fixture(autouse=True)
def no_options(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks need no signing key, and no deployment id."""
    for option in ("SIGNING_KEY", "DEPLOYMENT_ID", "REPORTS_PATH", "STATE_PATH"):
        monkeypatch.delenv(f"AIRFLOW__DRS__{option}")


def test_a_drill_of_blocks_from_its_start_to_its_end(play: Stage) -> None:
    run = play.dag_run(drill_dag())
    assert run.go() == "success", run.states
    assert play.launched_servers() == sorted(WIKI)
    (job,) = play.jobs()
    told = run.xcom("start")
    assert [item["jobId"] for item in told["jobs"]] == [job.job_id]
    assert job.tags["AirflowTask"] == "my_drill.start"
    assert job.tags["ExecutionId"] == told["executionId"]
    assert "PlanName" not in job.tags
    verdict = run.xcom("wait")
    assert (verdict["met"], verdict["recovered"]) == (True, 2)
    rows = {row["sourceServerId"]: row for row in run.xcom("enrich")}
    assert sorted(rows) == sorted(WIKI)
    instances = {row["instanceId"] for row in rows.values()}
    assert all(row["privateIp"] and row["instanceType"] and row["isDrill"] for row in rows.values())
    assert sorted(instances) == run.xcom("terminate")["terminated"]
    assert_all_gone(play)


def test_without_the_triggerer_the_worker_waits(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: play.simulator.advance(300))
    run = play.dag_run(drill_dag(deferrable=False))
    assert run.go() == "success", run.states
    assert "deferred" not in {state for _, state in run.history}
    assert play.launched_servers() == sorted(WIKI)
    assert_all_gone(play)


@pytest.mark.drs_scenario(world({WIKI[1]: {"fail": ALWAYS}}), history=False)
def test_a_server_that_fails_fails_the_sensor_with_drs_words_and_its_verdict_is_there(play: Stage) -> None:
    run = play.dag_run(drill_dag())
    run.rows["wait"].tries_left = 0
    assert run.go() == "failed"
    assert "InsufficientInstanceCapacity" in run.failure("wait")
    verdict = run.xcom("wait")
    assert (verdict["met"], verdict["recovered"]) == (False, 1)
    assert run.states["enrich"] == "upstream_failed"
    assert run.states["terminate"] == "success"
    assert_all_gone(play)


def test_trap_16_an_answer_that_is_lost_starts_no_second_job(play: Stage) -> None:
    play.simulator.inject("StartRecovery", kind="reset", after=True, times=1)
    run = play.dag_run(drill_dag())
    assert run.go() == "success", run.states
    assert play.launched_servers() == sorted(WIKI)


def test_trap_16_a_job_without_tags_is_known_by_its_intent_and_terminated(play: Stage) -> None:
    play.kill_worker("StartRecovery", after=True)
    run = play.dag_run(drill_dag())

    def lose_tags() -> None:
        for job in play.jobs():
            job.tags.clear()
            job.touch()

    run.when("start", "up_for_retry", lose_tags)
    assert run.go() == "success", run.states
    assert play.launched_servers() == sorted(WIKI)
    assert_all_gone(play)


def test_a_clear_launches_again_what_was_terminated_and_nothing_else(play: Stage) -> None:
    run = play.dag_run(drill_dag())
    assert run.go() == "success"
    run.clear("wait")
    run.rows["wait"].tries_left = 0
    assert run.go() == "failed", "what was terminated is not there any more"
    assert len(play.jobs()) == 1
    run.clear("start")
    assert run.go() == "success", run.states
    assert [job.tags["Attempt"] for job in play.jobs()] == ["1", "3"]
    assert_all_gone(play)


def test_trap_33_a_clear_replaces_nothing_although_its_state_is_lost(play: Stage) -> None:
    """Airflow may be set to forget the state of tasks that succeeded; days later its jobs are still known by tags."""
    run = play.dag_run(
        drill_dag({"execution_type": "RECOVERY", "source_state": "lost"}, teardown=False)
    ).go_until("enrich", "success")
    play.simulator.advance(3 * 86_400)
    run.stores["start"].clear()
    run.clear("start")
    run.rows["start"].tries_left = 0
    assert run.go() == "failed"
    assert "live" in run.failure("start")
    assert len(play.jobs()) == 1
    assert set(play.instances().values()) == {"running"}


@pytest.mark.drs_scenario(world({WIKI[0]: {"live_instance": {"is_drill": False}}}), history=False)
def test_trap_33_no_launch_over_a_live_instance_and_nothing_to_terminate(play: Stage) -> None:
    run = play.dag_run(drill_dag())
    assert run.go() == "failed"
    assert "live" in run.failure("start")
    assert "drill_only=False" in run.failure("start")
    assert play.jobs() == []
    assert run.states["terminate"] == "success", "the start told nothing, because it launched nothing"
    assert run.xcom("terminate")["terminated"] == []
    assert set(play.instances().values()) == {"running"}


def test_trap_39_a_drill_outside_its_network_is_refused(play: Stage) -> None:
    run = play.dag_run(drill_dag({"allowed_vpcs": ["vpc-0e0e0e0e"], "allowed_subnets": []}))
    assert run.go() == "failed"
    assert "vpc-0d5111aa" in run.failure("start")
    assert play.jobs() == []


@pytest.mark.parametrize(
    "options", [{"run_type": "scheduled"}, {"run_type": "asset_triggered"}, {"user": None}]
)
def test_trap_31_a_recovery_that_no_person_started_is_refused(play: Stage, options: dict[str, Any]) -> None:
    dag = drill_dag({"execution_type": "RECOVERY", "source_state": "lost"}, teardown=False)
    run = play.dag_run(dag, **options)
    assert run.go() == "failed"
    assert "no person" in run.failure("start")
    assert play.jobs() == []


def test_trap_43_a_recovery_needs_the_state_of_its_sources_and_its_instances_stay(play: Stage) -> None:
    dag = drill_dag({"execution_type": "RECOVERY"}, teardown=False)
    run = play.dag_run(dag)
    assert run.go() == "failed"
    assert "source_state" in run.failure("start")
    assert play.jobs() == []
    run = play.dag_run(drill_dag({"execution_type": "RECOVERY", "source_state": "lost"}, teardown=False))
    assert run.go() == "failed"
    assert run.states["enrich"] == "success"
    assert "is a RECOVERY" in run.failure("terminate")
    assert set(play.instances().values()) == {"running"}
    told = drill_dag({"execution_type": "RECOVERY", "source_state": "lost"}, {"drill_only": False})
    run.dag = told
    run.clear("terminate")
    assert run.go() == "success", run.states
    assert_all_gone(play)


def test_trap_19_instances_of_others_stay(play: Stage) -> None:
    drs = play.simulator.client()
    drs.start_recovery(sourceServers=[{"sourceServerID": DATABASES[0]}], isDrill=True)
    run = play.dag_run(drill_dag())
    assert run.go() == "success", run.states
    states = sorted(play.instances().values())
    assert states == ["running", "terminated", "terminated"]


def test_trap_29_a_server_in_somebody_elses_job_is_waited_for(play: Stage) -> None:
    drs = play.simulator.client()
    drs.start_recovery(sourceServers=[{"sourceServerID": WIKI[0]}], isDrill=True)
    run = play.dag_run(drill_dag({"preflight": "warn"}))
    assert run.go() == "success", run.states
    foreign, beside, behind = play.jobs()
    assert [server.server_id for server in beside.servers] == [WIKI[1]]
    assert [server.server_id for server in behind.servers] == [WIKI[0]]
    assert foreign.ended_at <= behind.created_at


def test_other_arguments_start_nothing_more_in_the_same_run(play: Stage) -> None:
    run = play.dag_run(drill_dag()).go_until("wait")
    run.triggerer.cancel("wait")
    run.dag = drill_dag({"source_servers": list(DATABASES), **NETWORK})
    run.clear("start")
    assert run.go() == "failed"
    assert "with other servers" in run.failure("start")
    assert play.launched_servers() == sorted(WIKI)
    assert run.states["terminate"] == "success"
    assert_all_gone(play)
