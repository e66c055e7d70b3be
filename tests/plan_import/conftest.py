"""The simulated DRS, for native plans."""

from __future__ import annotations

from drs_simulator.testing import drs_simulator, pytest_configure

__all__ = ["drs_simulator", "pytest_configure"]
