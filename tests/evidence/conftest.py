"""Reports in a simulated S3."""

from drs_simulator.testing import drs_simulator

__all__ = ["drs_simulator"]
