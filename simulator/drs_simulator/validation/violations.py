"""What every check of this package reports."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from enum import StrEnum


class Check(StrEnum):
    """The rule that a value breaks."""

    REQUIRED = "required"
    UNKNOWN = "unknown"
    TYPE = "type"
    ENUM = "enum"
    PATTERN = "pattern"
    LENGTH = "length"
    SIZE = "size"
    RANGE = "range"
    UNION = "union"
    FORMAT = "format"
    STATUS = "status"
    ERROR = "error"
    BODY = "body"
    PRESENCE = "presence"
    TRANSITION = "transition"
    LOG_ORDER = "log_order"


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: which check, in which operation, at which member, and what is wrong."""

    check: Check
    operation: str
    path: str
    message: str

    def __str__(self) -> str:
        place = " ".join(part for part in (self.operation, self.path) if part)
        return f"{place}: {self.check}: {self.message}"


def shown(value: object) -> str:
    """A short form of a value for messages."""
    return reprlib.repr(value)
