"""The one simulation of this process: moto's backends are global, so there can be only one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data

if TYPE_CHECKING:
    from drs_simulator.adapter.simulation import Simulation


class SimulatorError(Exception):
    """The simulator cannot run here; the message says why."""


class _Holder:
    simulation: Simulation | None = None


def current_simulation() -> Simulation:
    """The running simulation. SimulatorError if there is none."""
    if _Holder.simulation is None:
        msg = "no simulation is running in this process"
        raise SimulatorError(msg)
    return _Holder.simulation


def activate(simulation: Simulation) -> None:
    """Make a simulation the process's one. SimulatorError if another runs already."""
    require_none_running()
    _Holder.simulation = simulation


def require_none_running() -> None:
    """SimulatorError if a simulation runs: a second one would reset the backends under it."""
    if _Holder.simulation is not None:
        msg = "another simulation is running in this process; moto's backends are global, stop it first"
        raise SimulatorError(msg)


def deactivate() -> None:
    """End the running simulation and forget everything in moto's backends."""
    _Holder.simulation = None
    clear_backends()


def clear_backends() -> None:
    """Forget everything in the backends of all services."""
    BackendDict.reset()
    reset_model_data()
