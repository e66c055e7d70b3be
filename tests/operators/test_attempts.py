"""Clearing after the end: attempts of one execution, each with its own end."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlparse

import pytest

from drs_provider import keys
from tests.harness.plans import WIKI, plan, two_waves
from tests.harness.stage import Stage
from tests.harness.worlds import ALWAYS, ONCE, world

KEEP = {"cleanup": "keep"}


@pytest.mark.drs_scenario(world({WIKI[1]: {"fail": ONCE}}))
def test_trap_35_each_attempt_has_its_own_end_and_report(play: Stage) -> None:
    run = play.plan_run(two_waves(), KEEP).approve_everything()
    assert run.go() == "failed"
    first = run.stored
    begun = play.now()
    run.clear("wave_2_second")
    assert run.go() == "success"
    second = run.stored

    assert second["executionId"] == first["executionId"]
    assert second["attempt"] == 2
    assert second["attempts"][0] == first["attempts"][0]
    assert second["attempts"][1]["startTime"] == pytest.approx(begun, abs=0.01)
    assert second["startTime"] == second["attempts"][1]["startTime"]
    reports = [json.loads(Path(urlparse(row["reportUri"]).path).read_text()) for row in second["attempts"]]
    assert len(reports) == 2
    assert first["attempts"][0]["reportSha256"] in json.dumps(reports[1])
    assert run.wave("first", second)["serverStatuses"] == run.wave("first", first)["serverStatuses"]
    assert run.wave("second", second)["status"] == "COMPLETED"


@pytest.mark.drs_scenario(world({WIKI[1]: {"fail": ONCE}}))
def test_trap_35_retrying_a_wave_does_not_touch_its_launched_servers(play: Stage) -> None:
    run = play.plan_run(plan(), KEEP).approve_everything()
    assert run.go() == "failed"
    before = play.instances()
    run.clear("wave_1_everything")
    assert run.go() == "success"
    assert play.launched_servers() == [WIKI[0], WIKI[1], WIKI[1]]
    assert before.items() <= play.instances().items()
    jobs = run.wave("everything", run.stored)["jobs"]
    assert [job["attempt"] for job in jobs] == [1, 2]


def test_a_cleaned_up_drill_that_is_cleared_starts_afresh(play: Stage) -> None:
    run = play.drill(plan())
    first = set(play.instances())
    run.clear("prepare")
    assert run.go() == "success"
    assert play.launched_servers() == sorted([*WIKI, *WIKI])
    rows = run.wave("everything", run.stored)["serverStatuses"]
    assert first.isdisjoint({row["instanceId"] for row in rows})
    assert set(play.instances().values()) == {"terminated"}


def test_a_recovered_execution_that_is_cleared_launches_nothing_again(play: Stage) -> None:
    run = play.plan_run(plan(), KEEP).approve_everything()
    assert run.go() == "success"
    before = play.instances()
    run.clear("wave_1_everything")
    assert run.go() == "success"
    assert play.launched_servers() == sorted(WIKI)
    assert play.instances() == before
    assert run.stored["status"] == "COMPLETED"


def test_trap_33_an_instance_that_people_took_out_of_drs_is_not_launched_again(play: Stage) -> None:
    """Only the job's log still tells of it: launched again, the server would run twice."""
    run = play.plan_run(plan(), KEEP).approve_everything()
    assert run.go() == "success"
    before, drs = play.instances(), play.simulator.client()
    for instance in before:
        drs.disconnect_recovery_instance(recoveryInstanceID=instance)
        drs.delete_recovery_instance(recoveryInstanceID=instance)
    run.clear("wave_1_everything")
    assert run.go() == "success"
    assert play.launched_servers() == sorted(WIKI)
    assert play.instances() == before
    rows = run.wave("everything", run.stored)["serverStatuses"]
    assert {row["recoveryInstanceId"] for row in rows} == set(before)


def test_trap_16_without_the_jobs_log_a_cleared_wave_launches_nothing(play: Stage) -> None:
    run = play.plan_run(plan(), KEEP).approve_everything()
    assert run.go() == "success"
    drs = play.simulator.client()
    for instance in play.instances():
        drs.disconnect_recovery_instance(recoveryInstanceID=instance)
        drs.delete_recovery_instance(recoveryInstanceID=instance)
    denied = {"code": "AccessDeniedException", "message": "not authorized", "status": 403}
    play.simulator.inject("DescribeJobLogItems", kind="error", **denied)
    run.clear("wave_1_everything")
    assert run.go() == "failed"
    assert play.launched_servers() == sorted(WIKI)
    assert "DescribeJobLogItems" in run.stored["errorMessage"]


@pytest.mark.drs_scenario(world({WIKI[0]: {"no_instance": True}}))
def test_a_server_whose_instance_never_was_is_launched_again(play: Stage) -> None:
    run = play.plan_run(plan(), KEEP).approve_everything()
    assert run.go() == "failed"
    run.clear("wave_1_everything")
    run.go()
    assert play.launched_servers() == [WIKI[0], WIKI[0], WIKI[1]]


@pytest.mark.drs_scenario(world({WIKI[1]: {"fail": ONCE}}))
def test_clearing_only_failed_tasks_tells_what_to_clear(play: Stage) -> None:
    run = play.plan_run(plan(), KEEP).approve_everything()
    assert run.go() == "failed"
    run.clear("wave_1_everything.enrich")
    assert run.go() == "failed"
    assert play.launched_servers() == sorted(WIKI)
    assert run.stored["status"] == "FAILED"
    assert "wiki-2" in run.stored["errorMessage"]


