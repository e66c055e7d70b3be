"""Turns other systems' plans into plan files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from drs_provider.plan.files.folder import load_catalog
from drs_provider.plan.problems import Parts, did_you_mean
from drs_provider.plan_import.drafts import PlanDraft
from drs_provider.plan_import.fields import Fields
from drs_provider.plan_import.groups import Group, Groups
from drs_provider.plan_import.journal import Journal, Refusal
from drs_provider.plan_import.leftovers import leftover_entries
from drs_provider.plan_import.naming import Names, slug
from drs_provider.plan_import.native_plans import NativePlans
from drs_provider.plan_import.options import ImportOptions, OptionError
from drs_provider.plan_import.records import Records, collect
from drs_provider.plan_import.reference_plans import ReferencePlans, plan_label
from drs_provider.plan_import.result import (
    ImportResult,
    Outcome,
    PlanFile,
    RefusedPlan,
    ReportEntry,
    sorted_report,
)
from drs_provider.plan_import.sources import ImportSource
from drs_provider.plan_import.targets import Targets
from drs_provider.plan_import.yaml_text import yaml_text


def import_plans(sources: Sequence[ImportSource], options: ImportOptions) -> ImportResult:
    """Return plan files for the plans of the sources, and a report of what is not the same.

    Plans, protection groups and target accounts may be spread over the sources in any way. A plan for
    which something is missing, or that a run could not honour, is in ``refused`` with every reason; it
    keeps no other plan from being imported.

    :raises OptionError: if ``options.only`` names a plan that the sources do not have
    :raises SourceError: if a source is nested too deeply
    """
    return _Import(collect(sources), options).result()


class _Import:
    """One import: drafts first, then files, then the proof that they load."""

    def __init__(self, records: Records, options: ImportOptions) -> None:
        self._options = options
        self._records = records
        self._found = records.counts()
        self._journal = Journal()
        self._journal.add(records.entries)
        self._targets = Targets(records.accounts, options, self._journal)
        group_names = Names()
        self._groups = Groups(records.groups, self._targets, self._journal, group_names)
        names = Names()
        self._reference = ReferencePlans(self._groups, self._journal, names)
        self._native = NativePlans(self._targets, self._journal, names, group_names)
        self._refused: list[RefusedPlan] = []
        self._plan_of: dict[int, str] = {}

    def result(self) -> ImportResult:
        """Return files, refused plans and report."""
        drafts = self._drafts()
        library = self._library(drafts)
        drafts, files = self._proven(drafts, library)
        self._targets.report_unused()
        self._journal.add(leftover_entries(self._read_records(drafts)))
        return ImportResult(files, tuple(self._refused), sorted_report(self._journal.entries), self._found)

    def _read_records(self, drafts: list[PlanDraft]) -> Iterator[tuple[Fields, str | None]]:
        """Yield the records that were read to their end, each with its plan; of the others the fault is told."""
        imported = {draft.name for draft in drafts}
        for record in (*self._records.plans, *self._records.native):
            if self._plan_of.get(id(record)) in imported:
                yield record, self._plan_of[id(record)]
        for record in (*self._groups.sound(), *self._targets.sound()):
            yield record, None

    def _drafts(self) -> list[PlanDraft]:
        self._select()
        drafts = []
        for reader, records in ((self._reference, self._records.plans), (self._native, self._records.native)):
            for fields in records:
                try:
                    draft = reader.read(fields)
                except Refusal as refusal:
                    self._refuse(plan_label(fields), fields.source, fields.place(), refusal.reasons)
                    continue
                self._plan_of[id(fields)] = draft.name
                drafts.append(draft)
        return drafts

    def _select(self) -> None:
        """Leave out the plans that are not wanted."""
        wanted = set(self._options.only)
        if not wanted:
            return
        names = {id(fields): _names_of(fields) for fields in (*self._records.plans, *self._records.native)}
        known = {name for several in names.values() for name in several}
        for name in sorted(wanted - known):
            listed = ", ".join(sorted(known)) or "none"
            raise OptionError(
                f"there is no plan `{name}` in the sources: {did_you_mean(name, known, f'they have {listed}')}"
            )
        for records in (self._records.plans, self._records.native):
            for fields in [fields for fields in records if not names[id(fields)] & wanted]:
                records.remove(fields)
                self._journal.say(Outcome.NOTE, fields, "", f"plan {plan_label(fields)} was not asked for")

    def _refuse(self, name: str, source: str, path: str, reasons: tuple[str, ...]) -> None:
        self._refused.append(RefusedPlan(name, source, path, reasons))
        self._journal.add(
            ReportEntry(Outcome.REFUSED, source, path, name, reason, "", None) for reason in reasons
        )

    def _library(self, drafts: list[PlanDraft]) -> dict[str, Group]:
        """Return the groups that stand in the library: those of several plans, and those of none."""
        users: dict[str, int] = {}
        groups: dict[str, Group] = {}
        for draft in drafts:
            for name, group in draft.groups.items():
                users[name] = users.get(name, 0) + 1
                groups[name] = group
        shared = {name: groups[name] for name, count in users.items() if count > 1}
        if not self._options.only:
            shared |= {group.name: group for group in self._groups.unused()}
        return shared

    def _proven(
        self, drafts: list[PlanDraft], library: dict[str, Group]
    ) -> tuple[list[PlanDraft], tuple[PlanFile, ...]]:
        """Return the plans that load, and their files; the others are refused with what is wrong."""
        while True:
            files = self._files(drafts, library)
            faults = _faults(files)
            if not faults:
                return drafts, files
            for draft in [draft for draft in drafts if draft.name in faults]:
                self._refuse(draft.label, draft.source, draft.path, faults[draft.name])
            drafts = [draft for draft in drafts if draft.name not in faults]

    def _files(self, drafts: list[PlanDraft], library: dict[str, Group]) -> tuple[PlanFile, ...]:
        files = []
        names = Names()
        shared = {group.target for group in library.values()}
        if library:
            comment = (
                "Protection groups of several plans, and of none yet. Every plan of the folder may use them."
            )
            data: dict[str, Any] = {"schema_version": 1, **self._places(sorted(shared), library)}
            text = yaml_text(data, {(): (comment,), **self._comments(data, library)})
            files.append(PlanFile(f"{names.unique(slug(self._options.library, 'library'))}.yaml", text, None))
        for draft in drafts:
            own = {name: group for name, group in draft.groups.items() if name not in library}
            targets = sorted({group.target for group in own.values()} - shared)
            data = {"schema_version": 1, "name": draft.name, **draft.fields}
            data |= self._places(targets, own) | {"waves": draft.wave_data()}
            comments = {(): tuple(draft.comments), **self._comments(data, own), **draft.wave_comments()}
            files.append(PlanFile(f"{names.unique(draft.name)}.yaml", yaml_text(data, comments), draft.name))
        return tuple(files)

    def _places(self, targets: list[str], groups: dict[str, Group]) -> dict[str, Any]:
        places: dict[str, Any] = {}
        if targets:
            places["targets"] = {name: self._targets.data[name] for name in targets}
        if groups:
            places["protection_groups"] = {name: group.data() for name, group in groups.items()}
        return places

    def _comments(self, data: dict[str, Any], groups: dict[str, Group]) -> dict[Parts, tuple[str, ...]]:
        comments: dict[Parts, tuple[str, ...]] = {
            ("targets", name): lines
            for name, lines in self._targets.comments.items()
            if name in data.get("targets", {})
        }
        return comments | {
            ("protection_groups", name): group.comments for name, group in groups.items() if group.comments
        }


def _names_of(fields: Fields) -> set[str]:
    keys = ("planname", "recoveryplanname", "name", "planid", "recoveryplanid", "id", "recoveryplanarn")
    return {str(value) for key in keys if (value := fields.peek(key)) is not None}


def _faults(files: tuple[PlanFile, ...]) -> dict[str, tuple[str, ...]]:
    """Return what keeps plans of these files from loading, by the plan's name."""
    with tempfile.TemporaryDirectory(prefix="drs-import-") as folder:
        for file in files:
            Path(folder, file.name).write_text(file.text, encoding="utf-8")
        catalog = load_catalog(Path(folder))
    return {
        name: tuple(f"{problem.path}: {problem.message} ({problem.remedy})" for problem in problems)
        for name, problems in catalog.broken.items()
    }
