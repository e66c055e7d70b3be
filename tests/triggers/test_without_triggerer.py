"""No triggerer is alive for a while: nobody watches, and the wave's deadline counts all the same."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider.triggers.recovery import DrsRecoveryTrigger
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan
from tests.harness.stage import Stage
from tests.harness.worlds import ALWAYS, world

WAIT = "wave_1_everything.wait_for_recovery"


def unwatched(play: Stage, seconds: float, **wave: Any) -> PlanRun:
    """A drill whose triggerer dies in mid-wave, and is started again so many seconds later."""
    made = plan({"name": "everything", "servers": WIKI, **wave})
    run = play.plan_run(made, {"cleanup": "keep"}, step_seconds=60).approve_everything()

    def die_and_return() -> None:
        stored = run.triggerer.serialized[WAIT]
        run.triggerer.cancel(WAIT)
        run.advance(seconds)
        run.triggerer.start(WAIT, DrsRecoveryTrigger(**stored))

    run.when(WAIT, "deferred", die_and_return, after_steps=1)
    return run


def test_trap_27_what_was_recovered_meanwhile_counts(play: Stage) -> None:
    run = unwatched(play, 3 * 3600, timeout_minutes=60)
    assert run.go() == "success"
    wave = run.wave("everything", run.stored)
    (job,) = play.jobs()
    assert wave["status"] == "COMPLETED"
    assert wave["endTime"] == pytest.approx(job.ended_at, abs=0.01)
    assert {row["launchStatus"] for row in wave["serverStatuses"]} == {"LAUNCHED"}
    assert all(row["launchedTime"] <= job.ended_at for row in wave["serverStatuses"])


def test_trap_27_what_still_runs_after_the_deadline_has_failed_at_once(play: Stage) -> None:
    run = unwatched(play, 400, timeout_minutes=5)
    assert run.go() == "failed"
    (job,) = play.jobs()
    assert job.status != "COMPLETED"
    assert "not finished within 5 min" in run.stored["errorMessage"]
    assert job.job_id in str(run.wave("everything", run.stored)["jobs"])
    assert play.now() - job.created_at < 60 + 400 + 60


@pytest.mark.drs_scenario(world({WIKI[0]: {"fail": ALWAYS}}))
def test_a_server_that_failed_meanwhile_has_its_cause(play: Stage) -> None:
    run = unwatched(play, 3 * 3600, timeout_minutes=60)
    assert run.go() == "failed"
    assert "InsufficientInstanceCapacity" in run.stored["errorMessage"]
    assert "not finished" not in run.stored["errorMessage"]


def test_trap_27_a_triggerer_that_returns_in_time_gives_the_wave_no_more_time(play: Stage) -> None:
    run = unwatched(play, 120, timeout_minutes=5)
    assert run.go() == "failed"
    (job,) = play.jobs()
    assert 300 <= play.now() - job.created_at < 300 + 180
