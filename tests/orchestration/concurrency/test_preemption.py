"""A RECOVERY that cancels a drill on its servers: real tasks, one simulator (trap 40)."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider import keys
from tests.harness import worker
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan, recovery_of, two_waves
from tests.harness.stage import Stage

pytestmark = pytest.mark.drs_scenario("three_tier")

WAVE = "wave_1_everything"
PLAN = plan()
HELD = plan(drill={"hold": {"timeout_minutes": 240, "on_timeout": "cleanup"}})


def recovery(play: Stage, given: Any = PLAN, **conf: Any) -> PlanRun:
    """Return a RECOVERY that cancels a drill in its way."""
    conf = recovery_of(given, preempt_drill=True, **conf)
    return play.plan_run(given, conf, user="dr-lead", run_id="real").approve_everything()


def during(
    play: Stage, task_id: str, state: str, *, given: Any = PLAN, after_steps: int = 0
) -> tuple[PlanRun, PlanRun]:
    """Run a drill, and in the middle of it a RECOVERY from its beginning to its end; return both."""
    drill = play.plan_run(given, run_id="rehearsal").approve_everything()
    real = recovery(play, given)
    drill.when(task_id, state, real.go, after_steps=after_steps)
    drill.go()
    return drill, real


def assert_cancelled(drill: PlanRun, real: PlanRun) -> None:
    outline = drill.outline()
    assert outline.status == "CANCELLED"
    assert outline.error.startswith("pre-empted by RECOVERY of small (run real, started by dr-lead)")
    assert outline.error.count("pre-empted by") == 1
    assert drill.state == "failed"
    mine = [item for item in drill.record["overrides"] if item["what"].startswith("preempted")]
    assert [item["by"] for item in mine] == ["dr-lead"]
    assert drill.stored["status"] == "CANCELLED"
    theirs = [
        item for item in real.record["overrides"] if item["what"].startswith("preempt_drill: cancelled")
    ]
    assert len(theirs) == 1
    assert "run rehearsal" in theirs[0]["what"]
    assert real.stored["overrides"] == real.record["overrides"]


def live(play: Stage) -> list[str]:
    """Return the jobs of the instances that still run."""
    return [instance for instance, state in play.instances().items() if state == "running"]


def test_trap_40_a_recovery_takes_over_from_a_drill_before_its_first_launch(play: Stage) -> None:
    drill, real = during(play, "gate_1", "success")
    assert_cancelled(drill, real)
    assert real.record["status"] == "COMPLETED"
    assert play.launched_servers() == sorted(WIKI), "the drill launched nothing"
    assert len(live(play)) == 2
    assert [event["runId"] for event in play.events("drillPreempted")] == ["rehearsal"]


def test_trap_40_a_recovery_takes_over_from_a_drill_in_mid_launch(play: Stage) -> None:
    drill, real = during(play, f"{WAVE}.wait_for_recovery", "deferred")
    assert_cancelled(drill, real)
    assert real.record["status"] == "COMPLETED"
    # It waited for the drill's job; then DRS replaced the drill's instances.
    assert [job.is_drill for job in play.jobs()] == [True, False]
    assert play.jobs()[1].created_at >= play.jobs()[0].ended_at
    assert sorted(live(play)) == sorted(
        server["instanceId"] for server in real.wave("everything")["serverStatuses"]
    )


def test_trap_40_the_recovery_s_instances_survive_the_drill_s_cleanup(play: Stage) -> None:
    drill, real = during(play, keys.HOLD_DRILL, "deferred", given=HELD)
    assert_cancelled(drill, real)
    assert drill.record["verdict"]["result"] == "not verified"
    assert drill.xcom(keys.CLEANUP_DRILL, keys.CLEANUP)["remaining"] == []
    assert sorted(live(play)) == sorted(
        server["instanceId"] for server in real.wave("everything")["serverStatuses"]
    )


def test_trap_40_a_gate_that_is_answered_after_the_pre_emption_starts_nothing(play: Stage) -> None:
    given = two_waves(second={"gate": {"message": "Look first."}})
    drill, real = during(play, "gate_2", "deferred", given=given)
    assert drill.states["gate_2"] == "failed"
    assert "pre-empted" in drill.failure("gate_2")
    assert_cancelled(drill, real)
    launched = [job for job in play.jobs() if job.is_drill]
    assert [[server.server_id for server in job.servers] for job in launched] == [[WIKI[0]]]


def test_trap_40_the_last_look_is_right_before_the_call(play: Stage) -> None:
    """The notice comes while the drill's start is under way: after its beginning, before StartRecovery."""
    drill = play.plan_run(PLAN, run_id="rehearsal").approve_everything()
    real = recovery(play)
    done = []

    def notify(operation: str) -> None:
        # The last read of the drill's start before its call.
        if operation == "DescribeJobs" and drill.running == f"{WAVE}.start_recovery" and not done:
            done.append(operation)
            task, drill.running = drill.running, None
            try:
                worker.start(real, keys.PREPARE)
            finally:
                drill.running = task

    play._before_call.append(notify)
    drill.go()
    assert drill.outline().status == "CANCELLED"
    assert play.launched_servers() == []
    assert real.go() == "success"
    assert play.launched_servers() == sorted(WIKI)


