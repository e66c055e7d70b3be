"""Times as DRS writes and reads them; inside the engine a time is a float of epoch seconds, UTC."""

from __future__ import annotations

import math
from datetime import UTC, datetime

_UNITS = (("D", 86400), ("H", 3600), ("M", 60), ("S", 1))


def stamp(epoch: float) -> str:
    """The form of every recorded time: microseconds and a numeric offset, although the model asks for Z."""
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="microseconds")


def parse_stamp(text: str) -> float:
    """Epoch seconds of a request's time; a time without a zone counts as UTC. ValueError if malformed."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()


def whole_micros(epoch: float) -> float:
    """A time without what is finer than microseconds, never a later one: the nearest float to it may be later."""
    micros = math.floor(epoch * 1e6)
    return micros / 1e6 if micros / 1e6 <= epoch else (micros - 1) / 1e6


def duration_text(seconds: float, *, fractions: bool = False) -> str:
    """ISO 8601 duration in DRS's style: ``P0D``, ``PT45S``, ``P1DT2H``; with fractions ``P2DT1H32M12.136909S``."""
    rest = int(max(0.0, seconds))
    micros = round((max(0.0, seconds) - rest) * 1e6) if fractions else 0
    if rest == micros == 0:
        return "P0D"
    parts: dict[str, str] = {}
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts[unit] = f"{count}{unit}"
    if 0 < micros < 1_000_000:
        parts["S"] = f"{parts.get('S', '0S')[:-1]}.{micros:06d}S"
    days = parts.pop("D", "")
    return f"P{days}" + (f"T{''.join(parts.values())}" if parts else "")


def naive_utc(epoch: float) -> datetime:
    """The form in which moto keeps its times."""
    return datetime.fromtimestamp(epoch, UTC).replace(tzinfo=None)
