"""Forks in which a worker dies: what fails there is told, and what happens there happens nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.deaths import Deaths, killed_before_each_effect
from tests.harness.plans import WIKI, plan
from tests.harness.stage import stage
from tests.harness.worlds import world


def test_what_fails_in_a_fork_fails_the_test_and_touches_nothing_here(tmp_path: Path) -> None:
    folder = tmp_path / "once"
    with stage(world(), folder, history=False) as play:
        run = play.plan_run(plan({"name": "everything", "servers": WIKI})).approve_everything()
        seen: list[Deaths] = []

        def plays() -> None:
            with killed_before_each_effect(play, run, "finalize", folder) as deaths:
                seen.append(deaths)
                assert run.go() == "success"
                assert not deaths.forked, "seen in a fork"

        with pytest.raises(AssertionError, match=r"killed before: .*finalize.*\n(.*\n)*.*seen in a fork"):
            plays()
        (deaths,) = seen
        assert len(deaths.failures) == deaths.died == len(play.effects.seen["finalize"]) >= 3
        assert play.effects.died == []
        assert run.ran("finalize") == 1
        assert run.record["status"] == "COMPLETED"
        assert len(list(folder.rglob("report-1.json"))) == 1
