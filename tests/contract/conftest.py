from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from airflow.sdk.execution_time import task_runner

from tests.contract.task_process import Supervisor


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    """The other end of the task process's line, for as long as the test runs."""
    made = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", made, raising=False)
    before = signal.getsignal(signal.SIGTERM)
    names = set(os.environ)
    yield made
    signal.signal(signal.SIGTERM, before)
    for name in set(os.environ) - names:  # the task runner exports the task's context
        del os.environ[name]
