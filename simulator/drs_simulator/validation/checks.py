"""One small function per rule of a shape: each answers the fault's text, or None.

A check sees a value of the right type, except `check_type`, which comes first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sized
from datetime import datetime
from typing import Any

from botocore.model import Shape

from drs_simulator.validation.model import compiled
from drs_simulator.validation.violations import Check, shown

CheckFunction = Callable[[Any, Any], str | None]

_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (Mapping,),
    "map": (Mapping,),
    "list": (list, tuple),
    "string": (str,),
    "timestamp": (str,),
    "integer": (int,),
    "long": (int,),
    "boolean": (bool,),
}

_DURATION = re.compile(r"P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")


def check_type(shape: Shape, value: object) -> str | None:
    """The JSON type; a boolean is no number, and null is no value of any type."""
    expected = _TYPES[shape.type_name]
    if isinstance(value, expected) and (bool in expected or not isinstance(value, bool)):
        return None
    return f"{shown(value)} is not a {shape.type_name}"


def check_required(shape: Any, value: Mapping[str, Any]) -> str | None:
    """Members that the model requires."""
    missing = [name for name in shape.required_members if name not in value]
    return f"missing {', '.join(missing)}" if missing else None


def check_unknown(shape: Any, value: Mapping[str, Any]) -> str | None:
    """Members that the model does not have."""
    extra = sorted(str(name) for name in value if name not in shape.members)
    return f"{shape.name} has no {', '.join(extra)}" if extra else None


def check_union(shape: Any, value: Mapping[str, Any]) -> str | None:
    """A union holds exactly one of its members."""
    if not shape.is_tagged_union or len(value) == 1:
        return None
    return f"a union of exactly one member, not {len(value)}"


def check_enum(shape: Shape, value: str) -> str | None:
    """The values that the model lists."""
    allowed = shape.metadata.get("enum")
    return f"{shown(value)} is not one of {', '.join(allowed)}" if allowed and value not in allowed else None


def check_pattern(shape: Shape, value: str) -> str | None:
    """The model's pattern, over the whole value: a trailing newline or suffix is a fault."""
    pattern = shape.metadata.get("pattern")
    if pattern is None or compiled(pattern).fullmatch(value):
        return None
    return f"{shown(value)} does not match {pattern}"


def _outside(shape: Shape, number: int) -> str | None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and number < low) or (high is not None and number > high):
        return f"{number} is not within {low} and {high}"
    return None


def check_length(shape: Shape, value: str) -> str | None:
    """The number of characters."""
    return _outside(shape, len(value))


def check_size(shape: Shape, value: Sized) -> str | None:
    """The number of list items or map entries."""
    return _outside(shape, len(value))


def check_range(shape: Shape, value: int) -> str | None:
    """The value of a number."""
    return _outside(shape, value)


def check_format(shape: Shape, value: str) -> str | None:
    """Dates that exist and durations in ISO 8601, which the model's patterns alone do not assure."""
    if shape.type_name == "timestamp" or shape.name == "ISO8601DatetimeString":
        try:
            datetime.fromisoformat(value)
        except ValueError:
            return f"{shown(value)} is no date and time"
    elif shape.name == "ISO8601DurationString" and not _DURATION.fullmatch(value):
        return f"{shown(value)} is no ISO 8601 duration"
    return None


_STRING_CHECKS: tuple[tuple[Check, CheckFunction], ...] = (
    (Check.ENUM, check_enum),
    (Check.PATTERN, check_pattern),
    (Check.LENGTH, check_length),
    (Check.FORMAT, check_format),
)

CHECKS_BY_TYPE: dict[str, tuple[tuple[Check, CheckFunction], ...]] = {
    "structure": (
        (Check.REQUIRED, check_required),
        (Check.UNKNOWN, check_unknown),
        (Check.UNION, check_union),
    ),
    "map": ((Check.SIZE, check_size),),
    "list": ((Check.SIZE, check_size),),
    "string": _STRING_CHECKS,
    "timestamp": ((Check.FORMAT, check_format),),
    "integer": ((Check.RANGE, check_range),),
    "long": ((Check.RANGE, check_range),),
    "boolean": (),
}
