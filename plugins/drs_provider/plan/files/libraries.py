"""Libraries: plan files with only targets, protection groups, teams and persons, for all plans of a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from drs_provider.plan.error_messages import empty_fields, told_empty, told_errors
from drs_provider.plan.files.yaml_source import YamlSource
from drs_provider.plan.model import Library
from drs_provider.plan.outline import Outline, lists_of_people
from drs_provider.plan.people import TEAM_NAME, People, team_of
from drs_provider.plan.problems import Parts, PlanProblem, did_you_mean

SECTIONS: Final = ("targets", "protection_groups")
"""What plans have as well: it is merged into those that use it."""
PEOPLE: Final = ("teams", "persons")
"""What only libraries have: it is read when people are asked."""
_ALL: Final = (*SECTIONS, *PEOPLE)
LIBRARY_FIELDS: Final = frozenset({"schema_version", *_ALL})
_NOUN: Final = {
    "targets": "target",
    "protection_groups": "protection group",
    "teams": "team",
    "persons": "person",
}

Used = Mapping[str, Mapping[str, "Entry"]]
"""Section → name → the library entry that a plan uses."""


def is_library(data: Mapping[str, Any]) -> bool:
    """Return whether a file is a library: it has something that libraries define, and nothing of a plan."""
    return data.keys() <= LIBRARY_FIELDS and not data.keys().isdisjoint(_ALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a library defines under a name, as it stands in the file.

    :param fault: why it cannot be used, or None
    """

    section: str
    name: str
    data: Any
    source: YamlSource
    fault: str | None


