"""The trigger that follows a wave's jobs."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from drs_provider import keys
from drs_provider.triggers.recovery import DrsRecoveryTrigger
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan, two_waves
from tests.harness.stage import Stage
from tests.harness.triggerer import Triggerer
from tests.harness.worlds import world

WAIT = "wave_1_everything.wait_for_recovery"


@pytest.fixture
def triggers(monkeypatch: pytest.MonkeyPatch) -> list[DrsRecoveryTrigger]:
    """The triggers that tasks of the test deferred with."""
    seen: list[DrsRecoveryTrigger] = []
    start = Triggerer.start

    def spy(self: Triggerer, task_id: str, trigger: Any) -> None:
        if isinstance(trigger, DrsRecoveryTrigger):
            seen.append(trigger)
        start(self, task_id, trigger)

    monkeypatch.setattr(Triggerer, "start", spy)
    return seen


def running_wave(play: Stage, triggers: list[DrsRecoveryTrigger], **wave: Any) -> DrsRecoveryTrigger:
    """Start a wave, stop its run there, and return the trigger that it waited with."""
    made = plan({"name": "everything", "servers": WIKI, **wave})
    run = play.plan_run(made, {"cleanup": "keep"})
    run.when(WAIT, "deferred", run.mark_failed)
    run.go()
    (trigger,) = triggers
    return trigger


async def first_event(trigger: DrsRecoveryTrigger) -> dict[str, Any]:
    async for event in trigger.run():
        return dict(event.payload)
    raise AssertionError("no event")


def test_trap_28_no_credentials_are_serialized(play: Stage, triggers: list[DrsRecoveryTrigger]) -> None:
    _, arguments = running_wave(play, triggers).serialize()
    stored = json.dumps(arguments)
    for value in play.simulator.credentials().values():
        assert value not in stored
    assert "aws_dr" in stored


def test_the_deadline_is_a_moment_not_a_duration(play: Stage, triggers: list[DrsRecoveryTrigger]) -> None:
    trigger = running_wave(play, triggers, timeout_minutes=10)
    (job,) = play.jobs()
    _, arguments = trigger.serialize()
    assert arguments["started"]["deadline"] == pytest.approx(job.created_at + 600, abs=1)
    again = DrsRecoveryTrigger(**json.loads(json.dumps(arguments)))
    play.simulator.advance(601)
    event = asyncio.run(first_event(again))
    assert event["status"] == "deadline"


def test_progress_is_published_at_every_poll(play: Stage) -> None:
    run = play.plan_run(plan(), step_seconds=100).approve_everything()
    seen: list[dict[str, Any]] = []
    for steps in (1, 3, 5):
        run.when(WAIT, "deferred", lambda: seen.append(run.xcom(WAIT, keys.PROGRESS)), after_steps=steps)
    assert run.go() == "success"
    last = run.xcom(WAIT, keys.PROGRESS)
    assert [item["waveNumber"] for item in seen] == [1, 1, 1]
    fractions = [item["fraction"] for item in seen]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] < fractions[-1] <= 1
    elapsed = [item["elapsedSeconds"] for item in seen]
    assert elapsed == sorted(elapsed)
    assert {phase for item in seen if (phase := item["phase"])} & {"snapshot", "conversion", "launch"}
    assert last["servers"] == {"LAUNCHED": 2}
    assert all(sum(item["servers"].values()) == 2 for item in seen)


def test_instance_ids_show_while_servers_launch(play: Stage) -> None:
    run = play.plan_run(plan(), step_seconds=30).approve_everything()
    shown: list[int] = []

    def look() -> None:
        rows = play.stored(run.xcom("prepare")["executionId"], "small")["waves"][0]["serverStatuses"]
        shown.append(sum("recoveryInstanceId" in row for row in rows))

    for steps in range(2, 18, 3):
        run.when(WAIT, "deferred", look, after_steps=steps)
    assert run.go() == "success"
    assert shown == sorted(shown)
    assert shown[0] == 0


@pytest.mark.drs_scenario("shop_two_regions")
def test_waves_of_one_region_share_their_polls(play: Stage) -> None:
    groups = {
        "west": {
            "target": "main",
            "tags": {"App": "shop", "Tier": "web"},
        },
        "db": {"target": "main", "tags": {"App": "shop", "Tier": "db"}},
    }
    made = plan(
        {"name": "west", "groups": ["west"], "depends_on": []},
        {"name": "db", "groups": ["db"], "depends_on": []},
        protection_groups=groups,
    )
    run = play.plan_run(made, step_seconds=100).approve_everything()
    assert run.go() == "success"
    both = {job.job_id for job in play.jobs()}
    asked = [set(call.params["filters"]["jobIDs"]) for call in polls(play)]
    assert both in asked


def polls(play: Stage) -> list[Any]:
    calls = play.simulator.calls("DescribeJobs")
    return [call for call in calls if call.params.get("filters", {}).get("jobIDs")]


def test_throttled_polls_only_delay(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when(
        WAIT,
        "deferred",
        lambda: play.simulator.inject(
            "Describe*", kind="error", code="ThrottlingException", message="slow", status=429, times=4
        ),
    )
    assert run.go() == "success"
    assert run.record["status"] == "COMPLETED"


def test_a_trigger_that_gives_up_does_not_lose_the_wave(play: Stage) -> None:
    """Rights that are missing while the trigger begins: the sensor looks for itself and waits on."""
    run = play.plan_run(plan(), step_seconds=30).approve_everything()

    def deny() -> None:
        play.simulator.inject(
            "DescribeJobs",
            kind="error",
            code="AccessDeniedException",
            message="not authorized to perform drs:DescribeJobs",
            status=403,
            times=1,
        )

    run.when(WAIT, "deferred", deny)
    assert run.go() == "success"
    deferred = [state for task, state in run.history if (task, state) == (WAIT, "deferred")]
    assert len(deferred) == 3, "the trigger, a pause, the trigger again"
    assert run.record["status"] == "COMPLETED"


def test_a_restarted_triggerer_goes_on_with_the_same_wave(play: Stage) -> None:
    run = play.plan_run(two_waves(), step_seconds=100).approve_everything()
    wait = "wave_1_first.wait_for_recovery"
    run.when(wait, "deferred", lambda: restart(run, wait), after_steps=2)
    assert run.go() == "success"
    assert run.ran(wait) == 1
    assert play.launched_servers() == sorted(WIKI)


def restart(run: PlanRun, task_id: str) -> None:
    """Lose the triggerer; another one takes over from what is stored."""
    stored = run.triggerer.serialized[task_id]
    run.triggerer.cancel(task_id)
    run.triggerer.start(task_id, DrsRecoveryTrigger(**stored))


@pytest.mark.drs_scenario(world(visibility_delay_seconds=90))
def test_a_job_that_shows_late_is_waited_for(play: Stage) -> None:
    run = play.plan_run(plan(), step_seconds=45).approve_everything()
    assert run.go() == "success"
    assert play.launched_servers() == sorted(WIKI)
