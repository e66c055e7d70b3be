"""Starting processes in sessions of their own, and stopping them with everything they started.

A process of Airflow forks workers, some into process groups of their own; a signal to the parent, or to its
group, does not reach all. What a session's leader starts stays in its session: that is what gets stopped.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

import psutil

STOP_GRACE_SECONDS = 4.0
_KILL_SECONDS = 5.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StackError(Exception):
    """The embedded stack cannot go on; the message says why and where to look."""


class Interrupted(BaseException):
    """A person or the system asked the launcher to stop (Ctrl-C, SIGTERM, a closed terminal)."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Interrupts:
    """Turns stop signals into :class:`Interrupted`, but never between a fork and the note of its process."""

    def __init__(self) -> None:
        self._held = 0
        self._pending: int | None = None

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Handle the signals while the block runs."""
        before = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let a signal wait until the block is over."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        self._raise_pending()

    @contextlib.contextmanager
    def ignored(self) -> Iterator[None]:
        """Forget signals while the block runs: stopping is not to be stopped by a second Ctrl-C."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            self._pending = None

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self._pending = number
        self._raise_pending()

    def _raise_pending(self) -> None:
        if self._pending is not None and not self._held:
            number, self._pending = self._pending, None
            raise Interrupted(number)


def free_ports(count: int) -> list[int]:
    """Return different TCP ports that nothing listens on at the loopback interface."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@dataclass(frozen=True)
class Started:
    """A started process, recognizable later although process IDs are used again.

    :param created: creation time as the operating system counts it, epoch seconds
    """

    name: str
    pid: int
    created: float
    log: str

    @classmethod
    def of(cls, name: str, pid: int, log: str = "") -> Started:
        """Return a process that was started a moment ago, and may have ended already."""
        try:
            created = psutil.Process(pid).create_time()
        except psutil.NoSuchProcess:
            created = time.time()
        return cls(name, pid, created, log)

    def to_dict(self) -> dict[str, object]:
        """Return the form that is kept in a file."""
        return asdict(self)

    def members(self) -> list[psutil.Process]:
        """Return what lives of the process's session: itself, its children, and children they left behind."""
        return members_of([self])[self.pid]

    def is_alive(self) -> bool:
        """Tell whether this very process runs."""
        try:
            process = psutil.Process(self.pid)
            return (
                abs(process.create_time() - self.created) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
            )
        except psutil.NoSuchProcess:
            return False

    def _is_ours(self) -> bool:
        # As long as a member of a session lives, the kernel gives its number to no new process: a process of
        # that number is the leader itself or, with another creation time, somebody else's.
        try:
            return abs(psutil.Process(self.pid).create_time() - self.created) < 1.0
        except psutil.NoSuchProcess:
            return True


def members_of(started: Iterable[Started]) -> dict[int, list[psutil.Process]]:
    """Return what lives of several processes' sessions, by the process ID of each."""
    found: dict[int, list[psutil.Process]] = {each.pid: [] for each in started}
    ours = {each.pid for each in started if each._is_ours()}
    for process in psutil.process_iter():
        if (session := _session_of(process)) in ours:
            found[session].append(process)
    return found


def _session_of(process: psutil.Process) -> int | None:
    try:
        return None if process.status() == psutil.STATUS_ZOMBIE else os.getsid(process.pid)
    except (psutil.NoSuchProcess, ProcessLookupError, PermissionError):
        return None


