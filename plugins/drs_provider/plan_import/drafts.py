"""A plan file in the making: data for the schema, comments for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from drs_provider.plan.problems import Parts
from drs_provider.plan_import.groups import Group


@dataclass
class WaveDraft:
    """A wave of a plan file.

    :param name: its slug
    :param groups: its protection groups, of one target
    :param depends_on: names of the waves that come first
    :param fields: its other fields, in their order
    """

    name: str
    groups: list[Group]
    depends_on: list[str]
    fields: dict[str, Any] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)


@dataclass
class PlanDraft:
    """A plan file.

    :param name: the plan's slug
    :param label: its name in the source
    :param source: name of the source
    :param path: its place in the source
    :param fields: fields of the plan before targets, groups and waves
    """

    name: str
    label: str
    source: str
    path: str
    fields: dict[str, Any] = field(default_factory=dict)
    waves: list[WaveDraft] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)

    @property
    def groups(self) -> dict[str, Group]:
        """All protection groups by name."""
        return {group.name: group for wave in self.waves for group in wave.groups}

    def wave_data(self) -> list[dict[str, Any]]:
        """Return the waves; ``depends_on`` only where it is not simply the wave before."""
        rows: list[dict[str, Any]] = []
        before: list[str] = []
        for wave in self.waves:
            row: dict[str, Any] = {"name": wave.name, "groups": [group.name for group in wave.groups]}
            if wave.depends_on != before:
                row["depends_on"] = wave.depends_on
            rows.append(row | wave.fields)
            before = [wave.name]
        return rows

    def wave_comments(self) -> dict[Parts, tuple[str, ...]]:
        """Return the comments of the waves by place."""
        return {
            ("waves", index): tuple(wave.comments) for index, wave in enumerate(self.waves) if wave.comments
        }
