"""The names in a plan and how they refer to each other: of a validated plan, or of raw data of any form.

Raw data is read only where a file is no plan yet, so that all its mistakes are told at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from drs_provider.plan.problems import Parts

#: Events that are about an objective of the plan
_OBJECTIVES = {
    "rto_at_risk": "rto_minutes",
    "rto_missed": "rto_minutes",
    "drill_overdue": "drill_every_days",
}
#: Position of a notification, its event, and the objective that the plan lacks
IdleEvent = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class GroupOutline:
    """What the checks need of a protection group."""

    target: str | None
    servers: tuple[str, ...]
    listed: bool


@dataclass(frozen=True, slots=True)
class WaveOutline:
    """What the checks need of a wave; ``depends_on`` is None where the file does not say."""

    index: int
    name: str | None
    groups: tuple[str, ...]
    depends_on: tuple[str, ...] | None
    optional_servers: tuple[str, ...]
    min_launched: int | None
    gate_approvers: tuple[str, ...]
    gate_escalate_to: tuple[str, ...]
    two_people: bool
    two_in_recovery: bool

    @property
    def parts(self) -> Parts:
        """Place of the wave in the file."""
        return ("waves", self.index)

    @property
    def label(self) -> str:
        """The wave's name for messages."""
        return f"wave `{self.name}`" if self.name else f"wave {self.index + 1}"


@dataclass(frozen=True, slots=True)
class RecoveryOutline:
    """Who starts and approves a RECOVERY, as logins and teams."""

    initiators: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    escalate_to: tuple[str, ...] = ()
    emergency_approvers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outline:
    """The names of a plan and how they refer to each other.

    :param own_targets: targets that this file defines (all of them, for a merged plan)
    :param own_groups: protection groups that this file defines
    :param library_targets: targets known from libraries
    :param library_groups: protection groups known from libraries
    """

    waves: tuple[WaveOutline, ...]
    own_targets: frozenset[str]
    own_groups: Mapping[str, GroupOutline]
    library_targets: frozenset[str] = frozenset()
    library_groups: Mapping[str, GroupOutline] = field(default_factory=dict)
    recovery: RecoveryOutline = RecoveryOutline()
    idle_events: tuple[IdleEvent, ...] = ()

    @property
    def groups(self) -> dict[str, GroupOutline]:
        """All groups that a wave can name."""
        return {**self.library_groups, **self.own_groups}

    @classmethod
    def from_data(cls, data: Mapping[str, Any], libraries: Mapping[str, Any] | None = None) -> Self:
        """Read the outline of raw plan data, leaving out whatever has the wrong form.

        :param libraries: raw ``targets`` and ``protection_groups`` of all libraries
        """
        library = libraries or {}
        recovery = _entries(data.get("recovery"))
        return cls(
            waves=tuple(
                _wave(index, wave)
                for index, wave in enumerate(_items(data.get("waves")))
                if isinstance(wave, Mapping)
            ),
            own_targets=frozenset(_entries(data.get("targets"))),
            own_groups=_groups(data.get("protection_groups")),
            library_targets=frozenset(_entries(library.get("targets"))),
            library_groups=_groups(library.get("protection_groups")),
            recovery=RecoveryOutline(
                **{each.name: _texts(recovery.get(each.name)) for each in fields(RecoveryOutline)}
            ),
            idle_events=idle_events(
                _entries(data.get("objectives")),
                (_texts(_entries(item).get("events")) for item in _items(data.get("notifications"))),
            ),
        )


def idle_events(
    objectives: Mapping[str, Any], notifications: Iterable[Iterable[str]]
) -> tuple[IdleEvent, ...]:
    """Return the events that never happen, because the plan lacks the objective that they are about.

    :param notifications: the events of each
    """
    return tuple(
        (index, event, _OBJECTIVES[event])
        for index, events in enumerate(notifications)
        for event in events
        if event in _OBJECTIVES and objectives.get(_OBJECTIVES[event]) is None
    )


def lists_of_people(data: Mapping[str, Any]) -> Iterator[tuple[Parts, tuple[str, ...]]]:
    """Yield the lists of raw plan data that name logins and teams, with their places."""
    owners: list[tuple[Parts, Any]] = [(("recovery",), data.get("recovery"))]
    places: list[tuple[Parts, Any]] = [((), data)]
    for index, wave in enumerate(_items(data.get("waves"))):
        places.append((("waves", index), wave))
        owners.append((("waves", index, "gate"), _entries(wave).get("gate")))
    for parts, place in places:
        for name in ("before_first", "after_last", "before", "after"):
            steps = _items(_entries(place).get(name))
            owners += [((*parts, name, index), step) for index, step in enumerate(steps)]
    for parts, owner in owners:
        for name in ("initiators", "approvers", "escalate_to", "emergency_approvers"):
            yield (*parts, name), _texts(_entries(owner).get(name))


def _items(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else ()


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(item for item in _items(value) if isinstance(item, str))


def _entries(value: Any) -> dict[str, Any]:
    return (
        {key: item for key, item in value.items() if isinstance(key, str)}
        if isinstance(value, Mapping)
        else {}
    )


def _groups(value: Any) -> dict[str, GroupOutline]:
    outlines = {}
    for name, group in _entries(value).items():
        entries = _entries(group)
        target = entries.get("target")
        servers = _texts(entries.get("servers"))
        listed = bool(servers) and entries.get("tags") is None
        outlines[name] = GroupOutline(target if isinstance(target, str) else None, servers, listed)
    return outlines


def _wave(index: int, wave: Mapping[Any, Any]) -> WaveOutline:
    entries = _entries(wave)
    gate = _entries(entries.get("gate"))
    name, least, follows = entries.get("name"), entries.get("min_launched"), entries.get("depends_on")
    return WaveOutline(
        index=index,
        name=name if isinstance(name, str) else None,
        groups=_texts(entries.get("groups")),
        depends_on=None if follows is None else _texts(follows),
        optional_servers=_texts(_entries(entries.get("optional")).get("servers")),
        min_launched=least if isinstance(least, int) and not isinstance(least, bool) else None,
        gate_approvers=_texts(gate.get("approvers")),
        gate_escalate_to=_texts(gate.get("escalate_to")),
        two_people=gate.get("two_people", "never") != "never",
        two_in_recovery=gate.get("two_people") in ("recovery", "always"),
    )
