"""Several executions on the same servers and quotas, with real tasks against one simulator (trap 40)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

from drs_provider import keys
from drs_provider.orchestration.concurrency import quota_waits
from drs_provider.preflight.catalog import KINDS
from tests.harness import worker
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan, recovery_of, two_waves
from tests.harness.stage import Stage
from tests.harness.worlds import world

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


# -- pre-emption --------------------------------------------------------------------------------------


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


# -- refusals, dry runs, dead owners ------------------------------------------------------------------


def test_trap_40_a_refused_recovery_is_told_of_preempt_drill(play: Stage) -> None:
    drill = play.plan_run(PLAN, run_id="rehearsal").approve_everything()
    real = play.plan_run(PLAN, recovery_of(PLAN), run_id="real").approve_everything()
    drill.when("gate_1", "success", real.go)
    assert drill.go() == "success"
    assert drill.record["status"] == "COMPLETED"
    assert "DRILL of small (run rehearsal, started by dr-operator)" in real.outline().error
    assert "or start this RECOVERY with preempt_drill" in real.outline().error


@pytest.mark.parametrize("preempt", [False, True])
def test_trap_40_a_dry_run_tells_of_others_and_touches_nothing(play: Stage, preempt: bool) -> None:
    drill = play.plan_run(PLAN, run_id="rehearsal").approve_everything()
    conf = recovery_of(PLAN, dry_run=True, preempt_drill=preempt)
    look = play.plan_run(PLAN, conf, run_id="look").approve_everything()
    drill.when("gate_1", "success", look.go)
    assert drill.go() == "success"
    assert drill.record["status"] == "COMPLETED"
    assert look.state == "success"
    assert look.xcom(keys.PREPARE, keys.CLAIM) is None
    report = look.xcom(keys.PREPARE, keys.PREFLIGHT)
    found = [item for item in report["findings"] if item["code"] == "other_execution"]
    assert [item["severity"] for item in found] == [KINDS["other_execution"].recovery[0]]
    assert "DRILL of small (run rehearsal" in found[0]["message"]
    assert ("preempt_drill cancels it" in found[0]["message"]) is preempt
    assert sorted(server["sourceServerId"] for server in found[0]["servers"]) == sorted(WIKI)


def test_trap_40_a_retry_of_an_ended_run_is_refused_while_another_one_is_at_work(play: Stage) -> None:
    first = play.drill(PLAN, run_id="first")
    second = play.plan_run(PLAN, run_id="second").approve_everything()

    def again() -> None:
        first.clear(WAVE)
        first.go()

    second.when("gate_1", "success", again)
    assert second.go() == "success"
    assert "attempt 2 is refused" in first.failure(f"{WAVE}.start_recovery")
    assert "run second" in first.outline().error


def test_trap_40_a_prepare_that_is_tried_again_claims_again(play: Stage) -> None:
    run = play.plan_run(PLAN, run_id="first").approve_everything()
    run.when("gate_1", "success", lambda: run.clear(keys.PREPARE))
    other = play.plan_run(PLAN, run_id="second").approve_everything()
    run.when(f"{WAVE}.wait_for_recovery", "deferred", other.go)
    assert run.go() == "success"
    assert "run first" in other.outline().error


# -- no plan file is shared ---------------------------------------------------------------------------

OTHER = plan({"name": "everything", "servers": WIKI}, name="other")


def withdraw(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let workers have folders of their own: no plan in them, and nothing that is remembered of plans."""
    patch.setenv("AIRFLOW__DRS__STATE_PATH", str(folder / "state"))
    patch.setenv("AIRFLOW__DRS__PLANS_FOLDER", str(folder / "plans"))


