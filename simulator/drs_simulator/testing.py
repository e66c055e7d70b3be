"""Pytest fixtures: a simulated DRS for your own tests.

Put ``pytest_plugins = ["drs_simulator.testing"]`` into your ``conftest.py`` (or import the fixtures
there) and ask for ``drs_simulator`` (over HTTP, for any client) or ``drs_in_process`` (boto3 in this process,
without a server). Choose the world with a mark::

    @pytest.mark.drs_scenario("shop_two_regions", speed=0)
    def test_failover(drs_simulator): ...
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from drs_simulator.running import FIXED_START, Simulator, in_process, simulator

__all__ = [
    "FIXED_START",
    "Simulator",
    "drs_in_process",
    "drs_simulator",
    "in_process",
    "pytest_configure",
    "simulator",
]


def _marked(request: pytest.FixtureRequest) -> tuple[Any, dict[str, Any]]:
    mark = request.node.get_closest_marker("drs_scenario")
    if mark is None:
        return None, {}
    return (mark.args[0] if mark.args else None), dict(mark.kwargs)


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line(
        "markers",
        "drs_scenario(scenario, speed=0, seed=None, start=None, any_key=False): the world of drs_simulator",
    )


@pytest.fixture
def drs_simulator(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """A simulator over HTTP; its clock stands still unless the mark ``drs_scenario`` gives a speed."""
    scenario, options = _marked(request)
    with simulator(scenario, **options) as running:
        yield running


@pytest.fixture
def drs_in_process(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """A simulator in process, for boto3; credentials of the first account are in the environment."""
    scenario, options = _marked(request)
    with in_process(scenario, **options) as running:
        yield running
