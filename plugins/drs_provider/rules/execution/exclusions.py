"""Windows without scheduled drills, in the schedule's own time zone."""

from __future__ import annotations

from datetime import UTC, datetime

import pendulum

from drs_provider.plan.model import Exclusion, Schedule


def active_exclusion(schedule: Schedule, at: float | datetime) -> Exclusion | None:
    """Return the first window of the schedule that holds the moment, or None.

    A window holds its first and its last calendar day as people in the schedule's time zone live them,
    whatever length daylight saving gives a day.

    :param at: epoch seconds, or a datetime with zone
    :raises ValueError: if the datetime has no zone
    """
    day = _local(schedule, at).date()
    return next((window for window in schedule.exclude if window.covers(day)), None)


def _local(schedule: Schedule, at: float | datetime) -> pendulum.DateTime:
    if isinstance(at, datetime):
        if at.tzinfo is None:
            raise ValueError(f"{at!r} has no time zone")
        moment = at
    else:
        moment = datetime.fromtimestamp(at, UTC)
    return pendulum.instance(moment).in_timezone(schedule.timezone)