def test_trap_40_the_drill_s_watch_ends_at_the_next_poll(play: Stage) -> None:
    """The triggerer sees the notice: the drill ends while its jobs still run, and its cleanup waits for them."""
    drill = play.plan_run(PLAN, run_id="rehearsal", step_seconds=60.0).approve_everything()
    real = recovery(play)

    def begin() -> None:
        worker.start(real, keys.PREPARE)

    drill.when(f"{WAVE}.wait_for_recovery", "deferred", begin, after_steps=1)
    drill.go()
    assert drill.outline().status == "CANCELLED"
    ended = next(at for at, (task, state) in enumerate(drill.history) if state == "failed")
    assert drill.history[ended][0] == f"{WAVE}.wait_for_recovery"
    assert "pre-empted" in drill.failure(f"{WAVE}.wait_for_recovery")
    assert live(play) == []
    assert real.go() == "success"


def test_trap_40_a_drill_that_was_cleared_does_not_come_back_while_the_recovery_runs(play: Stage) -> None:
    drill = play.plan_run(PLAN, run_id="rehearsal").approve_everything()
    real = recovery(play)

    def again() -> None:
        drill.go()
        assert drill.outline().status == "CANCELLED"
        drill.clear(WAVE)
        drill.go()

    for task in (keys.PREPARE, "gate_1"):
        worker.start(drill, task)
    real.when(f"{WAVE}.start_recovery", "success", again)
    assert real.go() == "success"
    assert "attempt 2 is refused" in drill.failure(f"{WAVE}.start_recovery")
    assert "RECOVERY of small (run real" in drill.failure(f"{WAVE}.start_recovery")
    assert play.launched_servers() == sorted(WIKI)


def test_trap_37_a_forged_notice_is_found_out(play: Stage) -> None:
    drill = play.plan_run(PLAN, run_id="rehearsal").approve_everything()
    forged = {"payload": {"attempt": 1, "by_type": "RECOVERY"}, "mac": "0" * 64}
    drill.when("gate_1", "success", lambda: drill.xcoms.set(keys.PREPARE, keys.PREEMPTION, forged))
    drill.go()
    assert drill.outline().status == "FAILED"
    assert "evidence 'preemption' does not verify" in drill.outline().error
    assert play.launched_servers() == []


def test_trap_37_a_notice_moved_to_another_run_does_not_verify(play: Stage) -> None:
    first, _real = during(play, "gate_1", "success")
    notice = first.xcom(keys.PREPARE, keys.PREEMPTION)
    other = play.plan_run(plan({"name": "other", "servers": ["s-1111111111111111a"]}), run_id="other")
    other.approve_everything().when(
        "gate_1", "success", lambda: other.xcoms.set(keys.PREPARE, keys.PREEMPTION, notice)
    )
    other.go()
    assert "does not verify" in other.outline().error


def test_trap_40_a_recovery_takes_no_notice_of_a_notice(play: Stage) -> None:
    real = recovery(play)
    real.when("gate_1", "success", lambda: real.xcoms.set(keys.PREPARE, keys.PREEMPTION, {"forged": True}))
    assert real.go() == "success"
    assert real.record["status"] == "COMPLETED"


def test_trap_40_a_recovery_is_never_cancelled(play: Stage) -> None:
    first = play.plan_run(PLAN, recovery_of(PLAN), run_id="first").approve_everything()
    second = recovery(play)
    first.when("gate_1", "success", second.go)
    assert first.go() == "success"
    assert second.record["status"] == "FAILED"
    assert "RECOVERY of small (run first, started by dr-operator)" in second.outline().error
    assert "cancels drills only" in second.outline().error
