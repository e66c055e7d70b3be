"""Executions with drawn faults on the stage: quick, and many more of them can be tried than with real processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.spec import Fault
from chaos.world import scenario_of
from tests.chaos.in_process import FAULTS, Played, spec_of
from tests.harness.stage import stage

SEEDS = (300, 301, 302, 303, 306, 307, 308, 309)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drawn_execution_violates_nothing(seed: int, tmp_path: Path) -> None:
    spec = spec_of(seed)
    with stage(scenario_of([spec], seed), tmp_path) as made:
        played = Played(made, spec)
        violations = played.play()

    assert [violation.to_dict() for violation in violations] == [], played.deaths


def test_the_chosen_seeds_try_every_fault() -> None:
    faults = {strike.fault for seed in SEEDS for strike in spec_of(seed).strikes}

    assert faults == set(FAULTS)
    assert Fault.LATE_JOBS not in faults  # comes with the place, not with a strike
