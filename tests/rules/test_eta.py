"""When a running execution will have recovered everything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_provider.rules.eta import Eta, WaveNow, eta
from drs_provider.rules.execution.expectation import (
    NOTHING,
    Expectation,
    PhaseExpectation,
    Range,
    WaveExpectation,
)

NOW = 1_800_000_000.0
PHASES = {"gate": 600, "start": 10, "snapshot": 100, "conversion": 200, "launch": 300, "checks": 40}
WHOLE = 650
"""Seconds of a wave that people do not hold up."""


def wave(number: int, *depends_on: int, **phases: float) -> WaveExpectation:
    told = [
        PhaseExpectation.of(name, Range(seconds / 2, seconds, 2 * seconds))
        for name, seconds in {**PHASES, **phases}.items()
    ]
    return WaveExpectation(number=number, name=f"w{number}", depends_on=depends_on, phases=tuple(told))


def expected(*waves: WaveExpectation, **fields: Any) -> Expectation:
    return Expectation(seconds=0, source="history", waves=waves, **fields)


ROW = expected(wave(1), wave(2, 1), wave(3, 2))


def at(*waves: WaveNow, of: Expectation = ROW, **fields: Any) -> Eta:
    found = eta(of, waves, now=NOW, **fields)
    assert found is not None
    return found


def test_before_anything_has_begun_all_of_it_remains() -> None:
    found = at(WaveNow(1), WaveNow(2), WaveNow(3))
    assert found.remaining == Range(3 * WHOLE / 2, 3 * WHOLE, 3 * 2 * WHOLE)
    assert found.critical_path == (1, 2, 3)


def test_what_has_ended_remains_no_more() -> None:
    found = at(WaveNow(1, ready=True), WaveNow(2, elapsed=150, phase="conversion"), WaveNow(3))
    launches = 100 + 200 + 300 + 40
    assert found.remaining.seconds == launches - 150 + WHOLE
    assert found.critical_path == (2, 3)


def test_a_wave_that_takes_longer_than_ever_still_has_its_later_phases_before_it() -> None:
    found = at(WaveNow(1, elapsed=9_000, phase="conversion"), of=expected(wave(1)))
    assert found.remaining.seconds == pytest.approx(300 + 40 + 200 * 0.05)
    last = at(WaveNow(1, elapsed=9_000, phase="checks"), of=expected(wave(1)))
    assert 0 < last.remaining.seconds < 5


def test_people_take_what_they_took_and_no_longer_than_they_have_been_waiting() -> None:
    one = expected(wave(1))
    assert at(WaveNow(1, gated=True), of=one).remaining.seconds == WHOLE + 600
    assert at(WaveNow(1, gated=True, waiting=500), of=one).remaining.seconds == WHOLE + 100
    assert at(WaveNow(1, waiting=5_000), of=one).remaining.seconds == WHOLE


def test_waves_side_by_side_and_the_steps_behind_them() -> None:
    after = PhaseExpectation(name="after_last", low=5, seconds=60, high=90)
    beside = expected(wave(1), wave(2), after=after)
    waves = [WaveNow(1, ready=True), WaveNow(2, elapsed=0, phase="snapshot")]
    assert at(*waves, of=beside).remaining.seconds == 640 + 60
    assert at(*waves, of=beside, after=NOTHING).remaining.seconds == 640


def test_what_was_never_expected_cannot_be_told() -> None:
    assert eta(ROW, [WaveNow(1, ready=True), WaveNow(9)], now=NOW) is None
    assert eta(ROW, [WaveNow(9, ready=True)], now=NOW) is not None


def test_by_how_much_the_rto_will_be_missed() -> None:
    waves = [WaveNow(1, elapsed=40, phase="snapshot")]
    one = expected(wave(1))
    met = at(*waves, of=one, rto_at=NOW + 600)
    assert (met.rto_miss_seconds, met.text()) == (None, "in about 10 min (4 min 40 s to 20 min 40 s)")
    missed = at(*waves, of=one, rto_at=NOW + 480)
    assert (missed.rto_miss_seconds, missed.rto_surely_missed) == (120, False)
    assert missed.text().endswith("; will miss the RTO by about 2 min")
    gone = at(*waves, of=one, rto_at=NOW - 40)
    assert gone.rto_surely_missed
    assert gone.text().endswith("; will miss the RTO by at least 5 min 20 s")
    assert missed.to_dict() == {
        "lowSeconds": 280,
        "seconds": 600,
        "highSeconds": 1_240,
        "lowAt": NOW + 280,
        "at": NOW + 600,
        "highAt": NOW + 1_240,
        "criticalPath": [1],
        "rtoMissSeconds": 120,
    }


@given(
    st.floats(0, 5_000), st.floats(0, 5_000), st.sampled_from(["", "snapshot", "launch", "checks", "done"])
)
def test_time_never_adds_to_what_remains(first: float, second: float, phase: str) -> None:
    early, late = (
        at(WaveNow(1, elapsed=elapsed, phase=phase), WaveNow(2), WaveNow(3)).remaining
        for elapsed in sorted((first, second))
    )
    assert all(later <= before for before, later in zip(early, late, strict=True))
    assert 0 < late.low <= late.seconds <= late.high
