from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from embedded.drill import wave_state
from embedded.view import LiveView, PlainView, Snapshot, WaveView, clock, result_table, view_for


@pytest.fixture
def output() -> Console:
    return Console(file=io.StringIO(), width=140)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def snapshot(*waves: WaveView, elapsed: float = 0.0, run: str = "running") -> Snapshot:
    return Snapshot("drs_wiki", run, elapsed, waves)


def test_plain_output_has_a_line_for_each_change_and_no_control_codes(output: Console) -> None:
    view = view_for(output)
    pending = WaveView(1, "database", "PENDING")
    polling = WaveView(1, "database", "POLLING", {"LAUNCHED": 1, "IN_PROGRESS": 2}, "LAUNCH", 0.5, 90)

    view.show(snapshot(pending, run="queued"))
    view.show(snapshot(pending, elapsed=1))
    view.show(snapshot(polling, elapsed=61))
    view.show(snapshot(polling, elapsed=62))
    view.show(snapshot(WaveView(1, "database", "COMPLETED", {"LAUNCHED": 3}), elapsed=100, run="success"))
    view.close()

    assert isinstance(view, PlainView)
    assert text_of(output).splitlines() == [
        "[0:00] run queued",
        "[0:01] run running",
        "[1:01] wave 1 database: POLLING, 1 LAUNCHED, 2 IN_PROGRESS, LAUNCH, about 1:30 left",
        "[1:40] run success",
        "[1:40] wave 1 database: COMPLETED, 3 LAUNCHED",
    ]


def test_a_terminal_gets_a_live_table() -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True, width=140)
    view = view_for(terminal)

    view.show(snapshot(WaveView(1, "database", "POLLING", {"LAUNCHED": 2}, "LAUNCH", 0.25, 61), elapsed=5))
    view.say("somebody answered")
    view.close()

    assert isinstance(view, LiveView)
    for part in ("drs_wiki", "1 database", "POLLING", "2 LAUNCHED", "25%", "1:01", "somebody answered"):
        assert part in text_of(terminal)


def test_lines_of_people_are_not_read_as_markup(output: Console) -> None:
    PlainView(output).say("dr-operator answered: [bold]go[/bold]")

    assert text_of(output) == "dr-operator answered: [bold]go[/bold]\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3661, "1:01:01"), (-5, "0:00")],
)
def test_clock(seconds: float | None, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("gate", "tasks", "state"),
    [
        (None, [None, None, None], "PENDING"),
        ("deferred", [None, None, None], "WAITING"),
        ("failed", ["upstream_failed"] * 3, "CANCELLED"),
        ("success", ["running", None, None], "LAUNCHING"),
        ("success", ["success", "deferred", None], "POLLING"),
        ("success", ["success", "success", "queued"], "ENRICHING"),
        ("success", ["success", "success", "success"], "COMPLETED"),
        ("success", ["success", "success", "failed"], "FAILED"),
        ("success", ["success", "failed", "upstream_failed"], "FAILED"),
        ("success", ["skipped"] * 3, "SKIPPED"),
        ("upstream_failed", ["upstream_failed"] * 3, "SKIPPED"),
    ],
)
def test_wave_state(gate: str | None, tasks: list[str | None], state: str) -> None:
    assert wave_state(gate, tasks) == state


_TIMES = ("2023-11-14 22:13:20", "20:54")


def test_the_final_table_names_every_server(output: Console) -> None:
    server: dict[str, Any] = {
        "sourceServerId": "s-1111111111111111a",
        "serverName": "erp-db-1",
        "instanceId": "i-0123456789abcdef0",
        "instanceType": "r6i.large",
        "privateIp": "10.0.0.7",
        "launchTime": 1_700_000_000,
        "launchedTime": 1_700_000_754.5,
        "launchStatus": "LAUNCHED",
    }
    failed = {"sourceServerId": "s-1111111111111111b", "serverName": None, "launchStatus": "FAILED"}
    wave = {
        "waveNumber": 1,
        "waveName": "database",
        "startTime": 1_699_999_500,
        "serverStatuses": [server, failed],
    }

    output.print(result_table({"planName": "erp_three_tier", "status": "PARTIAL", "waves": [wave]}))

    text = text_of(output)
    assert "erp_three_tier: PARTIAL" in text
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if "1 database" in line
    ]
    assert rows == [
        ["1 database", "erp-db-1", "i-0123456789abcdef0", "r6i.large", "10.0.0.7", *_TIMES, "LAUNCHED"],
        ["1 database", "s-1111111111111111b", "-", "-", "-", "-", "-", "FAILED"],
    ]
