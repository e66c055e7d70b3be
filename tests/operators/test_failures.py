"""Servers and services that fail: what becomes of the wave, the execution and the run's colour."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider import keys
from drs_provider.plan.model import Plan
from tests.harness.plan_run import PlanRun
from tests.harness.plans import DATABASES, WIKI, plan, two_waves
from tests.harness.stage import ACCOUNT, REGION, Stage
from tests.harness.worlds import ALWAYS, ONCE, world

ENRICH = "wave_1_everything.enrich"
WAIT = "wave_1_everything.wait_for_recovery"
OPTIONAL = {"servers": [WIKI[1]]}


def optional_plan() -> Plan:
    return plan({"name": "everything", "servers": WIKI, "optional": OPTIONAL})


def rows(run: PlanRun, wave: str = "everything") -> dict[str, dict[str, Any]]:
    return {row["sourceServerId"]: row for row in run.wave(wave, run.stored)["serverStatuses"]}


@pytest.mark.drs_scenario(world({WIKI[0]: {"fail": ALWAYS}}))
def test_trap_08_a_failed_critical_server_fails_its_wave_and_stops_those_behind(play: Stage) -> None:
    run = play.plan_run(two_waves()).approve_everything()
    assert run.go() == "failed"
    record = run.stored
    assert record["status"] == "FAILED"
    assert run.outline().waves == {"first": "FAILED", "second": "CANCELLED"}
    assert "wiki-1" in record["errorMessage"]
    assert "InsufficientInstanceCapacity" in record["errorMessage"]
    assert run.states["wave_2_second.start_recovery"] == "upstream_failed"
    assert play.launched_servers() == [WIKI[0]]
    assert (record["completedWaves"], record["failedWaves"]) == (0, 1)
    assert rows(run, "first")[WIKI[0]]["launchStatus"] == "FAILED"


@pytest.mark.drs_scenario(world({WIKI[0]: {"fail": ALWAYS}}))
def test_trap_09_one_failed_server_does_not_end_the_wave_while_others_launch(play: Stage) -> None:
    run = play.plan_run(plan(), step_seconds=60).approve_everything()
    assert run.go() == "failed"
    (job,) = play.jobs()
    assert rows(run)[WIKI[1]]["launchStatus"] == "LAUNCHED"
    assert run.wave("everything", run.stored)["endTime"] == pytest.approx(job.ended_at, abs=0.01)
    assert run.record["status"] == "FAILED"
    assert set(play.instances().values()) == {"terminated"}


@pytest.mark.drs_scenario(world({WIKI[1]: {"fail": ALWAYS}}))
def test_trap_08_waves_completed_before_a_failed_one_make_it_partial_and_red(play: Stage) -> None:
    run = play.plan_run(two_waves()).approve_everything()
    assert run.go() == "failed"
    assert run.stored["status"] == "PARTIAL"
    assert run.outline().waves == {"first": "COMPLETED", "second": "FAILED"}
    assert run.states["finalize"] == "failed"
    assert run.states["hold_drill"] == "upstream_failed"
    assert set(play.instances().values()) == {"terminated"}


@pytest.mark.drs_scenario(world({WIKI[1]: {"fail": ALWAYS}}))
def test_a_failed_optional_server_makes_it_partial_and_green(play: Stage) -> None:
    run = play.drill(optional_plan())
    assert run.stored["status"] == "PARTIAL"
    assert set(run.states.values()) == {"success"}
    assert run.wave("everything", run.stored)["status"] == "COMPLETED"
    assert rows(run)[WIKI[1]]["error"]


@pytest.mark.drs_scenario(world({WIKI[1]: {"fail": ALWAYS}}))
def test_min_launched_counts_on_top(play: Stage) -> None:
    made = plan({"name": "everything", "servers": WIKI, "optional": OPTIONAL, "min_launched": "100%"})
    run = play.plan_run(made).approve_everything()
    assert run.go() == "failed"
    assert "1 of 2 servers recovered, 2 needed" in run.stored["errorMessage"]


@pytest.mark.drs_scenario(world({WIKI[0]: {"no_instance": True}}))
def test_trap_36_launched_without_an_instance_is_a_failed_server(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    assert run.go() == "failed"
    assert rows(run)[WIKI[0]]["launchStatus"] == "LAUNCHED"
    assert "EC2 has no instance" in rows(run)[WIKI[0]]["error"]
    assert "error" not in rows(run)[WIKI[1]]


@pytest.mark.drs_scenario(world({WIKI[0]: {"instance_id_in_job": True}}))
def test_instances_are_found_whether_the_job_names_them_or_not(play: Stage) -> None:
    run = play.drill(plan())
    assert run.record["status"] == "COMPLETED"
    named, unnamed = (rows(run)[server] for server in WIKI)
    for row in (named, unnamed):
        assert row["instanceId"] == row["recoveryInstanceId"]
        assert row["instanceId"].startswith("i-")


@pytest.mark.drs_scenario(world({WIKI[0]: {"fail": {"at": "SERVER_SKIPPED", "error": "not ready"}}}))
def test_a_server_that_drs_skipped_is_told_so(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    assert run.go() == "failed"
    assert rows(run)[WIKI[0]]["launchStatus"] == "FAILED"
    assert rows(run)[WIKI[0]]["error"] == "DRS skipped it (SERVER_SKIPPED: not ready)"


@pytest.mark.drs_scenario(world({WIKI[0]: {"fail": {"at": "SERVER_SKIPPED"}}}, skipped_servers_end="PENDING"))
def test_trap_11_a_server_that_stays_pending_in_a_completed_job_has_failed(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    assert run.go() == "failed"
    assert rows(run)[WIKI[0]]["launchStatus"] == "PENDING"
    assert "skipped" in rows(run)[WIKI[0]]["error"]


def test_trap_10_a_job_that_vanishes_fails_its_wave_by_name(play: Stage) -> None:
    run = play.plan_run(plan(), step_seconds=120).approve_everything()
    lost: list[str] = []

    def lose() -> None:
        jobs = play.simulator.region(ACCOUNT, REGION).jobs
        lost.extend(jobs)
        for job in jobs.values():
            job.visible_at = float("inf")

    run.when(WAIT, "deferred", lose)
    assert run.go() == "failed"
    assert lost[0] in run.stored["errorMessage"]
    assert "not found" in run.stored["errorMessage"]


def test_trap_27_the_waves_time_ends_it_and_names_what_still_runs(play: Stage) -> None:
    made = plan({"name": "everything", "servers": WIKI, "timeout_minutes": 5})
    run = play.plan_run(made, {"cleanup": "keep"}, step_seconds=60).approve_everything()
    assert run.go() == "failed"
    (job,) = play.jobs()
    assert "not finished within 5 min" in run.stored["errorMessage"]
    assert run.stored["status"] == "FAILED"
    assert job.status != "COMPLETED"
    assert play.now() - job.created_at < 420


def test_trap_27_waiting_for_people_does_not_use_up_a_waves_time(play: Stage) -> None:
    gate = {"timeout_minutes": 120, "on_timeout": "approve"}
    made = plan({"name": "everything", "servers": WIKI, "timeout_minutes": 15, "gate": gate})
    run = play.plan_run(made).answer("hold_drill", "Passed")
    assert run.go() == "success"
    assert run.record["waitingSeconds"] >= 7200


def test_the_cleanup_waits_for_a_job_that_still_launches(play: Stage) -> None:
    made = plan({"name": "everything", "servers": WIKI, "timeout_minutes": 5})
    run = play.plan_run(made, step_seconds=60).approve_everything()
    assert run.go() == "failed"
    (job,), (terminate,) = play.jobs(), play.jobs("TERMINATE")
    assert job.ended_at <= terminate.created_at
    assert set(play.instances().values()) == {"terminated"}
    assert len(play.instances()) == 2


def break_ec2(play: Stage) -> None:
    play.simulator.inject(
        "DescribeInstances",
        service="ec2",
        kind="error",
        code="InternalError",
        message="An internal error has occurred",
        status=500,
    )


def test_trap_23_ec2_that_cannot_answer_flags_the_wave_and_finalize_repairs_it(play: Stage) -> None:
    run = play.plan_run(plan(), {"cleanup": "keep"}).approve_everything()
    seen: list[dict[str, Any]] = []
    run.when(WAIT, "deferred", lambda: break_ec2(play))
    run.when(ENRICH, "success", lambda: seen.append(run.xcom(ENRICH, keys.WAVE_RESULT)))
    run.when("hold_drill", "scheduled", play.simulator.clear_faults)
    assert run.go() == "success"
    (flagged,) = seen
    assert flagged["status"] == "COMPLETED"
    assert flagged["enrichmentIncomplete"] is True
    assert all("privateIp" not in row for row in flagged["serverStatuses"])
    assert run.record["status"] == "COMPLETED"
    for row in rows(run).values():
        assert row["privateIp"]
        assert row["instanceType"]
    assert not run.wave("everything", run.stored).get("enrichmentIncomplete")


def test_ec2_that_never_answers_again_leaves_the_flag(play: Stage) -> None:
    run = play.plan_run(plan(), {"cleanup": "keep"}).approve_everything()
    run.when(WAIT, "deferred", lambda: break_ec2(play))
    assert run.go() == "success"
    assert run.record["status"] == "COMPLETED"
    assert run.wave("everything", run.stored)["enrichmentIncomplete"] is True


def test_a_cleanup_that_leaves_instances_makes_the_run_red_but_not_the_recovery(play: Stage) -> None:
    play.simulator.inject(
        "TerminateRecoveryInstances",
        kind="error",
        code="AccessDeniedException",
        message="not authorized to perform drs:TerminateRecoveryInstances",
        status=403,
    )
    run = play.plan_run(plan()).approve_everything()
    assert run.go() == "failed"
    assert run.states["cleanup_drill"] == "failed"
    assert "TerminateRecoveryInstances" in run.failure("finalize")
    assert run.wave("everything", run.stored)["status"] == "COMPLETED"


@pytest.mark.drs_scenario(world({DATABASES[0]: {"fail": ONCE}}))
def test_a_sensor_that_does_not_defer_comes_to_the_same_end(play: Stage) -> None:
    made = plan({"name": "everything", "servers": DATABASES})
    run = play.plan_run(made).approve_everything()
    sensor = run.dag.get_task(WAIT)
    sensor.deferrable = False
    sensor.poke_interval = 0.001

    class Pokes(type(sensor)):
        def poke(self, context: Any) -> bool:
            run.advance(200)
            return bool(super().poke(context))

    sensor.__class__ = Pokes
    assert run.go() == "failed"
    assert "deferred" not in [state for task, state in run.history if task == WAIT]
    assert rows(run)[DATABASES[1]]["launchStatus"] == "LAUNCHED"
    assert "erp-db-1" in run.stored["errorMessage"]


@pytest.mark.drs_scenario(world({WIKI[0]: {"fail": {"at": "CONVERSION_HANGS"}}}))
def test_a_hung_conversion_ends_with_the_waves_time_and_names_the_job(play: Stage) -> None:
    """Nothing in DRS ends it: the job stays STARTED, its servers PENDING."""
    made = plan({"name": "everything", "servers": WIKI, "timeout_minutes": 20})
    run = play.plan_run(made, {"cleanup": "keep"}, step_seconds=120).approve_everything()
    assert run.go() == "failed"
    (job,) = play.jobs()
    assert job.status == "STARTED"
    assert "not finished within 20 min (DRS: PENDING" in run.stored["errorMessage"]
    for row in rows(run).values():
        (conversion,) = [phase for phase in row["phases"] if phase["name"] == "conversion"]
        assert "end" not in conversion