@pytest.mark.parametrize("real", [False, True], ids=["a DRILL", "a RECOVERY"])
def test_trap_34_trap_40_a_held_drill_whose_plan_no_worker_knows_is_seen_by_another_plan(
    play: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, real: bool
) -> None:
    drill = play.plan_run(HELD, run_id="rehearsal").approve_everything()
    other = play.plan_run(OTHER, recovery_of(OTHER) if real else {}, run_id="late").approve_everything()

    def begin() -> None:
        withdraw(monkeypatch, tmp_path / "elsewhere")
        other.go()

    drill.when(keys.HOLD_DRILL, "deferred", begin)
    assert drill.go() == "success"
    assert "DRILL of small (run rehearsal, started by dr-operator) waits for people at hold_drill" in (
        other.outline().error
    )
    assert drill.record["status"] == "COMPLETED"
    assert play.launched_servers() == sorted(WIKI), "the other one launched nothing"


def test_trap_40_a_dry_run_sees_a_drill_whose_plan_no_worker_knows(
    play: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drill = play.plan_run(PLAN, run_id="rehearsal").approve_everything()
    look = play.plan_run(OTHER, {"dry_run": True}, run_id="look").approve_everything()
    withdraw(monkeypatch, tmp_path / "elsewhere")
    drill.when("gate_1", "success", look.go)
    drill.go()
    found = look.xcom(keys.PREPARE, keys.PREFLIGHT)["findings"]
    subjects = [item["subject"] for item in found if item["code"] == "other_execution"]
    assert subjects == ["run rehearsal of drs_small"]
    assert list(play.variables) == ["drs_executions_of__drs_small"], "a look registers nothing"


def test_trap_40_a_registration_that_was_deleted_is_made_again_before_the_start(play: Stage) -> None:
    """Whoever began meanwhile did not see the drill: now the drill sees it, and launches nothing."""
    drill = play.plan_run(PLAN, run_id="rehearsal").approve_everything()
    other = play.plan_run(OTHER, run_id="late").approve_everything()

    def begin() -> None:
        play.variables.clear()
        until(other, f"{WAVE}.wait_for_recovery")

    drill.when("gate_1", "success", begin)
    drill.go()
    assert "DRILL of other (run late" in drill.outline().error
    assert other.go() == "success"
    assert play.launched_servers() == sorted(WIKI)
    assert sorted(play.variables) == ["drs_executions_of__drs_other", "drs_executions_of__drs_small"]


def test_trap_40_a_plan_whose_dag_and_runs_are_gone_is_in_nobodys_way(play: Stage) -> None:
    drill = play.plan_run(PLAN, run_id="rehearsal").approve_everything()
    until(drill, "gate_1", "success")
    drill.triggerer.close()
    play.runs.remove(drill)
    assert list(play.variables) == ["drs_executions_of__drs_small"]
    assert play.drill(OTHER).record["status"] == "COMPLETED"


# -- the queue for a quota ----------------------------------------------------------------------------

TIGHT = pytest.mark.drs_scenario(world(quotas={"jobs": 1}))


def queued(play: Stage, name: str, servers: list[str], priority: int, **conf: Any) -> PlanRun:
    given = plan(
        {"name": "everything", "servers": servers, "queue_timeout_minutes": 1440},
        name=name,
        priority=priority,
    )
    if conf.pop("real", False):
        conf = recovery_of(given, **conf)
    return play.plan_run(given, conf, run_id=name).approve_everything()


class _Enough(Exception):
    pass


def until(run: PlanRun, task_id: str, state: str = "deferred") -> None:
    """Run until a task has a state, and leave it so."""

    def stop() -> None:
        raise _Enough

    run.when(task_id, state, stop)
    with pytest.raises(_Enough):
        run.go()


def look(run: PlanRun, task_id: str) -> None:
    """Let a waiting task look again now."""
    run.triggerer.cancel(task_id)
    worker.start(run, task_id)


def wait_behind(play: Stage, holder: PlanRun, *others: PlanRun) -> None:
    """Let starts come to wait, one after the other, while the holder has the only slot; then let the holder end."""
    until(holder, f"{WAVE}.wait_for_recovery")
    play.simulator.advance(5)
    for other in others:
        until(other, f"{WAVE}.start_recovery")


def launch_order(play: Stage) -> list[str]:
    return [job.tags["PlanName"] for job in play.jobs()]


@TIGHT
@pytest.mark.parametrize(
    ("ordinary", "important"),
    [({"priority": 100}, {"priority": 1}), ({"priority": 1}, {"priority": 100, "real": True})],
    ids=["by plan priority", "a RECOVERY before a DRILL"],
)
def test_trap_40_a_free_slot_goes_to_who_goes_first_not_to_who_looks_first(
    play: Stage, monkeypatch: pytest.MonkeyPatch, ordinary: dict[str, Any], important: dict[str, Any]
) -> None:
    # How much simulated time the holder takes hangs on the machine; nobody looks again here meanwhile.
    monkeypatch.setattr(quota_waits, "SLOW_LOOK_SECONDS", 1e9)
    start = f"{WAVE}.start_recovery"
    holder = queued(play, "holder", [WIKI[0]], 50)
    low = queued(play, "ordinary", [WIKI[1]], **ordinary)
    high = queued(play, "important", ["s-1111111111111111a"], **important)
    wait_behind(play, holder, low, high)
    holder.go()
    # Now the slot is free, and the less important one looks first.
    look(low, start)
    assert low.states[start] == "deferred"
    assert launch_order(play) == ["holder"]
    assert high.go() == "success"
    assert low.go() == "success"
    assert launch_order(play) == ["holder", "important", "ordinary"]


@TIGHT
def test_trap_40_a_start_that_looks_no_more_keeps_no_room(play: Stage) -> None:
    holder = queued(play, "holder", [WIKI[0]], 50)
    high = queued(play, "important", ["s-1111111111111111a"], 1)
    low = queued(play, "ordinary", [WIKI[1]], 100)
    wait_behind(play, holder, high)
    holder.go()
    play.simulator.advance(20_000)
    assert low.go() == "success"
    assert launch_order(play) == ["holder", "ordinary"]
    assert high.go() == "success"


@TIGHT
def test_trap_40_a_recovery_that_is_long_in_looking_keeps_its_room_from_drills(play: Stage) -> None:
    start = f"{WAVE}.start_recovery"
    holder = queued(play, "holder", [WIKI[0]], 50)
    real = queued(play, "important", ["s-1111111111111111a"], 100, real=True)
    low = queued(play, "ordinary", [WIKI[1]], 1)
    wait_behind(play, holder, real)
    holder.go()
    play.simulator.advance(20_000)
    until(low, start)
    assert launch_order(play) == ["holder"]
    low.stores[start]["queued_since_1"] -= 1441 * 60
    look(low, start)
    assert "first goes wave 1 of RECOVERY of important (run important, started by" in low.failure(start)
    assert real.go() == "success"
    assert launch_order(play) == ["holder", "important"]


@TIGHT
@pytest.mark.parametrize("real", [False, True], ids=["a DRILL", "a RECOVERY"])
def test_trap_40_a_run_that_was_stopped_while_it_waited_keeps_no_room(play: Stage, real: bool) -> None:
    holder = queued(play, "holder", [WIKI[0]], 50)
    high = queued(play, "important", ["s-1111111111111111a"], 1, real=real)
    low = queued(play, "ordinary", [WIKI[1]], 100)
    wait_behind(play, holder, high)
    high.mark_failed()
    holder.go()
    assert low.go() == "success"
    assert launch_order(play) == ["holder", "ordinary"]


@TIGHT
def test_trap_40_a_run_that_is_over_while_its_start_counts_as_waiting_keeps_no_room(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = queued(play, "holder", [WIKI[0]], 50)
    real = queued(play, "important", ["s-1111111111111111a"], 1, real=True)
    low = queued(play, "ordinary", [WIKI[1]], 100)
    wait_behind(play, holder, real)
    holder.go()
    over = {"important": "failed"}
    monkeypatch.setattr(
        RuntimeTaskInstance,
        "get_dagrun_state",
        staticmethod(lambda dag_id, run_id: over.get(run_id, "running")),
    )
    assert low.go() == "success"
    assert launch_order(play) == ["holder", "ordinary"]
    assert real.states[f"{WAVE}.start_recovery"] == "deferred"


@pytest.mark.drs_scenario(world(quotas={"jobs": 2}))
def test_trap_40_who_waits_for_a_busy_server_does_not_keep_a_slot_from_others(play: Stage) -> None:
    start = f"{WAVE}.start_recovery"
    play.simulator.client("drs").start_recovery(sourceServers=[{"sourceServerID": WIKI[0]}], isDrill=True)
    play.simulator.advance(5)
    high = queued(play, "important", [WIKI[0]], 1)
    low = queued(play, "ordinary", [WIKI[1]], 100)
    until(high, start)
    assert high.xcom(start, keys.QUOTA_WAIT)["payload"]["servers"] == 0
    until(low, f"{WAVE}.wait_for_recovery")
    assert [server.server_id for server in play.jobs()[-1].servers] == [WIKI[1]]
    assert high.states[start] == "deferred"


@TIGHT
def test_trap_42_a_wait_that_ends_without_a_slot_names_who_has_it(play: Stage) -> None:
    start = f"{WAVE}.start_recovery"
    holder = queued(play, "holder", [WIKI[0]], 50)
    low = queued(play, "ordinary", [WIKI[1]], 100)
    until(holder, f"{WAVE}.wait_for_recovery")
    play.simulator.advance(5)
    until(low, start)
    low.stores[start]["queued_since_1"] -= 1441 * 60
    low.triggerer.cancel(start)
    worker.start(low, start)
    (job,) = play.jobs()
    execution = holder.xcom(keys.PREPARE)["executionId"]
    assert "quota of 1 jobs at a time is used up" in low.failure(start)
    assert f"DRILL of holder (execution {execution}): 1 jobs with 1 servers ({job.job_id})" in low.failure(
        start
    )
    # It waits no more, so it keeps no room: a less important one goes.
    holder.go()
    last = queued(play, "last", ["s-1111111111111111a"], 1000)
    assert last.go() == "success"
    assert launch_order(play) == ["holder", "last"]


@TIGHT
@pytest.mark.parametrize("changed", [{"forged": True}, None], ids=["forged", "moved from another run"])
def test_trap_37_a_wait_that_does_not_verify_keeps_no_room(
    play: Stage, changed: dict[str, Any] | None, caplog: pytest.LogCaptureFixture
) -> None:
    start = f"{WAVE}.start_recovery"
    holder = queued(play, "holder", [WIKI[0]], 50)
    high = queued(play, "important", ["s-1111111111111111a"], 1)
    other = queued(play, "other", ["s-1111111111111111b"], 1)
    low = queued(play, "ordinary", [WIKI[1]], 100)
    wait_behind(play, holder, high, other)
    wait = high.xcom(start, keys.QUOTA_WAIT)
    high.xcoms.set(start, keys.QUOTA_WAIT, changed or other.xcom(start, keys.QUOTA_WAIT))
    other.mark_failed()
    holder.go()
    assert wait["payload"]["servers"] == 1
    assert low.go() == "success"
    assert launch_order(play) == ["holder", "ordinary"]
    assert "waits for is ignored: evidence 'quota_wait' does not verify" in caplog.text


def test_trap_42_a_busy_server_is_named_with_whose_job_it_is(play: Stage) -> None:
    start = f"{WAVE}.start_recovery"
    play.simulator.client("drs").start_recovery(sourceServers=[{"sourceServerID": WIKI[0]}], isDrill=True)
    play.simulator.advance(5)
    run = play.plan_run(PLAN).approve_everything()
    until(run, start)
    run.stores[start]["queued_since_1"] -= 1441 * 60
    worker.start(run, start)
    assert "of somebody else (START_DRILL), which must end first" in run.failure(start)
