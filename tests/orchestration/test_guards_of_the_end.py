"""What must hold at the edges of a start and of a cleanup when AWS or Airflow tell only half of it."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider import keys
from drs_provider.hooks.drs.drs_api import DrsApi
from tests.harness.plans import WIKI, plan, recovery_of, two_waves
from tests.harness.stage import Stage
from tests.harness.worlds import world
from tests.orchestration.cleanup.test_pre_provisioned import instance_of, tag
from tests.orchestration.cleanup.test_steps import deny

START = "wave_1_everything.start_recovery"
WAIT = "wave_1_everything.wait_for_recovery"
CLEANUP = keys.CLEANUP_DRILL
HOLD = keys.HOLD_DRILL


@pytest.mark.parametrize("shape", [{}, {"participatingServers": []}], ids=["missing", "empty"])
def test_trap_16_a_completed_job_of_ours_that_names_no_servers_is_not_passed_over(
    play: Stage, monkeypatch: pytest.MonkeyPatch, shape: dict[str, Any]
) -> None:
    listed = DrsApi.jobs_since

    def nameless(api: DrsApi, since: float) -> list[dict[str, Any]]:
        rows = listed(api, since)
        return [{k: v for k, v in row.items() if k != "participatingServers"} | shape for row in rows]

    monkeypatch.setattr(DrsApi, "jobs_since", nameless)
    play.kill_worker("StartRecovery", after=True)
    run = play.plan_run(plan()).approve_everything()
    run.go()
    assert len(play.simulator.calls("StartRecovery")) == 1


def test_trap_39_nothing_is_terminated_while_ec2_does_not_tell_what_existed_before(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    before: list[str] = []

    def set_up() -> None:
        before.append(instance_of(play, WIKI[0]))
        tag(play, before[0])
        deny(play, "DescribeInstances", service="ec2")

    run.when(HOLD, "success", set_up)
    run.when(CLEANUP, "failed", play.simulator.clear_faults)
    assert run.go() == "failed"
    assert not play.simulator.calls("TerminateRecoveryInstances")
    assert play.instances()[before[0]] == "running"


@pytest.mark.parametrize("marked", [False, True], ids=["runs", "marked as success"])
def test_trap_37_a_forged_verdict_keeps_no_instance_and_no_record_away(play: Stage, marked: bool) -> None:
    run = play.plan_run(plan(drill={"hold": {"on_timeout": "keep"}})).approve_everything()

    def forge() -> None:
        run.xcoms.set(HOLD, keys.GATE_DECISION, {"payload": {}, "signature": "00"})
        if marked:
            run.set_state(CLEANUP, "success")

    run.when(HOLD, "success", forge)
    assert run.go() == "failed"
    assert run.stored["status"] == "PARTIAL"
    assert "running" not in play.instances().values() or run.record["cleanup"]["left"]
    if not marked:
        assert set(play.instances().values()) == {"terminated"}


@pytest.mark.drs_scenario(world(profile="slow_drill"))
def test_a_cleanup_does_not_give_up_while_a_job_of_the_drill_still_launches(play: Stage) -> None:
    run = play.plan_run(two_waves(), step_seconds=60).approve_everything()

    def stop() -> None:
        run.mark_failed()
        deny(play, "DescribeInstances", service="ec2")

    run.when("wave_2_second.wait_for_recovery", "deferred", stop)
    run.when(CLEANUP, "failed", play.simulator.clear_faults)
    run.go()
    assert all(job.status == "COMPLETED" for job in play.jobs())


def test_a_refusal_late_in_a_cleanup_is_not_final_at_once(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    begun: list[float] = []

    def stop() -> None:
        run.mark_failed()
        begun.append(play.now())
        wait()

    def wait() -> None:
        run.when(CLEANUP, "deferred", refuse if play.now() - begun[0] >= 400 else wait, after_steps=1)

    def refuse() -> None:
        play.simulator.inject("DescribeJobs", code="AccessDeniedException", message="edited now", status=403)
        run.when(CLEANUP, "deferred", play.simulator.clear_faults, after_steps=1)

    run.when(WAIT, "deferred", stop)
    run.go()
    assert run.states[CLEANUP] == "success"
    assert set(play.instances().values()) == {"terminated"}


def test_trap_15_a_start_that_waits_for_its_retry_when_the_run_is_stopped_has_begun(play: Stage) -> None:
    made = plan()
    play.kill_worker("StartRecovery", after=True)
    run = play.plan_run(made, recovery_of(made), user="dr-lead").approve_everything()

    def stop() -> None:
        play.simulator.advance(30)  # DRS shows the job
        run.mark_failed()

    run.when(START, "up_for_retry", stop)
    run.go()
    assert run.record["status"] == "CANCELLED"
    (job,) = play.jobs()
    assert [row["jobId"] for row in run.wave("everything")["jobs"]] == [job.job_id]
