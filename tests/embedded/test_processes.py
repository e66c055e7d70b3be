from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from embedded.environment import REPOSITORY, inherited
from embedded.processes import (
    Interrupted,
    Interrupts,
    ProcessSet,
    StackError,
    Started,
    free_ports,
    stop_sessions,
)
from tests.embedded.conftest import lives, wait_until


def test_free_ports_differ_and_can_be_bound() -> None:
    ports = free_ports(5)

    assert len(set(ports)) == 5
    for port in ports:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", port))


def test_stop_ends_a_child_in_another_process_group(processes: ProcessSet, family: tuple[int, int]) -> None:
    parent, child = family
    assert os.getpgid(parent) != os.getpgid(child)

    processes.stop()

    assert not lives(parent)
    assert not lives(child)


def test_stop_ends_a_child_whose_parent_has_died(processes: ProcessSet, family: tuple[int, int]) -> None:
    parent, child = family
    os.kill(parent, signal.SIGKILL)
    assert wait_until(lambda: processes.exit_code("family") is not None)
    assert lives(child)

    processes.stop()

    assert not lives(child)


def test_stop_kills_what_ignores_sigterm(processes: ProcessSet, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    code = (
        "import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
    )
    processes.start("stubborn", [sys.executable, "-c", code, str(ready)], inherited(), tmp_path)
    started = list(processes.started)
    assert wait_until(ready.exists)

    stop_sessions(started, grace_seconds=0.2)

    assert not started[0].members()
    assert processes.exit_code("stubborn") == -signal.SIGKILL


def test_a_reused_process_id_is_left_alone(family: tuple[int, int], processes: ProcessSet) -> None:
    somebody_else = replace(processes.started[0], created=processes.started[0].created - 3600)

    stop_sessions([somebody_else])

    assert lives(family[0])
    assert not somebody_else.is_alive()


def test_started_survives_its_file(processes: ProcessSet, family: tuple[int, int]) -> None:
    started = processes.started[0]

    again = Started(**json.loads(json.dumps(started.to_dict())))

    assert again == started
    assert {process.pid for process in again.members()} == set(family)


def test_check_names_the_dead_process_and_shows_its_log(processes: ProcessSet, tmp_path: Path) -> None:
    code = "print('the reason'); raise SystemExit(3)"
    processes.start("brief", [sys.executable, "-c", code], inherited(), tmp_path)
    assert wait_until(lambda: processes.exit_code("brief") is not None)

    with pytest.raises(StackError, match=r"(?s)brief ended with exit code 3.*brief\.log.*the reason"):
        processes.check()


def test_wait_tells_failure_and_timeout(processes: ProcessSet, tmp_path: Path) -> None:
    processes.start("failing", [sys.executable, "-c", "raise SystemExit(4)"], inherited(), tmp_path)
    processes.start("endless", [sys.executable, "-c", "import time; time.sleep(600)"], inherited(), tmp_path)

    with pytest.raises(StackError, match="failing failed with exit code 4"):
        processes.wait("failing", 30)
    with pytest.raises(StackError, match=r"endless took more than 0\.1 s"):
        processes.wait("endless", 0.1)


def test_a_process_that_ended_well_is_forgotten(processes: ProcessSet, tmp_path: Path) -> None:
    processes.start("brief", [sys.executable, "-c", ""], inherited(), tmp_path)

    processes.wait("brief", 30)

    assert processes.started == []
    processes.check()


def test_a_killed_process_leaves_its_children_and_can_be_started_again(
    processes: ProcessSet, family: tuple[int, int], tmp_path: Path
) -> None:
    parent, child = family

    processes.kill("family")
    assert not lives(parent)
    assert lives(child)
    processes.check()

    processes.start("family", [sys.executable, "-c", "import time; time.sleep(600)"], inherited(), tmp_path)
    again = processes.started[-1].pid
    assert lives(again)
    processes.stop()
    assert not lives(again)
    assert not lives(child)


def test_a_process_can_be_killed_with_all_that_it_started(
    processes: ProcessSet, family: tuple[int, int]
) -> None:
    processes.kill("family", whole_session=True)

    assert wait_until(lambda: not any(lives(pid) for pid in family))


def test_what_ended_by_itself_is_told_once(processes: ProcessSet, tmp_path: Path) -> None:
    processes.start("brief", [sys.executable, "-c", "raise SystemExit(3)"], inherited(), tmp_path)
    assert wait_until(lambda: processes.exit_code("brief") is not None)

    assert processes.ended() == {"brief": 3}
    assert processes.ended() == {}
    processes.check()


def _interrupt_while_held(interrupts: Interrupts, reached: list[str]) -> None:
    with interrupts.held():
        os.kill(os.getpid(), signal.SIGTERM)
        reached.append("the end of the block")


def test_a_signal_waits_while_held() -> None:
    interrupts = Interrupts()
    reached: list[str] = []
    with interrupts.installed():
        with pytest.raises(Interrupted) as caught:
            _interrupt_while_held(interrupts, reached)
        with interrupts.ignored():
            os.kill(os.getpid(), signal.SIGINT)

    assert reached == ["the end of the block"]
    assert caught.value.number == signal.SIGTERM
    assert str(caught.value) == "SIGTERM"


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)

    with Interrupts().installed():
        assert signal.getsignal(signal.SIGTERM) != before

    assert signal.getsignal(signal.SIGTERM) == before


LAUNCHER = """
    import sys, time
    from pathlib import Path
    from embedded.environment import inherited
    from embedded.processes import Interrupts, ProcessSet
    from tests.embedded.conftest import FAMILY

    interrupts = Interrupts()
    processes = ProcessSet(Path("logs"), interrupts)
    with interrupts.installed():
        try:
            for name in ("first", "second"):
                processes.start(name, [sys.executable, "-c", FAMILY, name], inherited(), Path.cwd())
            while True:
                time.sleep(0.1)
        finally:
            processes.stop()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_no_process_outlives_an_interrupted_launcher(number: signal.Signals, tmp_path: Path) -> None:
    environment = inherited() | {"PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", textwrap.dedent(LAUNCHER)]
    notes = [tmp_path / "first", tmp_path / "second"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    ) as launcher:
        assert wait_until(lambda: all(note.exists() and note.read_text() for note in notes)), launcher.poll()
        family = [process.pid for process in psutil.Process(launcher.pid).children(recursive=True)]
        assert len(family) == 4

        launcher.send_signal(number)
        _, errors = launcher.communicate(timeout=60)

    assert f"Interrupted: {number.name}" in errors
    assert not [pid for pid in family if lives(pid)]
