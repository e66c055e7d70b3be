"""Which execution a write addresses, and what became of the write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from drs_provider.rules.record.schema import ExecutionRecord


@dataclass(frozen=True)
class ExecutionRef:
    """Addresses an attempt of an execution.

    :param attempt: the writer's attempt: a write of an earlier attempt than the stored one is refused
    """

    execution_id: str
    plan_id: str
    attempt: int

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> ExecutionRef:
        """Return the reference to a record's newest attempt."""
        return cls(record["executionId"], record["planId"], record["attempt"])


class HistoryBusyError(Exception):
    """Others kept writing to a record for longer than a write waits."""


class Outcome(StrEnum):
    """What became of a write."""

    APPLIED = "APPLIED"
    UNCHANGED = "UNCHANGED"  # it was stored already: a retry
    REFUSED = "REFUSED"  # the stored status, or a later attempt, does not allow it
    ABSENT = "ABSENT"  # the execution is not in the table, and no full record was at hand


@dataclass(frozen=True)
class WriteResult:
    """The outcome of a write; true if the table now says what was to be written.

    :param status: stored status of the execution or wave that was addressed, None if not known
    :param attempt: stored attempt, None if not known
    :param record: the record as it is stored, without rows unless the write read them; None if not known
    """

    outcome: Outcome
    status: str | None = None
    attempt: int | None = None
    record: ExecutionRecord | None = field(default=None, repr=False)

    def __bool__(self) -> bool:
        return self.outcome in {Outcome.APPLIED, Outcome.UNCHANGED}

    def unchanged(self) -> WriteResult:
        """Return it as that of a write whose effect was stored already."""
        return replace(self, outcome=Outcome.UNCHANGED)
