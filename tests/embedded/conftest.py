"""Fixtures of the launcher's tests."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from embedded.environment import inherited
from embedded.processes import ProcessSet

# A process that starts another one in a process group of its own, as Airflow's workers do, and tells its ID.
FAMILY = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], preexec_fn=os.setpgrp)
pathlib.Path(sys.argv[1]).write_text(str(child.pid))
time.sleep(600)
"""


def wait_until(condition: Callable[[], bool], timeout_seconds: float = 20.0) -> bool:
    """Return whether the condition came true in time."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[ProcessSet]:
    started = ProcessSet(tmp_path / "logs")
    yield started
    started.stop()


@pytest.fixture
def family(processes: ProcessSet, tmp_path: Path) -> tuple[int, int]:
    """A parent and its child, which left the parent's process group."""
    note = tmp_path / "child"
    processes.start("family", [sys.executable, "-c", FAMILY, str(note)], inherited(), tmp_path)
    assert wait_until(lambda: note.exists() and note.read_text() != "")
    return processes.started[0].pid, int(note.read_text())
