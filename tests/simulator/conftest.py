from drs_provider.simulator.testing import drs_in_process, drs_simulator, pytest_configure

__all__ = ["drs_in_process", "drs_simulator", "pytest_configure"]
