"""What an import gives back: plan files, refused plans, and a report of everything that is not the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final


class Outcome(StrEnum):
    """What happened to a field of the source."""

    REFUSED = "refused"
    """Because of it a plan is not imported."""
    DECIDE = "decide"
    """The plan file holds a value that a person must look at; it is commented there."""
    CHANGED = "changed"
    """Carried in another form, or with another effect."""
    DROPPED = "dropped"
    """Plan files have no place for it."""
    NOTE = "note"
    """Information without effect (ids, times, counters of the other system), not carried."""


_ORDER: Final = list(Outcome)


@dataclass(frozen=True, slots=True)
class ReportEntry:
    """One thing that is not in a plan file as it was in the source.

    :param outcome: what happened
    :param source: name of the source (file, or DRS of an account and Region)
    :param path: the field in the source, such as ``recoveryPlans[0].waves[1].pauseBeforeWave``
    :param value: the field's value, shortened where it is long
    :param why: the reason
    :param remedy: what to do about it; empty where nothing is to be done
    :param plan: name of the plan file's plan, or None if it concerns none or several
    """

    outcome: Outcome
    source: str
    path: str
    value: str
    why: str
    remedy: str = ""
    plan: str | None = None


@dataclass(frozen=True, slots=True)
class RefusedPlan:
    """A plan of the sources for which no file was made.

    :param name: its name in the source
    :param source: where it is
    :param path: its place in the source
    :param reasons: everything that is missing or cannot be carried, each with the way out
    """

    name: str
    source: str
    path: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A file of the result.

    :param name: file name, such as ``erp_three_tier.yaml``
    :param text: its content
    :param plan: the plan's name, or None for a library of targets and protection groups
    """

    name: str
    text: str
    plan: str | None


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Everything that was not carried as it was."""

    entries: tuple[ReportEntry, ...]

    def of(self, *outcomes: Outcome) -> tuple[ReportEntry, ...]:
        """Return the entries with one of these outcomes."""
        return tuple(entry for entry in self.entries if entry.outcome in outcomes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: ``counts`` by outcome, and ``entries``."""
        return {
            "counts": {outcome.value: len(self.of(outcome)) for outcome in _ORDER},
            "entries": [{**asdict(entry), "outcome": entry.outcome.value} for entry in self.entries],
        }

    def to_json(self) -> str:
        """Return :meth:`to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)

    def rows(self, *, notes: bool = False) -> list[tuple[str, str, str, str, str]]:
        """Return (outcome, field, value, why, what to do) by plan and urgency; for a table of any kind."""
        return [
            (entry.outcome.value, f"{entry.source}: {entry.path}", entry.value, entry.why, entry.remedy)
            for entry in self.entries
            if notes or entry.outcome is not Outcome.NOTE
        ]

    def as_table(self, *, notes: bool = False) -> str:
        """Return a text table; ``notes`` adds the entries without effect."""
        return _table(("outcome", "field", "value", "why", "what to do"), self.rows(notes=notes))


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The result of an import.

    :param files: plan files and libraries, valid together
    :param refused: plans without a file
    :param report: everything that is not the same as in the sources
    :param found: how many records of each kind the sources have, those that were not asked for included
    """

    files: tuple[PlanFile, ...]
    refused: tuple[RefusedPlan, ...]
    report: ImportReport
    found: Mapping[str, int]

    @property
    def plans(self) -> tuple[str, ...]:
        """Names of the imported plans."""
        return tuple(file.plan for file in self.files if file.plan is not None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for programs: ``plans``, ``files``, ``refused``, ``found``, ``report``."""
        return {
            "plans": list(self.plans),
            "files": [{"name": file.name, "plan": file.plan} for file in self.files],
            "refused": [asdict(plan) for plan in self.refused],
            "found": dict(self.found),
            "report": self.report.to_dict(),
        }


def sorted_report(entries: Iterable[ReportEntry]) -> ImportReport:
    """Return a report: by source and plan, the most urgent first, each entry once."""
    unique = dict.fromkeys(entries)
    return ImportReport(
        tuple(
            sorted(unique, key=lambda e: (_ORDER.index(e.outcome), e.plan or "", e.source, _natural(e.path)))
        )
    )


def _natural(path: str) -> list[tuple[int, str]]:
    parts = path.replace("]", "").replace("[", ".").split(".")
    return [(int(part), "") if part.isascii() and part.isdigit() else (-1, part) for part in parts]


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, *rows]
    if len(lines) == 1:
        return "Everything was carried as it was.\n"
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    drawn = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    drawn.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in drawn) + "\n"
