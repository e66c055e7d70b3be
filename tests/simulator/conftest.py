"""Every response of DRS that any test here receives is checked against the model of the service."""

import pytest

from drs_simulator.testing import drs_in_process, drs_simulator, pytest_configure
from drs_simulator.validation import recording_everywhere

__all__ = ["drs_in_process", "drs_simulator", "pytest_configure"]


@pytest.fixture(autouse=True)
def drs_responses(request):
    if "validation" in request.path.parts:
        # The validator's own tests provoke what this forbids.
        yield None
        return
    with recording_everywhere(transitions=True) as recorder:
        yield recorder
    assert [str(violation) for violation in recorder.violations] == []