class Libraries:
    """All libraries of a folder as one set of names.

    :param sources: the library files
    """

    def __init__(self, sources: list[YamlSource]) -> None:
        self._sources = sources
        self.problems: list[PlanProblem] = []
        self._faults: dict[tuple[str, str, str], str] = {}
        for source in sources:
            self._check_file(source)
        for section in _ALL:
            self._check_clashes(section)
        self._check_targets()
        self._entries: dict[str, dict[str, Entry]] = {section: {} for section in _ALL}
        for section in _ALL:
            for source, name, data in self._all(section):
                fault = self._faults.get((source.file, section, name))
                self._entries[section].setdefault(name, Entry(section, name, data, source, fault))

    @property
    def raw(self) -> dict[str, dict[str, Any]]:
        """Targets and protection groups of all libraries, as they stand in the files."""
        return {
            section: {name: entry.data for name, entry in self._entries[section].items()}
            for section in SECTIONS
        }

    @property
    def people(self) -> People:
        """Teams and persons, without those that cannot be used."""
        teams, persons = (
            {name: tuple(item.data) for name, item in self._entries[section].items() if item.fault is None}
            for section in PEOPLE
        )
        return People(teams, persons)

    @property
    def problems_of_people(self) -> list[PlanProblem]:
        """What is wrong with teams and persons."""
        return [problem for problem in self.problems if not problem.path.startswith(SECTIONS)]

    def unknown_teams(self, source: YamlSource) -> Iterator[PlanProblem]:
        """Yield the teams that a plan names and that cannot be used."""
        teams = self._entries["teams"]
        for parts, names in lists_of_people(source.data or {}):
            for position, name in enumerate(names):
                team = team_of(name)
                if team is None or not TEAM_NAME.fullmatch(name):
                    continue  # a login, or something that the field itself refuses
                if team in teams and teams[team].fault is None:
                    continue
                if team in teams:
                    file = teams[team].source.path.name
                    told = (
                        f"team `{team}` of the library {file} is broken: {teams[team].fault}",
                        f"mend {file}",
                    )
                else:
                    remedy = did_you_mean(team, teams, "define it in the teams of a library")
                    told = (f"unknown team `{team}`", remedy)
                yield source.problem((*parts, position), *told)

    def used_by(self, data: Mapping[str, Any], own: Mapping[str, Mapping[str, Any]]) -> Used:
        """Return what a plan uses of the libraries: groups that waves name, and the targets of groups."""
        waves = Outline.from_data(data).waves
        names = {name for wave in waves for name in wave.groups} - own["protection_groups"].keys()
        groups = {name: entry for name, entry in self._entries["protection_groups"].items() if name in names}
        targets = {_target(entry.data) for entry in groups.values()}
        targets |= {_target(group) for group in own["protection_groups"].values()} - own["targets"].keys()
        return {
            "targets": {name: entry for name, entry in self._entries["targets"].items() if name in targets},
            "protection_groups": groups,
        }

    def clashes(self, source: YamlSource, own: Mapping[str, Mapping[str, Any]]) -> Iterator[PlanProblem]:
        """Yield the names that a plan defines although a library does: nobody could tell which is meant."""
        for section in SECTIONS:
            for name in own[section]:
                entry = self._entries[section].get(name)
                if entry is not None:
                    yield source.problem(
                        (section, name),
                        f"{_NOUN[section]} `{name}` is also defined in the library {entry.source.path.name}",
                        "rename one of them, or remove it here and use the library's",
                    )

    def broken_uses(self, source: YamlSource, used: Used) -> Iterator[PlanProblem]:
        """Yield what a plan uses although it is broken in its library."""
        for section in SECTIONS:
            for name, entry in used[section].items():
                if entry.fault is not None:
                    file = entry.source.path.name
                    yield source.problem(
                        _place_of_use(source, section, name),
                        f"{_NOUN[section]} `{name}` of the library {file} is broken: {entry.fault}",
                        f"mend {file}",
                    )

    def origin(self, data: Mapping[str, Any], parts: Parts) -> str:
        """Return ``, defined in the library …`` for a place that is not in the plan's own file."""
        if len(parts) < 2 or parts[0] not in SECTIONS:
            return ""
        section, name = str(parts[0]), str(parts[1])
        own = data.get(section)
        if isinstance(own, dict) and name in own:
            return ""
        entry = self._entries[section].get(name)
        return f" (`{name}` is defined in the library {entry.source.path.name})" if entry else ""

    def _all(self, section: str) -> Iterator[tuple[YamlSource, str, Any]]:
        for source in self._sources:
            data = source.data or {}
            for found, name in _names(data):
                if found == section:
                    yield source, name, data[section][name]

    def _report(self, source: YamlSource, parts: Parts, message: str, remedy: str) -> None:
        self.problems.append(source.problem(parts, message, remedy))
        if len(parts) > 1:
            self._faults.setdefault((source.file, str(parts[0]), str(parts[1])), message)
        if parts == ("schema_version",):
            for section, name in _names(source.data or {}):
                self._faults.setdefault((source.file, section, name), f"schema_version: {message}")

    def _check_file(self, source: YamlSource) -> None:
        data = source.data or {}
        for problem in source.problems:
            self.problems.append(problem)
            for section, name in _names(data):
                if f"{problem.path}.".startswith((f"{section}.{name}.", f"{section}.{name}[")):
                    self._faults.setdefault((source.file, section, name), problem.message)
        empty = list(empty_fields(data))
        for parts in empty:
            self._report(source, parts, *told_empty(parts))
        try:
            Library.model_validate(data)
        except ValidationError as error:
            for parts, message, remedy in told_errors(error, Library, source.raw_of):
                if parts not in empty:
                    self._report(source, parts, message, remedy)

    def _check_clashes(self, section: str) -> None:
        places: dict[str, list[YamlSource]] = {}
        for source, name, _ in self._all(section):
            places.setdefault(name, []).append(source)
        for name, sources in places.items():
            for source in sources if len(sources) > 1 else ():
                others = ", ".join(other.path.name for other in sources if other is not source)
                self._report(
                    source,
                    (section, name),
                    f"{_NOUN[section]} `{name}` is also defined in {others}; no plan can use it",
                    "rename one of them",
                )

    def _check_targets(self) -> None:
        """A library is complete without the plans: its groups name targets of libraries."""
        targets = {name: source for source, name, _ in self._all("targets")}
        for source, name, group in self._all("protection_groups"):
            target = _target(group)
            if target is not None and target not in targets:
                remedy = did_you_mean(target, targets, "define it in the targets of a library")
                parts = ("protection_groups", name, "target")
                self._report(source, parts, f"unknown target `{target}`", remedy)


def _names(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield section and name of everything that a library defines."""
    for section in _ALL:
        entries = data.get(section)
        for name in entries if isinstance(entries, dict) else ():
            yield section, name


def _target(group: Any) -> str | None:
    target = group.get("target") if isinstance(group, dict) else None
    return target if isinstance(target, str) else None


def _place_of_use(source: YamlSource, section: str, name: str) -> Parts:
    """Return where a plan names a library's entry; the waves as a whole if it is behind a library group."""
    data = source.data or {}
    if section == "targets":
        groups = data.get("protection_groups")
        for group, entry in (groups if isinstance(groups, dict) else {}).items():
            if _target(entry) == name:
                return ("protection_groups", group, "target")
    for wave in Outline.from_data(data).waves:
        if name in wave.groups:
            return (*wave.parts, "groups", wave.groups.index(name))
    return ("waves",)
