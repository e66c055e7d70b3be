from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drs_provider.core.times import format_duration, format_time, parse_duration, parse_time


@pytest.mark.parametrize(
    ("text", "epoch"),
    [
        ("2022-12-07T19:15:39Z", 1670440539.0),
        ("2022-12-07T19:15:39.204086+00:00", 1670440539.204086),
        ("2022-12-07T20:15:39+01:00", 1670440539.0),
        ("2022-12-07T19:15:39.5Z", 1670440539.5),
    ],
)
def test_trap_24_times_as_drs_writes_them(text, epoch):
    assert parse_time(text) == epoch


@pytest.mark.parametrize(
    "text",
    [
        "2022-12-07T19:15:39",
        "2022-12-07 19:15:39Z",
        "2022-12-07T19:15:39+00:00Z",
        "2022-13-07T19:15:39Z",
        "2022-12-07T24:15:39Z",
        "20221207T191539Z",
        "2022-12-07T19:15Z",
        "2022-12-07T19:15:39Z\n",
        "",
        None,
        1670440539,
    ],
)
def test_trap_24_malformed_times_are_errors(text):
    with pytest.raises(ValueError, match=r"is not a time like|must be in"):
        parse_time(text)


def test_datetimes_need_a_zone():
    moment = datetime(2022, 12, 7, 19, 15, 39, tzinfo=UTC)
    assert parse_time(moment) == 1670440539.0
    with pytest.raises(ValueError, match="no time zone"):
        parse_time(moment.replace(tzinfo=None))


@settings(deadline=None)
@given(
    st.datetimes(
        min_value=datetime(1971, 1, 1),
        max_value=datetime(2100, 1, 1),
        timezones=st.sampled_from(
            [UTC, timezone(timedelta(hours=-3, minutes=-30)), timezone(timedelta(hours=9))]
        ),
    )
)
def test_any_moment_survives_its_text(moment):
    assert parse_time(moment.isoformat()) == pytest.approx(moment.timestamp(), abs=1e-6)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("P0D", 0),
        ("PT0S", 0),
        ("PT45S", 45),
        ("PT1.5S", 1.5),
        ("P1DT2H", 93_600),
        ("P2W", 1_209_600),
        ("P1DT2H3M4S", 93_784),
    ],
)
def test_trap_24_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "1D", "P1Y", "P1M", "-PT5S", "PT5", "pt5s", "PT5S ", None]
)
def test_trap_24_malformed_durations_are_errors(text):
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@settings(deadline=None)
@given(st.integers(0, 400), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_durations_add_up(days, hours, minutes, seconds):
    expected = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()
    assert parse_duration(f"P{days}DT{hours}H{minutes}M{seconds}S") == expected


def test_format_time_is_utc_to_the_second():
    assert format_time(1670440539.9) == "2022-12-07 19:15:39Z"
    assert format_time(None) == "-"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.5, "1 min"),
        (533, "8 min 53 s"),
        (3600, "1 h"),
        (3723, "1 h 02 min"),
        (7200, "2 h"),
        (93_600, "1 d 2 h"),
        (-61, "-1 min 01 s"),
        (-0.4, "0 s"),
        (None, "-"),
    ],
)
def test_lengths_of_time(seconds: float | None, text: str) -> None:
    assert format_duration(seconds) == text
