"""One piece of evidence that was changed keeps no good one from being cleaned up, counted and seen (trap 37)."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from drs_provider import keys
from drs_provider.airflow_api.run import RunView, Unreadable
from drs_provider.orchestration.concurrency.claims import claim_at
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan, two_waves
from tests.harness.stage import Stage
from tests.harness.worker import TaskInstance
from tests.harness.worlds import world

pytestmark = pytest.mark.drs_scenario(world())

START, ENRICH = "wave_1_first.start_recovery", "wave_1_first.enrich"


def touch(run: PlanRun, task_id: str, key: str) -> None:
    """Change an XCom a little, as somebody who may edit the run can."""
    stored: dict[str, Any] = copy.deepcopy(run.xcom(task_id, key))
    stored.get("payload", stored)["touched"] = True
    run.xcoms.set(task_id, key, stored)


def held(play: Stage) -> PlanRun:
    return play.plan_run(two_waves(), run_id="rehearsal").approve_everything()


@pytest.mark.parametrize(("number", "other"), [(1, 2), (2, 1)])
def test_trap_37_a_changed_frozen_wave_does_not_keep_cleanup_from_the_others(
    play: Stage, number: int, other: int
) -> None:
    run = held(play)
    run.when(keys.HOLD_DRILL, "deferred", lambda: touch(run, keys.PREPARE, keys.frozen_wave_key(number)))
    assert run.go() == "failed"
    names = {1: "first", 2: "second"}
    record = run.record
    assert record["status"] == "FAILED"
    assert run.outline().waves == {names[number]: "FAILED", names[other]: "COMPLETED"}
    assert (record["totalWaves"], record["completedWaves"], record["failedWaves"]) == (2, 1, 1)
    for text in (record["errorMessage"], run.wave(names[number])["errorMessage"]):
        assert f"wave {number} ({names[number]}): evidence 'frozen_wave' does not verify" in text
    assert "WaveNumber" in run.failure(keys.CLEANUP_DRILL), "it names where to look for what is left"
    states = {
        wave["waveName"]: [play.instances()[item["instanceId"]] for item in wave["serverStatuses"]]
        for wave in record["waves"]
    }
    assert states == {names[number]: ["running"], names[other]: ["terminated"]}
    assert run.stored["totalWaves"] == 2
    assert run.stored["status"] == "FAILED"


def test_trap_37_changed_intents_do_not_keep_cleanup_from_jobs_with_tags(play: Stage) -> None:
    run = held(play)
    run.when(keys.HOLD_DRILL, "deferred", lambda: touch(run, START, keys.START_INTENTS))
    assert run.go() == "failed"
    assert set(play.instances().values()) == {"terminated"}
    assert "wave 1 (first): evidence 'start_intent' does not verify" in run.failure(keys.CLEANUP_DRILL)
    assert "'start_intent' does not verify" in run.outline().error
    assert run.outline().waves == {"first": "COMPLETED", "second": "COMPLETED"}


def test_trap_37_a_changed_result_fails_its_wave_only_and_everything_is_cleaned_up(play: Stage) -> None:
    run = held(play)
    run.when(keys.HOLD_DRILL, "success", lambda: touch(run, ENRICH, keys.WAVE_RESULT))
    assert run.go() == "failed"
    assert set(play.instances().values()) == {"terminated"}
    assert run.outline().waves == {"first": "FAILED", "second": "COMPLETED"}
    assert "'wave_result' does not verify" in run.outline().error


def unreadable(run: PlanRun, monkeypatch: pytest.MonkeyPatch, task_id: str, key: str) -> None:
    """Let Airflow fail to make a value of an XCom, as it does if somebody wrote a class name into it."""
    pull = TaskInstance.xcom_pull

    def failing(self: TaskInstance, task_ids: str | None = None, *args: Any, **given: Any) -> Any:
        if (task_ids, given.get("key")) == (task_id, key):
            raise ImportError("foo.Bar was not found in allow list for deserialization imports")
        return pull(self, task_ids, *args, **given)

    monkeypatch.setattr(TaskInstance, "xcom_pull", failing)


def test_trap_37_an_xcom_that_cannot_be_read_is_evidence_that_does_not_verify(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = held(play)
    run.when(
        keys.HOLD_DRILL,
        "deferred",
        lambda: unreadable(run, monkeypatch, keys.PREPARE, keys.frozen_wave_key(2)),
    )
    assert run.go() == "failed"
    assert run.outline().waves == {"first": "COMPLETED", "second": "FAILED"}
    assert "wave 2 (second): evidence 'frozen_wave' does not verify" in run.outline().error
    assert sorted(play.instances().values()) == ["running", "terminated"]


@pytest.mark.parametrize("gone", [None, "changed", "unreadable"])
def test_trap_40_a_claim_is_made_again_from_the_frozen_waves_that_verify(
    play: Stage, monkeypatch: pytest.MonkeyPatch, gone: str | None
) -> None:
    run = held(play)
    second = plan({"name": "everything", "servers": WIKI[1:]}, name="second")
    other = play.plan_run(second, run_id="late").approve_everything()
    seen: list[Any] = []

    def begin() -> None:
        touch(run, keys.PREPARE, keys.frozen_wave_key(1))
        if gone == "unreadable":
            unreadable(run, monkeypatch, keys.PREPARE, keys.CLAIM)
        elif gone == "changed":
            touch(run, keys.PREPARE, keys.CLAIM)
        else:
            run.xcoms.set(keys.PREPARE, keys.CLAIM, None)
        view = RunView({"ti": TaskInstance(other, keys.PREPARE)})
        seen.append(claim_at(view, run.dag.dag_id, "rehearsal"))
        other.go()

    run.when(keys.HOLD_DRILL, "deferred", begin)
    run.go()
    assert list(seen[0].servers) == [f"111122223333/eu-west-1/{WIKI[1]}"]
    assert "DRILL of small (run rehearsal" in other.outline().error


def test_an_xcom_that_cannot_be_read_is_there_and_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    found = Unreadable("progress", ImportError("foo.Bar"))
    assert found is not None
    assert found.get("message") is None
    assert "XCom progress cannot be read: foo.Bar" in caplog.text
