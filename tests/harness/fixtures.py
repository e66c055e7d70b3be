"""Pytest fixture: a stage; choose its world with the mark ``drs_scenario``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from drs_simulator.testing import pytest_configure
from tests.harness.stage import Stage, stage

__all__ = ["play", "pytest_configure"]


@pytest.fixture
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """A stage with the scenario of the mark, by default three_tier; ``history=False`` leaves the table out.

    With ``asks_anew=True``, preflight asks AWS for everything: for tests that are about that.
    """
    mark = request.node.get_closest_marker("drs_scenario")
    scenario = mark.args[0] if mark and mark.args else "three_tier"
    with stage(scenario, tmp_path, **(mark.kwargs if mark else {})) as made:
        yield made
