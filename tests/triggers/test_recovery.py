"""The trigger that follows a wave's jobs."""

from __future__ import annotations

import asyncio
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest

from drs_provider import keys
from drs_provider.exceptions import DrsConfigurationError
from drs_provider.history.outcome import ExecutionRef
from drs_provider.hooks.drs.drs_api import DrsApi
from drs_provider.rules.concurrency.preemption import Preemption
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.rules.wave.watch import WaveWatch
from drs_provider.runtime.channels.declared import PREEMPTION
from drs_provider.runtime.channels.party import Run
from drs_provider.runtime.watch import make_watch
from drs_provider.triggers import recovery as module
from drs_provider.triggers.cadence import Launches
from drs_provider.triggers.publishing import Publishing
from drs_provider.triggers.recovery import DrsRecoveryTrigger, WaveFollower
from drs_provider.triggers.subscription import PollSnapshot, Subscription
from tests.harness.plan_run import PlanRun
from tests.harness.plans import DATABASES, WIKI, plan, two_waves
from tests.harness.stage import Stage
from tests.harness.triggerer import Triggerer
from tests.harness.worlds import world

WAIT = "wave_1_everything.wait_for_recovery"
ENRICH = "wave_1_everything.enrich"


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


def publishing(trigger: DrsRecoveryTrigger) -> Publishing:
    ref = ExecutionRef(trigger.execution_id, trigger.plan_id, trigger.attempt)
    return Publishing(None, ref, trigger.wave["number"], trigger.poll_interval_seconds)


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


def test_a_jobs_log_is_read_until_its_launches_begin_then_when_a_state_changes_and_at_its_end(
    play: Stage,
) -> None:
    run = play.plan_run(plan(), step_seconds=30).approve_everything()
    states: list[str] = []
    reads: list[int] = []

    def look() -> None:
        states.append(max(run.xcom(WAIT, keys.PROGRESS)["servers"]))
        reads.append(len(play.simulator.calls("DescribeJobLogItems")))

    for steps in range(1, 25):
        run.when(WAIT, "deferred", look, after_steps=steps)
    assert run.go() == "success"
    launching = [count for state, count in zip(states, reads, strict=True) if state == "IN_PROGRESS"]
    assert len(launching) >= 5
    assert launching[-1] - launching[1] <= 1, reads
    assert reads[-1] > launching[-1], "at the end"
    assert states[-1] == "LAUNCHED"


