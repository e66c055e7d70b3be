"""What happens to a stack whose launcher was killed, or that somebody left running."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from embedded.__main__ import main
from embedded.environment import Paths, inherited
from embedded.processes import ProcessSet, StackError
from embedded.running import clear_leftovers, stop_running
from embedded.stack import Stack
from tests.embedded.conftest import lives, wait_until


@pytest.fixture
def stack(tmp_path: Path, processes: ProcessSet) -> Stack:
    """A stack whose only process does nothing."""
    stack = Stack(tmp_path / "drill")
    stack.root.mkdir()
    processes.start("idle", [sys.executable, "-c", "import time; time.sleep(600)"], inherited(), tmp_path)
    stack.processes = processes
    return stack


def state_of_a_killed_launcher(stack: Stack) -> None:
    """Write the state file as a launcher would that is dead by now."""
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        pass
    stack._write_state()
    text = stack.paths.state.read_text()
    assert f'"pid": {os.getpid()}' in text
    stack.paths.state.write_text(text.replace(f'"pid": {os.getpid()}', f'"pid": {dead.pid}'))


def test_processes_of_a_killed_launcher_are_ended(stack: Stack) -> None:
    state_of_a_killed_launcher(stack)
    said: list[str] = []

    clear_leftovers(stack.paths, said.append)

    assert said == ["stopping 1 processes that an earlier start left behind"]
    assert not lives(stack.processes.started[0].pid)
    assert not stack.paths.state.exists()


def test_a_stack_with_a_living_launcher_is_refused(stack: Stack) -> None:
    stack._write_state()

    with pytest.raises(StackError, match=f"Process {os.getpid()} runs this stack already"):
        clear_leftovers(stack.paths)

    assert lives(stack.processes.started[0].pid)


def test_a_background_stack_is_refused_until_it_is_stopped(stack: Stack) -> None:
    stack.leave_running()

    with pytest.raises(StackError, match=f"up already: {stack.api_url}"):
        clear_leftovers(stack.paths)
    assert stop_running(stack.paths) == ["idle"]

    assert not lives(stack.processes.started[0].pid)
    clear_leftovers(stack.paths)


def test_a_refused_start_leaves_the_running_stack_alone(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.root = tmp_path / "up"
    stack.paths = Paths(stack.root)
    stack.root.mkdir()
    stack.leave_running()

    assert main(["up", "--build", str(tmp_path)]) == 1
    assert "up already" in capsys.readouterr().err
    assert lives(stack.processes.started[0].pid)

    assert main(["down", "--build", str(tmp_path)]) == 0
    assert not lives(stack.processes.started[0].pid)


def test_stopping_nothing_is_fine(tmp_path: Path) -> None:
    paths = Paths(tmp_path)

    clear_leftovers(paths)

    assert stop_running(paths) == []


def test_down_and_status_without_a_stack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--build", str(tmp_path)]) == 1
    assert main(["down", "--build", str(tmp_path)]) == 0

    assert capsys.readouterr().out.splitlines() == ["The stack is down. Start it: make up", "nothing to stop"]


def test_an_unknown_plan_is_an_error_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["drill", "--plan", "nope", "--build", str(tmp_path)]) == 1

    error = capsys.readouterr().err
    assert "no plan 'nope'" in error
    assert "erp_three_tier" in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("speed", ["0", "-1", "601", "fast"])
def test_a_senseless_speed_is_refused(speed: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["drill", f"--speed={speed}"])

    assert "--speed" in capsys.readouterr().err


def ending(stack: Stack, name: str) -> None:
    """Let a component be a process that ends at once, with something in its log."""
    code = "print('database is locked'); raise SystemExit(3)"
    stack.processes.start(name, [sys.executable, "-c", code], inherited(), stack.root)
    assert wait_until(lambda: stack.processes.exit_code(name) is not None)


def test_a_component_that_ends_is_started_again_and_named_at_last(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    stack.report, stack.restarts = said.append, 2
    monkeypatch.setattr(stack, "start_component", lambda name: ending(stack, name))
    stack.revive()
    assert said == []

    ending(stack, "scheduler")
    stack.revive()
    stack.revive()
    with pytest.raises(
        StackError, match=r"scheduler ended with exit code 3 after 2 restarts(?s:.*)database is locked"
    ):
        stack.revive()
    assert [line.splitlines()[0].partition(". ")[0] for line in said] == [
        f"scheduler ended with exit code 3; starting it again ({number} of 2)" for number in (1, 2)
    ]
    assert all("database is locked" in line for line in said)


@pytest.mark.parametrize(("name", "restarts"), [("scheduler", 0), ("simulator", 3)])
def test_what_is_not_started_again_is_named(stack: Stack, name: str, restarts: int) -> None:
    stack.restarts = restarts
    ending(stack, name)
    with pytest.raises(StackError, match=f"{name} ended with exit code 3"):
        stack.revive()


def test_status_names_what_has_ended_with_the_end_of_its_log(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.root.rename(stack.root.with_name("up"))
    stack.root = stack.root.with_name("up")
    stack.paths = Paths(stack.root)
    stack.paths.passwords.parent.mkdir()
    stack.paths.passwords.write_text("{}")
    ending(stack, "triggerer")
    stack.leave_running()

    assert main(["status", "--build", str(stack.root.parent)]) == 1

    printed = capsys.readouterr().out
    assert "triggerer      ENDED" in printed
    assert "database is locked" in printed
    assert "make down up" in printed
