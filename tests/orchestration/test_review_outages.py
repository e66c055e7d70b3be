"""AWS that cannot be reached for half an hour: no task uses up its retries, and nothing is lost."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from drs_provider.plan.account import AwsTarget
from drs_provider.triggers import recovery
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan
from tests.harness.stage import Stage

START = "wave_1_everything.start_recovery"
WAIT = "wave_1_everything.wait_for_recovery"
ENRICH = "wave_1_everything.enrich"


def brown_out(play: Stage, run: PlanRun, task_id: str, *, minutes: float) -> None:
    """Let DRS and EC2 fail whoever asks, from the moment on in which a task runs, for so many minutes."""
    begun = play.now()

    def end_it() -> None:
        if play.now() - begun >= minutes * 60:
            play.simulator.clear_faults()
        else:
            run.when(task_id, "deferred", end_it, after_steps=1)

    for service in ("drs", "ec2"):
        play.simulator.inject(
            "*", service=service, kind="error", code="InternalServerException", message="down", status=500
        )
    run.when(task_id, "deferred", end_it)


@pytest.mark.parametrize(
    ("before", "state", "task_id"),
    [("gate_1", "success", START), (WAIT, "deferred", WAIT), (WAIT, "success", ENRICH)],
)
def test_trap_09_an_outage_of_half_an_hour_uses_up_no_retries(
    play: Stage, before: str, state: str, task_id: str
) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when(before, state, lambda: brown_out(play, run, task_id, minutes=30))
    begun = play.now()
    assert run.go() == "success"
    assert play.now() - begun > 1800
    assert {run.ran(task) for task in (START, WAIT, ENRICH)} == {1}
    assert play.launched_servers() == sorted(WIKI)
    assert run.record["status"] == "COMPLETED"
    assert set(play.instances().values()) == {"terminated"}
    assert "outage_since_1" not in run.stores.get(task_id, {})


def test_an_outage_that_does_not_end_fails_the_wave(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DRS__OUTAGE_MINUTES", "20")
    run = play.plan_run(plan()).approve_everything()
    run.when("gate_1", "success", lambda: brown_out(play, run, START, minutes=10_000))
    run.when(START, "failed", play.simulator.clear_faults)
    assert run.go() == "failed"
    assert run.ran(START) == 4
    assert "down" in run.stored["errorMessage"]
    assert play.jobs() == []


def test_trap_09_a_cleanup_bears_an_outage(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when("hold_drill", "success", lambda: brown_out(play, run, "cleanup_drill", minutes=30))
    assert run.go() == "success"
    assert run.ran("cleanup_drill") == 1
    assert set(play.instances().values()) == {"terminated"}


def test_a_triggerer_that_cannot_reach_aws_does_not_make_the_task_spin(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: list[Any] = []
    original = recovery.watch_jobs

    def elsewhere(target: AwsTarget, *args: Any, **kwargs: Any) -> Any:
        watched.append(play.now())
        data = {**target.to_dict(), "connection": "not_in_the_triggerer"}
        return original(AwsTarget.from_dict(data), *args, **kwargs)

    monkeypatch.setattr(recovery, "watch_jobs", elsewhere)
    run = play.plan_run(plan()).approve_everything()
    assert run.go() == "success"
    assert run.record["status"] == "COMPLETED"
    gaps = [later - earlier for earlier, later in pairwise(watched)]
    assert watched
    assert all(gap >= 30 for gap in gaps), gaps
