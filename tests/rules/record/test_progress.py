"""How far a wave has come."""

from __future__ import annotations

from typing import Any

from drs_provider.core.states import ExecutionType
from drs_provider.rules.drs.jobs import JobView, LogEvent
from drs_provider.rules.record.progress import latest_time, polled_rows, progress
from drs_provider.rules.wave.server_verdict import WaveRules
from drs_provider.rules.wave.verdict import judge_wave
from tests.rules.rule_builders import NOW, job, owned, wave

JOB = "drsjob-1"
WAVE = wave(servers=("s-1", "s-2"))


def rows(view: JobView, log: list[LogEvent], previous: list[Any] | None = None, at: float = NOW) -> list[Any]:
    verdict = judge_wave(servers=WAVE.servers, jobs=[owned(view)], rules=WaveRules(), now=at)
    return polled_rows(
        WAVE,
        verdict,
        {view.job_id: view},
        {view.job_id: log},
        is_drill=True,
        polled_at=at,
        previous={row["sourceServerId"]: row for row in previous or []},
    )


def line(event: str, at: float, server: str = "s-1") -> LogEvent:
    return LogEvent(event=event, at=at, source_server_id=server, job_id=JOB)


def shown(rows_: list[Any], log: list[LogEvent], now: float) -> dict[str, Any]:
    return progress(WAVE, rows_, {JOB: log}, execution_type=ExecutionType.DRILL, now=now)


def test_servers_are_counted_by_state() -> None:
    view = job(JOB, {"s-1": "LAUNCHED", "s-2": "IN_PROGRESS"}, status="STARTED")
    found = shown(rows(view, []), [], NOW)
    assert found["servers"] == {"IN_PROGRESS": 1, "LAUNCHED": 1}
    assert found["waveNumber"] == 1
    assert 0 < found["fraction"] < 1


def test_the_fraction_grows_with_the_phases() -> None:
    view = job(JOB, {"s-1": "PENDING", "s-2": "PENDING"}, status="STARTED", created_at=NOW)
    events = ["SNAPSHOT_START", "SNAPSHOT_END", "CONVERSION_START", "CONVERSION_END", "LAUNCH_START"]
    log: list[LogEvent] = []
    fractions = []
    for number, event in enumerate(events):
        at = NOW + 60 * number
        log += [line(event, at), line(event, at, "s-2")]
        fractions.append(shown(rows(view, log), log, at + 1)["fraction"])
    assert fractions == sorted(fractions)
    assert fractions[0] < fractions[-1] < 1
    assert shown(rows(view, log), log, NOW + 241)["phase"] == "launch"


def test_everything_launched_is_done() -> None:
    view = job(JOB, {"s-1": "LAUNCHED", "s-2": "LAUNCHED"})
    log = [line("LAUNCH_END", NOW), line("LAUNCH_END", NOW, "s-2")]
    found = shown(rows(view, log), log, NOW + 5)
    assert found["fraction"] == 1
    assert found["remainingSeconds"] == 0


def test_rows_keep_their_history_from_poll_to_poll() -> None:
    pending = job(JOB, {"s-1": "PENDING", "s-2": "PENDING"}, status="STARTED")
    launched = job(JOB, {"s-1": "LAUNCHED", "s-2": "PENDING"}, status="STARTED")
    first = rows(pending, [])
    second = rows(launched, [], first, NOW + 20)
    assert [row["pollAttempts"] for row in first] == [1, 1]
    assert [row["pollAttempts"] for row in second] == [2, 2]
    assert [row["launchStatus"] for row in second] == ["LAUNCHED", "PENDING"]
    assert second[0]["recoveryInstanceId"] == "i-s-1"
    assert second[0]["lastPolledTime"] == NOW + 20
    assert len(second[0]["transitionHistory"]) > len(second[1]["transitionHistory"])


def test_the_clock_is_the_latest_time_that_drs_told() -> None:
    view = job(JOB, {}, created_at=NOW + 50)
    assert latest_time({JOB: view}, {}, NOW) == NOW + 50
    assert latest_time({JOB: view}, {JOB: (line("JOB_START", NOW + 90),)}, NOW) == NOW + 90
    assert latest_time({}, {}, NOW) == NOW
