"""How a plan is operated: schedule, drill rules, notifications."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Self

from croniter import croniter
from croniter.croniter import CroniterError
from pydantic import AfterValidator, Field, JsonValue, model_validator

from drs_provider.plan.fields import (
    UNIQUE_ITEMS,
    ClassPath,
    Day,
    Line,
    Minutes,
    PlanModel,
    Unique,
    refusal,
)
from drs_provider.plan.problems import did_you_mean

NotificationEvent = Literal[
    "start",
    "gate",
    "gate_reminder",
    "hold_opened",
    "step_failed",
    "wave_failed",
    "rto_at_risk",
    "rto_missed",
    "cleanup_failed",
    "finished",
    "readiness_lost",
    "drill_overdue",
]


class Exclusion(PlanModel):
    """A window without scheduled drills; both days belong to it, in the schedule's time zone."""

    first: Day = Field(alias="from", description="First day of the window.")
    last: Day = Field(alias="to", description="Last day of the window.")
    reason: Line = Field(description="Why; shown by the run that is skipped.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last < self.first:
            raise refusal(
                f"the window ends ({self.last}) before it begins ({self.first})", "swap from and to"
            )
        return self

    def covers(self, day: date) -> bool:
        """Return whether the calendar day, in the schedule's time zone, lies in the window."""
        return self.first <= day <= self.last


# croniter also reads R and H, for random and hashed times: a schedule is the same on every reading.
_CRON_FIELD = re.compile(
    r"([0-9*/,#-]|L|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT)+",
    re.IGNORECASE | re.ASCII,
)


def _cron(value: str) -> str:
    fields = value.split()
    if len(fields) != 5 or not all(map(_CRON_FIELD.fullmatch, fields)):
        raise refusal(
            f"`{value}` is not a cron expression of five fields",
            'write minute, hour, day of month, month, day of week, for example "0 3 * * 6"',
        )
    try:
        # Eight years hold every date of the calendar, the 29th of February included.
        times: Iterator[Any] = croniter(value, datetime(2026, 1, 1, tzinfo=UTC), max_years_between_matches=8)
        next(times)
    except CroniterError as error:
        raise refusal(f"`{value}` is not a cron expression that ever fires: {error}", "mend it") from error
    return value


def _timezone(value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        remedy = did_you_mean(value, zoneinfo.available_timezones(), "use a name like Europe/Berlin or UTC")
        raise refusal(f"`{value}` is not a known time zone", remedy) from error
    return value


class Schedule(PlanModel):
    """When drills run by themselves; a schedule never runs a RECOVERY."""

    cron: Annotated[Line, AfterValidator(_cron)] = Field(description="Cron expression of five fields.")
    timezone: Annotated[Line, AfterValidator(_timezone)] = Field(
        default="UTC", description="IANA time zone of cron and exclusion windows."
    )
    exclude: tuple[Exclusion, ...] = Field(default=(), description="Windows without scheduled drills.")

    def exclusion_at(self, at: float) -> Exclusion | None:
        """Return the first window that holds a moment, or None.

        A window holds its first and its last calendar day as people in the schedule's time zone live them, whatever
        length daylight saving gives a day.

        :param at: epoch seconds
        """
        day = datetime.fromtimestamp(at, zoneinfo.ZoneInfo(self.timezone)).date()
        return next((window for window in self.exclude if window.covers(day)), None)


class Hold(PlanModel):
    """The pause before a drill's cleanup, in which people test and give a verdict."""

    timeout_minutes: Minutes = Field(default=240, description="How long the drill waits for a verdict.")
    on_timeout: Literal["cleanup", "keep"] = Field(
        default="cleanup", description="What happens to the drill's instances without a verdict."
    )


def _hold(value: Any) -> Any:
    if value is True:
        return Hold()
    return None if value is False else value


class DrillRules(PlanModel):
    """What happens to a drill's instances."""

    hold: Hold | None = Field(default=Hold(), description="Pause before the cleanup; false switches it off.")
    cleanup: Literal["terminate", "keep"] = Field(
        default="terminate", description="Whether the drill's instances are terminated at its end."
    )
    max_age_hours: Annotated[int, Field(strict=True, ge=1, le=720)] = Field(
        default=12,
        description="A drill is held for a verdict no longer than this, counted from its start; the sweeper tells of "
        "instances that are older.",
    )

    @model_validator(mode="before")
    @classmethod
    def _hold_switch(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and isinstance(data.get("hold"), bool):
            return {**data, "hold": _hold(data["hold"])}
        return data

    @model_validator(mode="after")
    def _hold_fits_age(self) -> Self:
        if self.hold and self.hold.timeout_minutes > self.max_age_hours * 60:
            raise refusal(
                f"the hold ({self.hold.timeout_minutes} minutes) is longer than max_age_hours "
                f"({self.max_age_hours})",
                "shorten hold.timeout_minutes or raise max_age_hours",
            )
        return self


class Notification(PlanModel):
    """A message through one of Airflow's notifiers; it never alters a result."""

    events: Annotated[tuple[NotificationEvent, ...], Field(min_length=1), Unique] = Field(
        description="What is told.", json_schema_extra=UNIQUE_ITEMS
    )
    notifier: ClassPath = Field(description="Import path of an Airflow notifier class.")
    args: dict[Annotated[str, Field(strict=True, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], JsonValue] = Field(
        default={}, description="Arguments of the notifier, templated by Airflow."
    )
