"""Preflight's answers are those of the world that it is asked about, kept or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drs_provider import keys
from tests.harness import stage as stage_module
from tests.harness.kept_answers import beginning
from tests.harness.plans import WIKI, two_waves
from tests.harness.stage import ACCOUNT, REGION, Stage, stage
from tests.harness.worlds import world

WORLD = world(seed=4711)


def preflight(
    folder: Path, first: Callable[[Stage], Any] = lambda _: None, **options: Any
) -> tuple[Any, int]:
    """Return what preflight reports on a stage of its own, and how many calls of DRS it took."""
    with stage(WORLD, folder, **options) as play:
        first(play)
        run = play.plan_run(two_waves(), {"dry_run": True})
        run.go()
        return run.xcom("prepare", keys.PREFLIGHT), len(play.simulator.calls())


def change_configuration(play: Stage) -> None:
    drs = play.simulator.client("drs", ACCOUNT, REGION)
    drs.update_launch_configuration(sourceServerID=WIKI[0], copyPrivateIp=True)


def change_machine(play: Stage) -> None:
    play.simulator.region(ACCOUNT, REGION).servers[WIKI[0]].launch.disposition = "STOPPED"


def test_the_same_world_is_asked_once_and_told_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = beginning()
    monkeypatch.setattr(stage_module, "beginning", lambda: moment)
    anew, asked = preflight(tmp_path / "1", asks_anew=True)
    preflight(tmp_path / "2")
    kept, none = preflight(tmp_path / "3")
    assert asked > 0
    assert none == 0
    assert kept == anew


@pytest.mark.parametrize(
    "first",
    [
        change_configuration,
        change_machine,
        lambda play: play.simulator.advance(60),
        lambda play: play.simulator.inject("DescribeSourceServers", kind="delay", delay_seconds=0.01),
        lambda play: play.kill_worker("TerminateRecoveryInstances"),
    ],
    ids=["changed by a call", "changed by hand", "later", "faulty", "watched"],
)
def test_another_world_is_asked_anew(tmp_path: Path, first: Callable[[Stage], Any]) -> None:
    preflight(tmp_path / "1")
    _, asked = preflight(tmp_path / "2", first)
    assert asked >= 5
