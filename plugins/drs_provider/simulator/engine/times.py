"""Times as DRS writes and reads them; inside the engine a time is a float of epoch seconds, UTC."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = (("D", 86400), ("H", 3600), ("M", 60), ("S", 1))


def stamp(epoch: float) -> str:
    """ISO 8601 in the model's form, with microseconds and Z."""
    return log_stamp(epoch).replace("+00:00", "Z")


def log_stamp(epoch: float) -> str:
    """The form of job logs in the real service: a numeric offset, although the model asks for Z."""
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="microseconds")


def parse_stamp(text: str) -> float:
    """Epoch seconds of a request's time; a time without a zone counts as UTC. ValueError if malformed."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()


def duration_text(seconds: float) -> str:
    """ISO 8601 duration in DRS's style: ``P0D``, ``PT45S``, ``P1DT2H``."""
    rest = int(max(0.0, seconds))
    if rest == 0:
        return "P0D"
    parts: dict[str, str] = {}
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts[unit] = f"{count}{unit}"
    days = parts.pop("D", "")
    return f"P{days}" + (f"T{''.join(parts.values())}" if parts else "")


def naive_utc(epoch: float) -> datetime:
    """The form in which moto keeps its times."""
    return datetime.fromtimestamp(epoch, UTC).replace(tzinfo=None)