def test_a_poll_that_shows_nothing_new_is_taken_in_at_the_usual_pace_only(
    play: Stage, triggers: list[DrsRecoveryTrigger], monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger = running_wave(play, triggers)
    trigger.poll_interval_seconds = 20
    watch = make_watch(FrozenWave.model_validate(trigger.wave), trigger.started)
    follower = WaveFollower(trigger, watch, publishing(trigger))
    judged: list[float] = []
    judge = WaveWatch.judge
    monkeypatch.setattr(
        WaveWatch,
        "judge",
        lambda self, shown, *, now, **options: (
            judged.append(now),
            judge(self, shown, now=now, **options),
        )[1],
    )
    rows = {
        job_id: {"jobID": job_id, "type": "LAUNCH", "status": "STARTED", "participatingServers": []}
        for job_id in watch.job_ids
    }
    begin = play.now()

    async def silence(*_: Any) -> None:
        return None

    poller: Any = SimpleNamespace(aside=silence, launches=Launches(), reconsider=lambda: None)

    async def look(after: float, **changed: Any) -> bool:
        jobs = {job_id: {**rows[job_id], **changed} for job_id in watch.job_ids}
        snapshot = PollSnapshot(begin + after, jobs, frozenset(), 0)
        return await follower.decided(snapshot, Subscription(poller, frozenset()))

    async def looks() -> None:
        for after in (0, 2.5, 5, 17.5, 20, 22.5):
            assert not await look(after)
        await look(25, tags={"shown": "late"})
        for after in (27.5, 30):
            await look(after, status="COMPLETED")

    asyncio.run(looks())
    assert [round(at - begin, 1) for at in judged] == [0, 20, 25, 27.5, 30]


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


def notice_of(run: PlanRun, execution_id: str, attempt: int) -> Any:
    """Return a genuine notice, as a RECOVERY writes it into a drill's run."""
    notice = Preemption(
        attempt, "e-2", "RECOVERY", "other", "drs_other", "real", "dr-operator", "lost", run.now()
    )
    written: list[Any] = []
    view: Any = SimpleNamespace(push_own=lambda task_id, key, value: written.append(value))
    PREEMPTION.publish(Run(view, execution_id), notice)
    return written[0]


@pytest.mark.parametrize(
    ("attempt", "forged", "cancelled"),
    [(1, False, True), (0, False, False), (0, True, True), (1, True, True)],
)
def test_trap_37_a_drill_is_cancelled_by_a_notice_that_verifies_and_looks_into_any_other(
    play: Stage, triggers: list[DrsRecoveryTrigger], *, attempt: int, forged: bool, cancelled: bool
) -> None:
    trigger, run = running_wave(play, triggers), play.runs[-1]
    assert asyncio.run(asks(trigger, run)) is False
    notice = notice_of(run, trigger.execution_id, attempt)
    run.xcoms.set(keys.PREPARE, keys.PREEMPTION, {**notice, "mac": "00"} if forged else notice)
    assert asyncio.run(asks(trigger, run)) is cancelled


def test_a_triggerer_without_the_key_says_so_and_ends_nothing(
    play: Stage, triggers: list[DrsRecoveryTrigger], monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger, run = running_wave(play, triggers), play.runs[-1]
    run.xcoms.set(keys.PREPARE, keys.PREEMPTION, notice_of(run, trigger.execution_id, 1))
    monkeypatch.setenv("AIRFLOW__DRS__SIGNING_KEY", "")
    with pytest.raises(DrsConfigurationError, match=r"signing_key is not usable.*triggerer included"):
        asyncio.run(asks(trigger, run))
    trigger.task_instance = instance_of(run)
    event = asyncio.run(first_event(trigger))
    assert event["status"] == "error", "its task looks by itself then, and goes on"
    assert "signing_key" in event["message"]


def test_a_thousand_waits_together_read_no_more_notices_than_their_triggerer_can_serve(
    play: Stage, triggers: list[DrsRecoveryTrigger], monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger, run = running_wave(play, triggers), play.runs[-1]
    trigger.task_instance = instance_of(run)
    clock, reads = SimpleNamespace(now=0), []

    async def no_notice(*_: Any, **__: Any) -> None:
        reads.append(clock.now)

    monkeypatch.setattr(module, "read_xcom", no_notice)
    monkeypatch.setattr(module, "time", SimpleNamespace(time=time.time, monotonic=lambda: clock.now))
    watch = make_watch(FrozenWave.model_validate(trigger.wave), trigger.started)
    follower = WaveFollower(trigger, watch, publishing(trigger))
    for clock.now, waits in ((0, 1), (19, 400), (20, 400), (69, 1_000), (70, 1_000)):
        assert asyncio.run(follower.preempted(waits)) is False
    assert reads == [0, 20, 70]


def instance_of(run: PlanRun) -> Any:
    return SimpleNamespace(dag_id=run.dag.dag_id, run_id=run.dag_run.run_id, task_id=WAIT)


async def asks(trigger: DrsRecoveryTrigger, run: PlanRun) -> bool:
    trigger.task_instance = instance_of(run)
    watch = make_watch(FrozenWave.model_validate(trigger.wave), trigger.started)
    return await WaveFollower(trigger, watch, publishing(trigger)).preempted()


def states_of(run: Any, task_id: str) -> list[str | None]:
    return [state for name, state in run.history if name == task_id]


def test_the_trigger_ends_the_task_if_every_server_is_recovered(play: Stage) -> None:
    run = play.plan_run(plan(), step_seconds=100).approve_everything()
    assert run.go() == "success"
    assert states_of(run, WAIT)[-2:] == ["deferred", "success"]
    (job,) = play.jobs()
    assert list(run.xcom(WAIT, keys.WATCH_MEMORY)["completed_at"]) == [job.job_id]


@pytest.mark.drs_scenario("failing_servers")
def test_a_worker_looks_before_a_wave_with_a_failed_server_ends(play: Stage) -> None:
    wave = {"name": "everything", "servers": DATABASES, "min_launched": "50%"}
    run = play.plan_run(plan(wave), step_seconds=100).approve_everything()
    run.go()
    assert states_of(run, WAIT)[-3:] == ["scheduled", "running", "success"]
    assert run.xcom(WAIT)["recovered"] == 1


def test_a_worker_ends_the_task_where_somebody_listens_to_tasks(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drs_provider.plan_tasks.wait.has_listeners", lambda: True)
    run = play.plan_run(plan(), step_seconds=100).approve_everything()
    assert run.go() == "success"
    assert states_of(run, WAIT)[-3:] == ["scheduled", "running", "success"]
    assert run.xcom(WAIT) == {"met": True, "recovered": 2, "servers": 2}


def test_enrich_waits_for_instances_that_drs_tells_later_than_the_end_of_their_job(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed, logged, hidden = DrsApi.recovery_instances, DrsApi.job_log, 2

    def late(api: DrsApi, *args: Any, **options: Any) -> list[Any]:
        nonlocal hidden
        if run.running == ENRICH and hidden:
            hidden -= 1
            return []
        return listed(api, *args, **options)

    def silent(api: DrsApi, job_id: str) -> list[Any]:
        rows = logged(api, job_id)
        for row in rows:
            row.get("eventData", {}).pop("targetInstanceID", None)
        return rows

    monkeypatch.setattr(DrsApi, "recovery_instances", late)
    monkeypatch.setattr(DrsApi, "job_log", silent)
    run = play.plan_run(plan(), step_seconds=100).approve_everything()
    assert run.go() == "success"
    assert states_of(run, ENRICH) == ["running", *["deferred", "scheduled", "running"] * 2, "success"]
    assert run.record["waves"][0]["status"] == "COMPLETED"
