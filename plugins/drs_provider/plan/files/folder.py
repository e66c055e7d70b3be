"""The plans of a folder: reads every file, merges libraries in, collects every problem, raises for none."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from drs_provider.plan.error_messages import empty_fields, refused_references, told_empty, told_errors
from drs_provider.plan.files.libraries import PEOPLE, SECTIONS, Libraries, is_library
from drs_provider.plan.files.yaml_source import YamlSource, read_yaml
from drs_provider.plan.model import Plan
from drs_provider.plan.outline import Outline
from drs_provider.plan.people import People
from drs_provider.plan.problems import PlanError, PlanProblem, did_you_mean, quoted_list
from drs_provider.plan.references import Finding, check_references

PLAN_SUFFIXES: Final = (".yaml", ".yml")
_UNKNOWN: Final = ("unknown protection group", "unknown target")
#: What begins a line at the left margin is a field of the file, unless somebody took pains to make it another thing.
_NAME: Final = re.compile(rb"(?m)^name *: *([a-z0-9_]+) *$")
_WAVES: Final = re.compile(rb"(?m)^waves *:")
MAX_PROBLEMS: Final = 100
"""Problems told of one file; the rest is counted."""


@dataclass(frozen=True, slots=True)
class LoadedPlan:
    """A plan and where it comes from.

    :param file: the plan's file
    :param libraries: files of the targets and protection groups that the plan uses
    """

    plan: Plan
    file: Path
    libraries: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Catalog:
    """Everything that a folder of plans holds.

    :param folder: the folder that was read
    :param plans: the good plans by name, in the order of their names
    :param problems: everything that is wrong, by file and line
    :param broken: problems by the name of the plan that they keep from loading, where the name is known
    """

    folder: Path
    plans: Mapping[str, LoadedPlan]
    problems: tuple[PlanProblem, ...] = ()
    broken: Mapping[str, tuple[PlanProblem, ...]] = field(default_factory=dict)


def load_catalog(folder: Path, *, only: str | None = None) -> Catalog:
    """Read all plan files (``*.yaml``, ``*.yml``, hidden ones left out) of a folder, not of its subfolders.

    A bad file is told in the result's ``problems`` and affects no other plan; a bad library affects the
    plans that use what is bad in it.

    :param only: the only plan that is asked for; files that do not matter to it are not parsed
    """
    reader = _FolderReader(folder, only)
    plans: dict[str, LoadedPlan] = {}
    problems = list(reader.problems)
    broken: dict[str, list[PlanProblem]] = defaultdict(list)
    for source in reader.plan_sources:
        name = plan_name(source)
        if only not in (None, name):
            continue
        loaded, found = reader.build(source)
        problems += found
        if loaded is not None:
            plans[loaded.plan.name] = loaded
        elif name is not None:
            broken[name] += found
    return Catalog(
        folder,
        MappingProxyType(dict(sorted(plans.items()))),
        tuple(sorted(problems, key=_place)),
        MappingProxyType({name: tuple(found) for name, found in sorted(broken.items())}),
    )


def load_plan(folder: Path, name: str) -> Plan:
    """Return one plan of a folder, without validating the others.

    :raises PlanError: if the plan does not load or does not exist; it carries everything that is wrong
    """
    reader = _FolderReader(folder, None)
    problems: list[PlanProblem] = []
    for source in reader.plan_sources:
        if plan_name(source) == name:
            loaded, found = reader.build(source)
            if loaded is not None:
                return loaded.plan
            problems += found
    if not problems:
        names = [known for source in reader.plan_sources if (known := plan_name(source))]
        remedy = did_you_mean(name, names, f"the plans are {quoted_list(sorted(set(names))) or 'none'}")
        unreadable = [source for source in reader.sources if source.data is None]
        problems = [
            PlanProblem(str(folder), "", f"there is no plan `{name}`", remedy),
            *(problem for source in unreadable for problem in source.problems),
            *reader.folder_problems,
        ]
    raise PlanError(problems)


def load_people(folder: Path) -> tuple[People, tuple[PlanProblem, ...]]:
    """Return teams and persons of all libraries of a folder, and why some of them may be missing."""
    reader = _FolderReader(folder, "")
    return reader.people, tuple(reader.problems_of_people)


def plan_name(source: YamlSource) -> str | None:
    """Return the name that a plan file gives its plan, valid or not; None if it gives none."""
    name = (source.data or {}).get("name")
    return name if isinstance(name, str) else None


def _place(problem: PlanProblem) -> tuple[str, int, str, str]:
    return (problem.file, problem.line or 0, problem.path, problem.message)


class _FolderReader:
    """The files of a folder, read once; plans are built from them on demand.

    :param only: the only plan that is asked for, or None
    """

    def __init__(self, folder: Path, only: str | None) -> None:
        files, self.folder_problems = _plan_files(folder)
        self.sources = [read_yaml(file) for file in files if only is None or not _is_another_plan(file, only)]
        self.plan_sources = [
            source for source in self.sources if source.data is not None and not is_library(source.data)
        ]
        self._libraries = Libraries(
            [source for source in self.sources if source.data is not None and is_library(source.data)]
        )
        self._unreadable = [source for source in self.sources if source.data is None]
        self._files_of: dict[str, list[YamlSource]] = defaultdict(list)
        for source in self.plan_sources:
            if (name := plan_name(source)) is not None:
                self._files_of[name].append(source)

    @property
    def problems(self) -> list[PlanProblem]:
        """What is wrong beside the plans: the folder, libraries, files that cannot be read."""
        unreadable = [problem for source in self._unreadable for problem in source.problems]
        return [*self.folder_problems, *unreadable, *_limited(self._libraries.problems)]

    @property
    def people(self) -> People:
        """Teams and persons, without those that cannot be used."""
        return self._libraries.people

    @property
    def problems_of_people(self) -> list[PlanProblem]:
        """What keeps teams and persons from being read; of a file that cannot be read nobody knows what is in it."""
        unreadable = [source for source in self._unreadable if not _WAVES.search(_content(source.path))]
        told = [problem for source in unreadable for problem in source.problems]
        # A library with a field too many counts as a plan.
        told += [
            source.problem((name,), "the file is no library", "leave only what libraries have in it")
            for source in self.plan_sources
            for name in sorted((source.data or {}).keys() & set(PEOPLE))
        ]
        return [*self.folder_problems, *told, *self._libraries.problems_of_people]

    def build(self, source: YamlSource) -> tuple[LoadedPlan | None, list[PlanProblem]]:
        """Return the plan of a file, or everything that is wrong with it."""
        data = source.data or {}
        own = {section: _entries(data.get(section)) for section in SECTIONS}
        used = self._libraries.used_by(data, own)
        merged = dict(data)
        for section in SECTIONS:
            if used[section] and isinstance(data.get(section, {}), dict):
                library = {name: entry.data for name, entry in used[section].items()}
                merged[section] = {**library, **own[section]}
        problems = [
            *source.problems,
            *self._same_name(source),
            *self._libraries.clashes(source, own),
            *self._libraries.broken_uses(source, used),
            *self._libraries.unknown_teams(source),
        ]
        plan, errors, findings = _validated(
            source, merged, {section: set(used[section]) for section in SECTIONS}
        )
        problems += errors
        if plan is None:
            problems += self._references(source, data, findings)
        if problems or plan is None:
            return None, _limited(sorted(set(problems), key=_place))
        files = {entry.source.path for section in SECTIONS for entry in used[section].values()}
        return LoadedPlan(plan, source.path, tuple(sorted(files))), []

    def _same_name(self, source: YamlSource) -> Iterator[PlanProblem]:
        name = plan_name(source)
        others = [other.path.name for other in self._files_of.get(name or "", []) if other is not source]
        if others:
            yield source.problem(
                ("name",),
                f"plan `{name}` is also in {', '.join(others)}; neither of them is loaded",
                "rename one of the plans, or remove a file",
            )

    def _references(
        self, source: YamlSource, data: dict[str, Any], of_model: list[Finding]
    ) -> Iterator[PlanProblem]:
        """Yield the faults between the parts of a plan that is refused.

        :param of_model: those that refuse it; told as the raw data, with all libraries, tells them if it does
        """
        hint = ""
        if self._unreadable:
            files = ", ".join(sorted(other.path.name for other in self._unreadable))
            hint = f"; it may be in a file that cannot be read: {files}"
        raw = check_references(Outline.from_data(data, self._libraries.raw))
        told = {finding.parts for finding in raw}
        for finding in [*raw, *(finding for finding in of_model if finding.parts not in told)]:
            remedy = finding.remedy
            if finding.message.startswith(_UNKNOWN) and not remedy.startswith("did you mean"):
                remedy += hint
            message = finding.message + self._libraries.origin(data, finding.parts)
            yield source.problem(finding.parts, message, remedy)


def _validated(
    source: YamlSource, merged: dict[str, Any], used: dict[str, set[str]]
) -> tuple[Plan | None, list[PlanProblem], list[Finding]]:
    """Return the plan, or what is wrong with the fields of its own file, and between its parts."""
    empty = list(empty_fields(source.data))
    problems = [source.problem(parts, *told_empty(parts)) for parts in empty]
    try:
        plan = Plan.model_validate(merged)
    except ValidationError as error:
        for parts, message, remedy in told_errors(error, Plan, source.raw_of):
            foreign = len(parts) > 1 and parts[1] in used.get(str(parts[0]), set())
            if parts not in empty and not foreign:
                problems.append(source.problem(parts, message, remedy))
        return None, problems, refused_references(error)
    return plan, problems, []


def plan_names(folder: Path) -> set[str]:
    """Return the names of the plans that a folder has files of, whether the plans load or not."""
    names = set()
    for file in _plan_files(folder)[0]:
        written = _NAME.search(_content(file))
        name = written[1].decode() if written else plan_name(read_yaml(file)) or ""
        if re.fullmatch(r"[a-z0-9_]+", name):
            names.add(name)
    return names


def _content(file: Path) -> bytes:
    """Return what is in a file; nothing if it cannot be read, which whoever parses it tells."""
    try:
        return file.read_bytes() if file.is_file() else b""
    except OSError:
        return b""


def _is_another_plan(file: Path, name: str) -> bool:
    """Tell whether a file is surely neither the plan of a name nor a library, without parsing it.

    An escape could hide the name.

    :param name: empty if only libraries are asked for
    """
    content = _content(file)
    hidden = re.search(rb"\b%s\b|\\" % name.encode() if name else rb"\\", content)
    return hidden is None and bool(_NAME.search(content) and _WAVES.search(content))


def _plan_files(folder: Path) -> tuple[list[Path], list[PlanProblem]]:
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"the plans folder cannot be read: {reason}"
        return [], [PlanProblem(str(folder), "", message, "create it, or correct plans_folder")]
    wanted = (name for name in names if not name.startswith(".") and name.lower().endswith(PLAN_SUFFIXES))
    return [folder / name for name in wanted], []


def _entries(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _limited(problems: list[PlanProblem]) -> list[PlanProblem]:
    if len(problems) <= MAX_PROBLEMS:
        return problems
    rest = len(problems) - MAX_PROBLEMS
    file = problems[MAX_PROBLEMS].file
    more = PlanProblem(file, "", f"and {rest} more problems", "mend the first ones")
    return [*problems[:MAX_PROBLEMS], more]
