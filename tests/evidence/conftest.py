"""The stage of executions, and the simulated AWS by itself."""

from drs_simulator.testing import drs_simulator
from tests.harness.fixtures import play

__all__ = ["drs_simulator", "play"]
