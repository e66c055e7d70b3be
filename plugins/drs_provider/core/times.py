"""Times and durations: as DRS writes them, and as people read them.

botocore leaves DRS's times as text. The documented form is ``2022-12-07T19:15:39Z``; the job log of the
real service also sends ``2022-12-07T19:15:39.204086+00:00``.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

_TIME = re.compile(
    r"[1-9]\d{3}-\d{2}-\d{2}T[0-2]\d:[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-][0-2]\d:[0-5]\d)", re.ASCII
)
_DURATION = re.compile(
    r"P(?!$)(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?!$)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)
_UNIT_SECONDS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}


def parse_time(value: str | datetime) -> float:
    """Return epoch seconds (UTC) of a DRS time.

    :raises ValueError: if the text is not a time with seconds and zone, or the datetime has no zone
    """
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str) and _TIME.fullmatch(value):
        moment = datetime.fromisoformat(value)
    else:
        raise ValueError(f"{value!r} is not a time like 2022-12-07T19:15:39Z")
    if moment.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return moment.timestamp()


def parse_duration(value: str) -> float:
    """Return the seconds of an ISO 8601 duration such as ``PT45S``, ``P0D`` or ``P1DT2H``.

    Years and months are refused: they have no length.

    :raises ValueError: if the text is no such duration
    """
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a duration like P1DT2H or PT45S")
    return float(sum(float(number) * _UNIT_SECONDS[unit] for unit, number in match.groupdict("0").items()))


def format_time(epoch: float | None) -> str:
    """Return epoch seconds for people as ``2026-03-01 14:30:00Z`` (UTC, to the second); a dash if unknown."""
    return "-" if epoch is None else datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def format_duration(seconds: float | None) -> str:
    """Return seconds for people, in the two largest units: ``8 min 53 s``, ``1 h 02 min``; a dash if unknown."""
    if seconds is None:
        return "-"
    whole = math.floor(abs(seconds) + 0.5)
    parts = [
        (whole // 86_400, "d", 1),
        (whole // 3600 % 24, "h", 1),
        (whole // 60 % 60, "min", 2),
        (whole % 60, "s", 2),
    ]
    while len(parts) > 1 and parts[0][0] == 0:
        del parts[0]
    text = f"{'-' if whole and seconds < 0 else ''}{parts[0][0]} {parts[0][1]}"
    if len(parts) > 1 and parts[1][0]:
        value, unit, width = parts[1]
        text += f" {value:0{width}d} {unit}"
    return text
