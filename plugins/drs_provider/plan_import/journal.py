"""Collects what is reported while plans are read, and the reasons for which a plan cannot be imported."""

from __future__ import annotations

from collections.abc import Iterable

from drs_provider.plan_import.fields import Fields
from drs_provider.plan_import.result import Outcome, ReportEntry


class Refusal(Exception):
    """Something cannot be imported; carries every reason, each with its way out."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


class Journal:
    """The entries of the report, in the order in which they come up."""

    def __init__(self) -> None:
        self.entries: list[ReportEntry] = []

    def say(
        self,
        outcome: Outcome,
        record: Fields,
        field: str,
        why: str,
        remedy: str = "",
        *,
        plan: str | None = None,
    ) -> None:
        """Report a field of a record, by its folded name; the record itself if it has no such field."""
        self.entries.append(record.entry(outcome, why, remedy, field=field, plan=plan))

    def add(self, entries: Iterable[ReportEntry]) -> None:
        """Take over entries."""
        self.entries += entries
