from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_provider.plan.model import Schedule

SECOND = timedelta(seconds=1)


def schedule(zone: str, *windows: tuple[str, str]) -> Schedule:
    exclude = [{"from": first, "to": last, "reason": f"since {first}"} for first, last in windows]
    return Schedule.model_validate({"cron": "0 3 * * 6", "timezone": zone, "exclude": exclude})


def reason(plan_schedule, moment):
    window = plan_schedule.exclusion_at(moment.timestamp())
    return window.reason if window else None


def test_both_days_belong_to_the_window_in_the_schedules_zone():
    freeze = schedule("Europe/Berlin", ("2026-12-19", "2027-01-06"))
    berlin = ZoneInfo("Europe/Berlin")
    assert reason(freeze, datetime(2026, 12, 18, 23, 59, 59, tzinfo=berlin)) is None
    assert reason(freeze, datetime(2026, 12, 19, tzinfo=berlin)) == "since 2026-12-19"
    assert reason(freeze, datetime(2027, 1, 6, 23, 59, 59, tzinfo=berlin)) == "since 2026-12-19"
    assert reason(freeze, datetime(2027, 1, 7, tzinfo=berlin)) is None
    assert reason(freeze, datetime(2026, 12, 18, 23, 30, tzinfo=UTC)) == "since 2026-12-19"


@pytest.mark.parametrize(
    ("day", "first_utc", "end_utc"),
    [
        # The day on which Berlin's clocks go forward has 23 hours, the one on which they go back 25.
        ("2026-03-29", datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)),
        ("2026-10-25", datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC)),
    ],
)
def test_days_of_daylight_saving_changes(day, first_utc, end_utc):
    freeze = schedule("Europe/Berlin", (day, day))
    assert reason(freeze, first_utc - SECOND) is None
    assert reason(freeze, first_utc) is not None
    assert reason(freeze, end_utc - SECOND) is not None
    assert reason(freeze, end_utc) is None


def test_first_of_overlapping_windows_counts():
    freeze = schedule("UTC", ("2026-12-01", "2026-12-31"), ("2026-12-24", "2026-12-26"))
    assert reason(freeze, datetime(2026, 12, 25, tzinfo=UTC)) == "since 2026-12-01"


@given(
    moment=st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC)),
    zone=st.sampled_from(
        ["Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu", "Africa/Cairo"]
    ),
)
def test_window_of_one_day_holds_the_moments_of_that_local_day(moment, zone):
    day = moment.astimezone(ZoneInfo(zone)).date()
    freeze = schedule(zone, (day.isoformat(), day.isoformat()))
    assert freeze.exclusion_at(moment.timestamp()) == freeze.exclude[0]
    after = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone))
    assert freeze.exclusion_at(after.timestamp()) is None