@dataclass
class ProcessSet:
    """The processes of one stack, in the order in which they were started."""

    logs: Path
    interrupts: Interrupts = field(default_factory=Interrupts)
    started: list[Started] = field(default_factory=list)
    _popen: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, repr=False)
    _begun: list[subprocess.Popen[bytes]] = field(default_factory=list, repr=False)

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str], cwd: Path) -> None:
        """Start a process that runs until it is stopped; its output goes to ``<logs>/<name>.log``."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with self.interrupts.held(), (self.logs / f"{name}.log").open("ab") as output:
            self._popen[name] = self.start_task(name, command, environment, cwd, output)

    def start_task(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        cwd: Path,
        output: IO[bytes] | int | None,
    ) -> subprocess.Popen[bytes]:
        """Start a process in a session of its own, which is stopped with the others and may end before.

        :param output: where its output goes, errors too; None: where this process's own goes
        """
        with self.interrupts.held():
            process = subprocess.Popen(
                list(command),
                env=dict(environment),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._begun.append(process)
            self.started.append(Started.of(name, process.pid, str(self.logs / f"{name}.log")))
        return process

    def exit_code(self, name: str) -> int | None:
        """Return the exit code of a process, or None while it runs."""
        return self._popen[name].poll()

    def check(self) -> None:
        """Raise if a process has ended that should run.

        :raises StackError: naming the process, with the end of its log
        """
        for name, process in self._popen.items():
            if process.poll() is not None:
                raise StackError(f"{name} ended with exit code {process.returncode}.\n{self.tail(name)}")

    def kill(self, name: str, *, whole_session: bool = False) -> None:
        """Kill a process without a warning (SIGKILL), so that it can be started again.

        :param whole_session: everything that it started dies too; else that lives on, until the stack is stopped
        """
        leader = [each for each in self.started if each.name == name][-1]
        with self.interrupts.held():
            doomed = [each for each in leader.members() if whole_session or each.pid == leader.pid]
            _signal(doomed, signal.SIGKILL)
            self._popen.pop(name).wait()

    def ended(self) -> dict[str, int]:
        """Return the exit codes of processes that have ended though they should run; they are then forgotten."""
        codes = {name: code for name, process in self._popen.items() if (code := process.poll()) is not None}
        for name in codes:
            del self._popen[name]
        return codes

    def wait(self, name: str, timeout_seconds: float) -> None:
        """Wait until a process that is meant to end has ended well, and forget it.

        :raises StackError: if it failed or took too long
        """
        try:
            code = self._popen[name].wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            raise StackError(f"{name} took more than {timeout_seconds:g} s.\n{self.tail(name)}") from None
        if code != 0:
            raise StackError(f"{name} failed with exit code {code}.\n{self.tail(name)}")
        del self._popen[name]
        self.started = [each for each in self.started if each.name != name]

    def tail(self, name: str, lines: int = 25) -> str:
        """Return the end of a process's log, with the log's name."""
        return tail_of(self.logs / f"{name}.log", lines)

    def stop(self) -> None:
        """Stop everything, also what processes left behind, and prove that it is gone.

        :raises StackError: if a process survives SIGKILL
        """
        with self.interrupts.ignored():
            stop_sessions(self.started)
            for process in self._begun:
                with process:
                    process.wait()
        self._popen.clear()
        self._begun.clear()
        self.started.clear()


def tail_of(log: Path, lines: int = 25) -> str:
    """Return the end of a log, with its name."""
    text = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join([f"The end of {log}:", *(f"  {line}" for line in text[-lines:])])


def stop_sessions(started: Sequence[Started], grace_seconds: float = STOP_GRACE_SECONDS) -> None:
    """End whole sessions: SIGTERM to the leaders, which stop their own children; then SIGKILL for what is left.

    What a leader leaves behind is killed as soon as the leader is gone. The grace is short on purpose: Airflow's
    triggerer sometimes never returns from waiting for its runner, and nothing of a stopped stack is used again.

    :raises StackError: if a process survives SIGKILL
    """
    members_now = members_of(started)
    leaders = (process for pid, members in members_now.items() for process in members if process.pid == pid)
    _signal(leaders, signal.SIGTERM)
    began = time.monotonic()
    while left := [(pid, members) for pid, members in members_of(started).items() if members]:
        waited = time.monotonic() - began
        if waited > grace_seconds + _KILL_SECONDS:
            pids = ", ".join(str(process.pid) for _, members in left for process in members)
            raise StackError(f"These processes do not end: {pids}.")
        for leader, members in left:
            if waited > grace_seconds or all(process.pid != leader for process in members):
                _signal(members, signal.SIGKILL)
        time.sleep(0.05)


def _signal(processes: Iterable[psutil.Process], number: int) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
