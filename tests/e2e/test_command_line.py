"""The command line against a real Airflow, in the mounted form, each user with a token of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from drs_provider.airflow_rest.refused import ExitCode
from embedded.environment import REPOSITORY
from embedded.stack import Stack
from tests.e2e.waiting import until, until_asked
from tests.harness.forks import Evaluate, forking, run_program

pytestmark = pytest.mark.e2e

PROGRAM = "drs_provider.cli"
MODULE = f"{PROGRAM}.__main__"
#: What the program has loaded before it reads its words, and the libraries of its verbs
LOADED = f"import {MODULE}, httpx, rich.console, yaml"


@dataclass
class CommandLine:
    """Runs verbs as users of the stack.

    :param evaluate: runs code in a fork of a process that has loaded the program
    """

    stack: Stack
    home: Path
    evaluate: Evaluate

    def login(self, user: str) -> dict[str, str]:
        password = self.stack.secrets.passwords[user]
        return {"AIRFLOW_API_USERNAME": user, "AIRFLOW_API_PASSWORD": password}

    def __call__(self, *words: str, user: str = "dr-operator") -> subprocess.CompletedProcess[str]:
        return run_program(self.evaluate, MODULE, PROGRAM, *words, **self.login(user))

    @contextmanager
    def watch(self, run: str, shown: Path) -> Iterator[subprocess.Popen[str]]:
        """Follow a run as people do, in a process of its own; what it shows is in a file."""
        words = [sys.executable, "-m", PROGRAM, "watch", run, "--interval", "0.5s"]
        env = environment(self.stack, self.home) | self.login("dr-viewer") | {"PYTHONUNBUFFERED": "1"}
        with (
            shown.open("w") as output,
            subprocess.Popen(words, env=env, stdout=output, stderr=subprocess.PIPE, text=True) as watched,
        ):
            try:
                yield watched
            finally:
                watched.kill()

    def wait_until_asked(self, run: str, task_id: str) -> None:
        plan, _, run_id = run.partition("/")
        until_asked(self.stack, f"drs_{plan}", run_id, task_id)


def environment(stack: Stack, home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": str(REPOSITORY / "plugins"),
        "AIRFLOW_API_URL": stack.api_url,
    }


@pytest.fixture(scope="module")
def drs(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    stack.wait_for_dag("drs_erp_three_tier")
    stack.wait_for_dag("drs_wiki")
    home = tmp_path_factory.mktemp("command-line")
    with forking(LOADED, environment(stack, home), home) as evaluate:
        yield CommandLine(stack, home, evaluate)


def test_a_drill_from_preflight_to_report(drs: CommandLine) -> None:
    assert drs("whoami").stdout == "dr-operator\n"
    run = "wiki/CLI-1"
    checked = drs("preflight", "wiki", "-o", "json")
    assert checked.returncode in (ExitCode.OK, ExitCode.WARNINGS), checked.stderr
    assert json.loads(checked.stdout)["ok"]

    start = ("drill", "wiki", "--run-id", "CLI-1", "--ticket", "CLI-1", "--pause-before", "all")
    started = drs(*start)
    assert (started.returncode, started.stderr) == (ExitCode.OK, "")
    assert drs(*start, user="dr-viewer").returncode == ExitCode.NOT_ALLOWED
    assert "nothing was started" in drs(*start).stdout

    shown = drs.home / "shown"
    with drs.watch(run, shown) as watched:
        drs.wait_until_asked(run, "gate_1")
        until(drs.stack, lambda: "gate before wave 1" in shown.read_text(), "the gate is shown")
        assert drs("approve", run, user="dr-viewer").returncode == ExitCode.NOT_ALLOWED
        approved = drs("approve", "CLI-1", "--comment", "go on")
        assert (approved.returncode, approved.stderr) == (ExitCode.OK, "")
        drs.wait_until_asked(run, "hold_drill")
        until(drs.stack, lambda: "verdict waits" in shown.read_text(), "the hold is shown")
        assert drs("verdict", "wiki", "passed", "--notes", "pages open").returncode == ExitCode.OK
        _, errors = watched.communicate(timeout=180)
    assert (watched.returncode, errors) == (ExitCode.OK, "")
    lines = shown.read_text()
    told = [line.partition("] ")[2] for line in lines.splitlines()]
    assert "gate before wave 1 everything waits for anybody who may edit the run" in lines
    assert "  python -m drs_provider.cli approve wiki/CLI-1 --wave everything" in told
    assert "wave 1 everything: COMPLETED, 2 LAUNCHED" in told
    assert told[-2].startswith("COMPLETED, 1 of 1 waves, verdict passed after ")
    assert "\x1b" not in lines

    report = drs("report", "CLI-1", user="dr-viewer")
    assert report.returncode == ExitCode.OK
    assert "the same as the stored report file://" in report.stderr
    content = json.loads(report.stdout)
    assert content["record"]["ticket"] == "CLI-1"
    assert content["verdict"]["notes"] == "pages open"
    listed = json.loads(drs("status", "-o", "json").stdout)
    assert [each["status"] for each in listed if each["dagRunId"] == "CLI-1"] == ["COMPLETED"]


def test_who_may_not_approve_cancels_and_tries_again(drs: CommandLine) -> None:
    run = "erp_three_tier/CLI-2"
    assert (
        drs("drill", "erp_three_tier", "--run-id", "CLI-2", "--waves", "application").returncode
        == ExitCode.OK
    )
    drs.wait_until_asked(run, "gate_2")
    refused = drs("approve", run)
    assert refused.returncode == ExitCode.NOT_ALLOWED
    assert (
        refused.stderr == "error: you may not answer gate before wave 2 application; who may: dr-approver-1\n"
    )

    cancelled = drs("cancel", run, "--reason", "wrong day", "--wait", "-o", "json")
    assert cancelled.returncode == ExitCode.OK, cancelled.stderr
    assert json.loads(cancelled.stdout)["status"] == "CANCELLED"
    assert drs("cancel", run).returncode == ExitCode.CONFLICT
    assert drs("status", run).returncode == ExitCode.CANCELLED

    assert drs("retry", run).returncode == ExitCode.OK
    drs.wait_until_asked(run, "gate_2")
    skipped = drs("approve", run, "--wave", "application", user="dr-approver-1")
    assert (skipped.returncode, skipped.stderr) == (ExitCode.OK, "")
    assert drs("approve", run, user="dr-approver-1").returncode == ExitCode.CONFLICT
    drs.wait_until_asked(run, "hold_drill")
    assert drs("verdict", run, "failed").returncode == ExitCode.OK
    shown = drs.home / "shown again"
    with drs.watch(run, shown) as watched:
        _, errors = watched.communicate(timeout=180)
    assert (watched.returncode, errors) == (ExitCode.OK, "")
    lines = shown.read_text()
    assert "attempt 2" in lines
    assert "COMPLETED, 1 of 3 waves, verdict failed" in lines
