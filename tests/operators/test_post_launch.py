"""Post-launch actions: where the plan requires them they decide the wave, and no retry relaunches for them."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider.plan.model import Plan
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan, recovery_of
from tests.harness.stage import ACCOUNT, REGION, Stage
from tests.harness.worlds import world

RECOVERY = {"initiators": ["dr-lead"], "approvers": ["dr-approver-1"]}
WAIT = "wave_1_everything.wait_for_recovery"


def acting(**action: Any) -> dict[str, Any]:
    """A world in which one server runs a post-launch action."""
    actions = [{"name": "check logins", "duration": "PT120S", **action}]
    return world({WIKI[0]: {"launch": {"post_launch": True}, "launch_actions": actions}})


FAILING = acting(fails=1.0, failure_reason="exit code 7")


def requiring(minutes: int = 30) -> Plan:
    rules = {"drill": "ignore", "recovery": "require", "timeout_minutes": minutes}
    return plan({"name": "everything", "servers": WIKI[:1], "post_launch": rules}, recovery=RECOVERY)


def recovery(play: Stage, made: Plan) -> PlanRun:
    run = play.plan_run(made, recovery_of(made), user="dr-lead", step_seconds=100)
    return run.approve_everything()


def row(run: PlanRun) -> dict[str, Any]:
    rows = run.wave("everything", run.stored)["serverStatuses"]
    return next(item for item in rows if item["sourceServerId"] == WIKI[0])


@pytest.mark.drs_scenario(FAILING)
def test_trap_25_a_required_action_that_fails_fails_its_server(play: Stage) -> None:
    run = recovery(play, requiring())
    assert run.go() == "failed"
    failed = row(run)
    assert (failed["launchStatus"], failed["postLaunchActionsStatus"]) == ("LAUNCHED", "FAILED")
    assert "check logins: exit code 7" in failed["error"]
    assert "check logins: exit code 7" in run.stored["errorMessage"]
    assert set(play.instances().values()) == {"running"}


@pytest.mark.drs_scenario(FAILING)
def test_trap_33_a_server_whose_action_failed_is_checked_again_never_relaunched(play: Stage) -> None:
    run = recovery(play, requiring())
    assert run.go() == "failed"
    live = play.instances()
    run.clear("wave_1_everything")
    assert run.go() == "failed"
    assert "check logins" in run.stored["errorMessage"]
    (job,) = play.jobs()
    for part in job.servers:
        for action in part.runs:
            action.status = "SUCCEEDED"  # people mended it, and ran it again in DRS
    job.touch()
    run.clear("wave_1_everything")
    assert run.go() == "success"
    assert run.stored["status"] == "COMPLETED"
    assert play.launched_servers() == [WIKI[0]]
    assert play.instances() == live
    assert [item["status"] for item in run.stored["attempts"]] == ["FAILED", "FAILED", "COMPLETED"]


@pytest.mark.drs_scenario(acting())
def test_trap_25_a_recovery_waits_for_its_required_actions(play: Stage) -> None:
    run = recovery(play, requiring())
    assert run.go() == "success"
    assert row(run)["postLaunchActionsStatus"] == "COMPLETED"
    part = next(item for item in play.jobs()[0].servers if item.server_id == WIKI[0])
    assert [action.status for action in part.runs] == ["SUCCEEDED"]


@pytest.mark.drs_scenario(acting(duration="PT7200S"))
def test_trap_27_actions_that_do_not_end_have_a_time_of_their_own(play: Stage) -> None:
    run = recovery(play, requiring(minutes=10))
    assert run.go() == "failed"
    assert "post-launch actions" in row(run)["error"]


@pytest.mark.drs_scenario(FAILING)
def test_actions_that_a_drill_ignores_are_only_shown(play: Stage) -> None:
    run = play.drill(requiring())
    assert run.stored["status"] == "COMPLETED"
    assert row(run)["postLaunchActionsStatus"] == "FAILED"


def test_trap_10_a_server_that_its_job_lost_has_failed(play: Stage) -> None:
    run = play.plan_run(plan(), {"cleanup": "keep"}, step_seconds=120).approve_everything()

    def lose() -> None:
        for job in play.simulator.region(ACCOUNT, REGION).jobs.values():
            job.servers = [part for part in job.servers if part.server_id != WIKI[1]]

    run.when(WAIT, "deferred", lose, after_steps=2)
    assert run.go() == "failed"
    (job,) = play.jobs()
    assert f"job {job.job_id} is COMPLETED without this server" in run.stored["errorMessage"]
    assert "wiki-2" in run.stored["errorMessage"]


@pytest.mark.drs_scenario(world({WIKI[1]: {"fail": {"at": "CONVERSION_FAIL", "error": "no boot disk"}}}))
def test_the_cause_is_the_event_and_the_raw_error_of_the_job_log(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    assert run.go() == "failed"
    rows = run.wave("everything", run.stored)["serverStatuses"]
    (error,) = [item["error"] for item in rows if "error" in item]
    assert "CONVERSION_FAIL: no boot disk" in error
    assert "CONVERSION_FAIL: no boot disk" in run.failure("wave_1_everything.enrich")
    assert "CONVERSION_FAIL: no boot disk" in run.stored["errorMessage"]
