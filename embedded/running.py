"""Stacks that some launcher started, as their state files tell, and how to stop what is left of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from embedded.environment import Paths
from embedded.processes import StackError, Started, stop_sessions


def silent(_message: str) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Running:
    """A stack that some launcher started, as its state file tells.

    :param launcher: the launcher that watches over it; None for a stack left running in the background
    """

    launcher: Started | None
    api_url: str
    simulator_url: str
    passwords_file: Path
    processes: tuple[Started, ...]

    @classmethod
    def read(cls, paths: Paths) -> Running | None:
        """Read the state file; None if there is none."""
        try:
            state = json.loads(paths.state.read_text())
        except FileNotFoundError:
            return None
        launcher = state["launcher"]
        return cls(
            launcher=Started(**launcher) if launcher else None,
            api_url=state["apiUrl"],
            simulator_url=state["simulatorUrl"],
            passwords_file=Path(state["passwordsFile"]),
            processes=tuple(Started(**each) for each in state["processes"]),
        )

    def write(self, paths: Paths) -> None:
        """Write the state file; who reads it meanwhile finds the earlier one, whole."""
        state = {
            "launcher": self.launcher.to_dict() if self.launcher else None,
            "apiUrl": self.api_url,
            "simulatorUrl": self.simulator_url,
            "passwordsFile": str(self.passwords_file),
            "processes": [each.to_dict() for each in self.processes],
        }
        unfinished = paths.state.with_suffix(".new")
        unfinished.write_text(json.dumps(state, indent=2))
        unfinished.replace(paths.state)

    def living(self) -> list[Started]:
        """Return the processes that still run."""
        return [each for each in self.processes if each.members()]

    def passwords(self) -> dict[str, str]:
        """Return the users' passwords."""
        return dict(json.loads(self.passwords_file.read_text()))


def clear_leftovers(paths: Paths, report: Callable[[str], None] = silent) -> None:
    """End what a killed launcher left behind in a stack's folder.

    :raises StackError: if the stack's launcher still runs, or it was left running on purpose
    """
    running = Running.read(paths)
    if running is None:
        return
    left = running.living()
    if left and running.launcher is None:
        raise StackError(f"This stack is up already: {running.api_url}. Stop it first: make down")
    if running.launcher is not None and running.launcher.is_alive():
        raise StackError(f"Process {running.launcher.pid} runs this stack already ({paths.root}).")
    if left:
        report(f"stopping {len(left)} processes that an earlier start left behind")
    stop_running(paths)


def stop_running(paths: Paths) -> list[str]:
    """Stop a stack from outside its launcher and return the names of the processes that ran.

    :raises StackError: if a process cannot be ended
    """
    running = Running.read(paths)
    if running is None:
        return []
    names = [each.name for each in running.living()]
    stop_sessions(running.processes)
    paths.state.unlink(missing_ok=True)
    return names
