"""Starts that wait for a quota: who goes first, and what keeps room: real tasks, one simulator (trap 40)."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

from drs_provider import keys
from drs_provider.orchestration.concurrency import quota_waits
from tests.harness import worker
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan, recovery_of
from tests.harness.stage import Stage
from tests.harness.worlds import world

pytestmark = pytest.mark.drs_scenario("three_tier")

WAVE = "wave_1_everything"
PLAN = plan()

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


def look(run: PlanRun, task_id: str) -> None:
    """Let a waiting task look again now."""
    run.triggerer.cancel(task_id)
    worker.start(run, task_id)


def wait_behind(play: Stage, holder: PlanRun, *others: PlanRun) -> None:
    """Let starts come to wait, one after the other, while the holder has the only slot; then let the holder end."""
    holder.go_until(f"{WAVE}.wait_for_recovery")
    play.simulator.advance(5)
    for other in others:
        other.go_until(f"{WAVE}.start_recovery")


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
    low.go_until(start)
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
    high.go_until(start)
    assert high.xcom(start, keys.QUOTA_WAIT)["payload"]["servers"] == 0
    low.go_until(f"{WAVE}.wait_for_recovery")
    assert [server.server_id for server in play.jobs()[-1].servers] == [WIKI[1]]
    assert high.states[start] == "deferred"


@TIGHT
def test_trap_42_a_wait_that_ends_without_a_slot_names_who_has_it(play: Stage) -> None:
    start = f"{WAVE}.start_recovery"
    holder = queued(play, "holder", [WIKI[0]], 50)
    low = queued(play, "ordinary", [WIKI[1]], 100)
    holder.go_until(f"{WAVE}.wait_for_recovery")
    play.simulator.advance(5)
    low.go_until(start)
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
    run.go_until(start)
    run.stores[start]["queued_since_1"] -= 1441 * 60
    worker.start(run, start)
    assert "of somebody else (START_DRILL), which must end first" in run.failure(start)
