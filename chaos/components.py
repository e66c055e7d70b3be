"""Killing Airflow's components and the processes of its tasks, and starting again what was killed."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil

from embedded.stack import COMPONENTS, Stack

_IDLE = "LocalExecutor: <idle>"
_TASK = "airflow worker --"
SCAN_SECONDS = 0.15


@dataclass
class Components:
    """Airflow's components, killed by several executions at a time, but each by one of them only.

    :param say: told of components that ended by themselves
    :param deaths: how often each component ended without having been killed
    :param anew: how often each was started anew by a person's hand
    """

    stack: Stack
    say: Callable[[str], None]
    deaths: Counter[str] = field(default_factory=Counter)
    anew: Counter[str] = field(default_factory=Counter)
    _busy: dict[str, threading.Lock] = field(
        default_factory=lambda: {name: threading.Lock() for name in COMPONENTS}
    )
    _registry: threading.Lock = field(default_factory=threading.Lock)

    def strike(self, name: str, *, whole: bool, pause_seconds: float) -> bool:
        """Kill a component and start it again after a while; False if somebody else is at it."""
        if not self._busy[name].acquire(blocking=False):
            return False
        try:
            with self._registry:
                self.stack.kill_component(name, whole_session=whole)
            time.sleep(pause_seconds)
            with self._registry:
                self.stack.start_component(name)
        finally:
            self._busy[name].release()
        return True

    def start_scheduler_anew(self) -> None:
        """Do what people do when LocalExecutor has lost a task; counted."""
        if self.strike("scheduler", whole=False, pause_seconds=1.0):
            self.anew["scheduler"] += 1
            self.say("a task stayed queued, so the scheduler was started anew")

    def revive(self) -> None:
        """Start again what ended by itself, as a service manager would, and end idle workers of dead schedulers."""
        with self._registry:
            for name, code in self.stack.processes.ended().items():
                self.deaths[name] += 1
                self.say(f"{name} ended by itself with exit code {code}\n{self.stack.processes.tail(name)}")
                if name in COMPONENTS:
                    self.stack.start_component(name)
            schedulers = [each for each in self.stack.processes.started if each.name == "scheduler"]
            for orphaned in schedulers[:-1]:
                for process in orphaned.members():
                    if _IDLE in _command_line(process):
                        _kill(process)


@dataclass(frozen=True)
class TaskProcesses:
    """The processes at work on a try of a task.

    :param worker: supervises the task
    :param children: the task itself
    """

    worker: psutil.Process
    children: tuple[psutil.Process, ...]

    def kill(self, *, worker: bool, whole: bool) -> bool:
        """Kill the task, or its worker, or both; return whether anything was there to kill."""
        doomed = (self.worker, *(self.children if whole else ())) if worker else self.children
        # A list: each of them has to be killed.
        return any([_kill(process) for process in doomed])


class TaskScanner:
    """Looks for the processes of tasks, once for all who wait for some."""

    def __init__(self) -> None:
        self._lines: dict[int, str] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._scan, daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def find(self, ti_id: str) -> TaskProcesses | None:
        """Return the processes of a task instance, which Airflow titles with its id; None if it has none now."""
        if not ti_id:
            return None
        pids = {pid for pid, line in self._lines.items() if ti_id in line}
        for pid in pids:
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                if process.ppid() not in pids and ti_id in _command_line(process):
                    return TaskProcesses(process, tuple(process.children(recursive=True)))
        return None

    def _scan(self) -> None:
        while not self._over.wait(SCAN_SECONDS):
            lines = ((process.pid, _command_line(process)) for process in psutil.process_iter())
            self._lines = {pid: line for pid, line in lines if _TASK in line}


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""


def _kill(process: psutil.Process) -> bool:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return False
    return True
