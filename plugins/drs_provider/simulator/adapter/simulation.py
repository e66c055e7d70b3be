"""The one simulation of this process: moto's backends are global, so there can be only one."""

from __future__ import annotations

import os
import threading
from typing import Any

from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.moto_api._internal import mock_random

from drs_provider.simulator.adapter.identities import Identities
from drs_provider.simulator.adapter.machines import MotoMachines
from drs_provider.simulator.adapter.registration import register
from drs_provider.simulator.engine.errors import invalid
from drs_provider.simulator.engine.world import World
from drs_provider.simulator.scenario import Scenario, ScenarioError, load_scenario
from drs_provider.simulator.validation.messages import validate_request


class SimulatorError(Exception):
    """The simulator cannot run here; the message says why."""


class Simulation:
    """A world in moto's backends, with the lock that everything around it takes."""

    def __init__(
        self,
        scenario: Scenario | str | None = None,
        *,
        speed: float = 1.0,
        seed: int | None = None,
        start: float | None = None,
    ) -> None:
        _require_usable_environment()
        register()
        self.lock = threading.RLock()
        self._speed = speed
        self._seed = seed
        self._start = start
        self.scenario = _scenario(scenario)
        self.reset()

    def reset(self, scenario: Scenario | str | None = None, seed: int | None = None) -> None:
        """Begin again: backends, clock, faults, calls, generators; another scenario or seed if given."""
        with self.lock:
            if scenario is not None:
                self.scenario = _scenario(scenario)
            if seed is not None:
                self._seed = seed
            BackendDict.reset()
            reset_model_data()
            mock_random.seed(self.scenario.seed if self._seed is None else self._seed)
            machines = MotoMachines()
            self.world = World(self.scenario, machines, speed=self._speed, seed=self._seed, start=self._start)
            machines.now = lambda: self.world.now
            self.identities = Identities(self.scenario)

    def check_request(self, operation: str, params: dict[str, Any]) -> None:
        """ValidationException if the parameters break the service model."""
        violations = validate_request(operation, params)
        if violations:
            fields = [(v.path, v.message) for v in violations]
            count = len(fields)
            text = "; ".join(f"{path}: {message}" for path, message in fields)
            raise invalid(f"{count} validation error{'s' if count > 1 else ''} detected: {text}", *fields)


_current: Simulation | None = None


def current_simulation() -> Simulation:
    """The running simulation. SimulatorError if there is none."""
    if _current is None:
        msg = "no simulation is running in this process"
        raise SimulatorError(msg)
    return _current


def activate(simulation: Simulation) -> None:
    """Make a simulation the process's one. SimulatorError if another runs already."""
    global _current  # noqa: PLW0603 moto's backends are global, too
    if _current is not None:
        msg = "another simulation is running in this process; moto's backends are global, stop it first"
        raise SimulatorError(msg)
    _current = simulation


def deactivate() -> None:
    """End the running simulation and forget everything in moto's backends."""
    global _current  # noqa: PLW0603
    _current = None
    BackendDict.reset()
    reset_model_data()


def running() -> bool:
    """Whether a simulation runs in this process."""
    return _current is not None


def _scenario(scenario: Scenario | str | None) -> Scenario:
    if isinstance(scenario, Scenario):
        return scenario
    return load_scenario(scenario) if scenario is not None else load_scenario()


def _require_usable_environment() -> None:
    if "MOTO_ACCOUNT_ID" in os.environ:
        msg = "MOTO_ACCOUNT_ID is set: moto would answer every account as that one; unset it"
        raise SimulatorError(msg)


__all__ = [
    "ScenarioError",
    "Simulation",
    "SimulatorError",
    "activate",
    "current_simulation",
    "deactivate",
    "running",
]
