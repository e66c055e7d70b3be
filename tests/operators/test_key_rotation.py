"""The signing key is rotated while executions run, and an old one is taken away behind executions that are over."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider import keys
from drs_provider.core.evidence import FROZEN_PLAN, TamperedError, read_sealed
from tests.harness.plans import plan, two_waves
from tests.harness.stage import Stage
from tests.harness.sweeps import Sweeps, sweeps
from tests.orchestration.sweep.test_instances import OLD as LONG
from tests.orchestration.sweep.test_instances import alive, kinds, left_behind

__all__ = ["sweeps"]

OLD = "signing-key-of-tests-0123456789abcdef"  # the stage's own
NEW = "a-newer-signing-key-0123456789abcdefgh"
THIRD = "the-newest-signing-key-0123456789abcdef"


def rotate(monkeypatch: pytest.MonkeyPatch, *signing: str) -> None:
    monkeypatch.setenv("AIRFLOW__DRS__SIGNING_KEY", ",".join(signing))


def verifies(sealed: dict[str, Any], key: str) -> bool:
    try:
        read_sealed(sealed, keys=[key], purpose=FROZEN_PLAN)
    except TamperedError:
        return False
    return True


def test_a_running_execution_survives_rotations(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    run = play.plan_run(two_waves()).approve_everything()
    run.when(
        "wave_1_first.wait_for_recovery",
        "deferred",
        lambda: rotate(monkeypatch, NEW, OLD),
    )
    run.when("hold_drill", "deferred", lambda: rotate(monkeypatch, THIRD, NEW, OLD))
    assert run.go() == "success"
    assert run.record["status"] == "COMPLETED"
    assert set(play.instances().values()) == {"terminated"}


def test_a_cleared_execution_survives_a_rotation(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    run = play.drill(two_waves(), {"cleanup": "keep"})
    rotate(monkeypatch, NEW, OLD)
    run.clear("prepare")
    assert run.go() == "success"
    assert len(play.jobs()) == 2, "what runs already is adopted"


def test_the_first_key_signs(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    rotate(monkeypatch, NEW, OLD)
    run = play.drill(plan(), {"cleanup": "keep"})
    frozen = run.xcom("prepare", keys.FROZEN_PLAN)
    assert verifies(frozen, NEW)
    assert not verifies(frozen, OLD)


def test_the_sweeper_terminates_nothing_of_an_execution_that_a_removed_key_signed(
    play: Stage, sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind(play, sweeps)
    play.simulator.advance(LONG)
    rotate(monkeypatch, NEW)
    report = sweeps.sweep(terminate=True)
    assert "its instances were left alone: evidence 'frozen_plan' does not verify" in report["failures"][0]
    assert play.jobs("TERMINATE") == []
    assert len(alive(play)) == 2
    rotate(monkeypatch, NEW, OLD)
    assert kinds(sweeps.sweep(terminate=True)) == {("outlived drill instance", "terminated")}


def test_a_cleanup_terminates_nothing_on_a_plan_that_a_removed_key_signed(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when("hold_drill", "success", lambda: rotate(monkeypatch, NEW))
    assert run.go() == "failed"
    assert "signing key is another one" in run.failure("cleanup_drill")
    assert play.jobs("TERMINATE") == []
    assert len(alive(play)) == 2


@pytest.mark.parametrize("removed", [False, True])
def test_an_end_that_never_reached_the_table_counts_as_long_as_its_key_is_there(
    play: Stage, sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch, *, removed: bool
) -> None:
    run = play.plan_run("wiki").approve_everything()
    fault = {"kind": "error", "code": "InternalServerError", "status": 500, "service": "dynamodb"}
    run.when("cleanup_drill", "success", lambda: play.simulator.inject("*", **fault))
    run.when("finalize", "success", play.simulator.clear_faults)
    assert run.go() == "success"
    rotate(monkeypatch, *((NEW,) if removed else (NEW, OLD)))
    play.simulator.advance(LONG)
    before = len(play.jobs("TERMINATE"))
    sweeps.sweep(terminate=True)
    assert ("execution_end" in str(sweeps.error)) is removed
    assert (run.stored["status"] == "COMPLETED") is not removed
    assert len(play.jobs("TERMINATE")) == before