def test_an_attempt_does_not_inherit_results_of_waves_that_it_did_not_reach(play: Stage) -> None:
    run = play.plan_run(two_waves()).approve_everything()
    assert run.go() == "success"
    assert run.stored["verdict"]["result"] == "passed"
    play.simulator.inject("StartRecovery", kind="error", code="ValidationException", message="no", status=400)
    run.clear("wave_1_first")
    assert run.go() == "failed"
    assert run.states["wave_2_second.enrich"] == "upstream_failed"
    record = run.stored
    assert run.outline().waves == {"first": "FAILED", "second": "CANCELLED"}
    assert record["status"] == "FAILED"
    assert record["attempts"][1]["verdict"]["result"] == "not verified"


@pytest.mark.drs_scenario(world({WIKI[1]: {"fail": ONCE}}))
def test_an_attempt_does_not_inherit_failures_either(play: Stage) -> None:
    run = play.plan_run(two_waves()).approve_everything()
    assert run.go() == "failed"
    assert run.outline().waves == {"first": "COMPLETED", "second": "FAILED"}
    play.simulator.inject("StartRecovery", kind="error", code="ValidationException", message="no", status=400)
    run.clear("wave_1_first")
    assert run.go() == "failed"
    assert run.outline().waves == {"first": "FAILED", "second": "CANCELLED"}
    assert "wiki-2" not in run.stored["errorMessage"]


def test_a_stopped_attempt_does_not_inherit_results_either(play: Stage) -> None:
    run = play.plan_run(two_waves()).approve_everything()
    assert run.go() == "success"
    run.clear("wave_1_first")
    run.when("wave_1_first.wait_for_recovery", "deferred", run.mark_failed)
    assert run.go() == "failed"
    assert run.stored["status"] == "CANCELLED"
    assert run.outline().waves == {"first": "CANCELLED", "second": "CANCELLED"}
    assert [row["status"] for row in run.stored["attempts"]] == ["COMPLETED", "CANCELLED"]
    assert set(play.instances().values()) == {"terminated"}


def test_a_cleared_gate_asks_again(play: Stage) -> None:
    gate = {"approvers": ["dr-approver-1"], "timeout_minutes": 30}
    run = play.plan_run(two_waves(second={"gate": gate}), KEEP).answer("hold_drill", "Passed")
    run.answer("gate_2", "Reject").answer("gate_2", "Approve", comment="second thoughts")
    assert run.go() == "failed"
    assert run.stored["status"] == "CANCELLED"
    run.clear("gate_2")
    assert run.go() == "success"
    record = run.stored
    assert record["status"] == "COMPLETED"
    assert [row["decision"] for row in run.wave("second", record)["gate"]["responses"]] == ["Approve"]
    assert play.launched_servers() == sorted(WIKI)


def test_a_rejected_wave_is_not_started_by_clearing_what_is_behind_its_gate(play: Stage) -> None:
    gate = {"approvers": ["dr-approver-1"], "timeout_minutes": 30}
    run = play.plan_run(plan({"name": "everything", "servers": WIKI, "gate": gate}), KEEP)
    run.answer("gate_1", "Reject")
    assert run.go() == "failed"
    run.mark_success("gate_1")
    run.clear("wave_1_everything")
    assert run.go() == "failed"
    assert play.jobs() == []
    assert "clear the gate" in run.failure("wave_1_everything.start_recovery")


@pytest.mark.drs_scenario(world({WIKI[1]: {"fail": ALWAYS}}))
def test_retries_of_airflow_are_not_attempts(play: Stage) -> None:
    play.kill_worker("DescribeRecoveryInstances", nth=3, times=2)
    run = play.plan_run(plan(), KEEP).approve_everything()
    assert run.go() == "failed"
    assert run.stored["attempt"] == 1
    assert len(run.stored["attempts"]) == 1


def test_finalize_run_again_returns_what_is_stored(play: Stage) -> None:
    play.kill_worker("PutItem", nth=10_000)
    run = play.drill(plan())
    before = run.stored
    ended = run.rows[keys.FINALIZE]
    ended.state, ended.tries_left = None, 1
    play.simulator.advance(60)
    assert run.go() == "success"
    after = run.stored
    assert after["endTime"] == before["endTime"]
    assert after["status"] == before["status"]
    assert after["attempts"] == before["attempts"]


@pytest.mark.drs_scenario("shop_two_regions")
def test_a_wave_that_is_cleared_while_another_one_runs_on(play: Stage) -> None:
    """The run is not over: what runs beside the cleared wave finds itself in the next attempt when it resumes."""
    fault = {"kind": "error", "code": "ValidationException", "message": "no", "status": 400, "times": 1}
    play.simulator.inject("StartRecovery", account="222233334444", **fault)
    run = play.plan_run("shop_two_regions", step_seconds=100).approve_everything()
    central = "wave_3_frontend_central"
    run.when(f"{central}.start_recovery", "failed", lambda: run.clear(central))
    assert run.go() == "success"
    record = run.stored
    assert record["status"] == "COMPLETED"
    assert {wave["status"] for wave in record["waves"]} == {"COMPLETED"}
    assert len(play.launched_servers()) == 4
    assert len(play.launched_servers(account="222233334444", region="eu-central-1")) == 2
    assert set(play.instances().values()) == {"terminated"}
    assert [row["status"] for row in record["attempts"]][-1] == "COMPLETED"
