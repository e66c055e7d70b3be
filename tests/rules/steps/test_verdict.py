"""What steps mean for their wave."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider.rules.execution.frozen import FrozenStep
from drs_provider.rules.steps.state import StepState
from drs_provider.rules.steps.verdict import Ended, acceptances, after_steps, ready_time, step_row, unmet
from tests.rules.rule_builders import server, wave

SERVERS = ("s-1", "s-2")


def rows(*failed: str) -> list[Any]:
    return [
        {"sourceServerId": name, "serverName": f"name {name}", "launchStatus": "LAUNCHED"}
        | ({"error": "no instance"} if name in failed else {})
        for name in SERVERS
    ]


def ended(status: str | None, *failed: str, **changes: Any) -> Ended:
    fields = {"place": "after", "name": "http", "kind": "http", "each": "server", "timeout_seconds": 60}
    step = FrozenStep.model_validate({**fields, **changes})
    if status is None:
        return Ended(step, None)
    keys = SERVERS if step.each == "server" else ("wave",)
    subjects: Any = {
        key: {"state": "failed" if key in failed else "passed", "output": "503", "name": key} for key in keys
    }
    return Ended(
        step, StepState("after http", 1, 10.0, status, ended_at=20.0, output="503", subjects=subjects)
    )


def test_a_step_for_each_server_decides_over_that_server():
    found = after_steps(rows(), [ended("FAILED", "s-2")])
    assert [row.get("error") for row in found] == [None, "step http failed: 503"]
    assert unmet(wave(1, SERVERS), rows(), [ended("FAILED", "s-2")]) == (
        "critical server name s-2 (s-2): step http failed: 503",
    )


def test_an_optional_server_fails_no_wave_unless_too_few_are_left():
    servers = (server("s-1"), server("s-2", critical=False))
    lax = wave(1, SERVERS).model_copy(update={"servers": servers})
    assert unmet(lax, rows(), [ended("FAILED", "s-2")]) == ()
    strict = lax.model_copy(update={"min_launched": 2})
    assert unmet(strict, rows(), [ended("FAILED", "s-2")]) == ("1 of 2 servers recovered, 2 needed",)


def test_what_did_not_launch_keeps_its_own_error():
    found = after_steps(rows("s-1"), [ended("FAILED", "s-1")])
    assert found[0]["error"] == "no instance"


@pytest.mark.parametrize("status", ["PASSED", "ACCEPTED", "SKIPPED"])
def test_what_passed_or_was_accepted_fails_nothing(status):
    assert unmet(wave(1, SERVERS), rows(), [ended(status, "s-1"), ended(status, "wave", each="wave")]) == ()


@pytest.mark.parametrize("status", [None, "RUNNING", "ASKING", "FAILED"])
@pytest.mark.parametrize("each", ["server", "wave"])
def test_what_did_not_end_or_failed_fails_the_wave_unless_it_is_only_recorded(status, each):
    failed = "s-1" if each == "server" else "wave"
    assert unmet(wave(1, SERVERS), rows(), [ended(status, failed, each=each)])
    assert unmet(wave(1, SERVERS), rows(), [ended(status, failed, each=each, on_failure="continue")]) == ()
    if status is None:
        assert unmet(wave(1, SERVERS), rows(), [ended(status, each=each, selected=False)]) == ()


def test_ready_is_when_the_last_required_step_had_passed():
    assert ready_time(15.0, [ended("PASSED")]) == 20.0
    assert ready_time(25.0, [ended("PASSED")]) == 25.0
    assert ready_time(15.0, [ended("PASSED", required=False), ended("SKIPPED")]) == 15.0


def test_an_acceptance_names_who_and_why():
    step, state = ended("ACCEPTED", "s-1")
    assert state is not None
    state.accepted_by, state.reason = "dr-lead", "known fault"
    row = step_row(step, state)
    assert (row["servers"], row["failures"]) == (
        {"passed": 1, "failed": 1},
        [{"name": "s-1", "output": "503"}],
    )
    assert acceptances([row]) == ["step http failed (503), accepted by dr-lead: known fault"]
