"""What the parts of a plan say about each other: names that lead nowhere, servers named twice, cycles.

A plan is refused by what they find in the validated model. Of a file that is refused they are asked again, over its raw
data and with the names of all libraries: they still speak when another field is wrong, and know what is meant.
"""

from __future__ import annotations

import graphlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from drs_provider.plan.outline import Outline, WaveOutline
from drs_provider.plan.people import team_of
from drs_provider.plan.problems import Parts, did_you_mean, format_path, quoted_list

REFERENCES_ERROR: Final = "plan_references"
"""pydantic error type of a plan that is refused by these checks."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault in how parts of a plan refer to each other, with its place in the file."""

    parts: Parts
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{format_path(self.parts)}: {self.message} ({self.remedy})"


def check_references(outline: Outline) -> list[Finding]:
    """Return all faults in how the parts of a plan refer to each other."""
    return [
        *_wave_names(outline),
        *_wave_groups(outline),
        *_group_targets(outline),
        *_unused(outline),
        *_one_target(outline),
        *_servers_once(outline),
        *_wave_servers(outline),
        *_dependencies(outline),
        *_gates(outline),
        *_escalation(outline),
        *_emergency(outline),
        *_notifications(outline),
    ]


def _wave_names(outline: Outline) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for wave in outline.waves:
        if wave.name is None:
            continue
        if wave.name in seen:
            yield Finding(
                (*wave.parts, "name"),
                f"`{wave.name}` is already the name of wave {seen[wave.name] + 1}",
                "give each wave its own name",
            )
        seen.setdefault(wave.name, wave.index)


def _wave_groups(outline: Outline) -> Iterator[Finding]:
    used: dict[str, WaveOutline] = {}
    for wave in outline.waves:
        for position, name in enumerate(wave.groups):
            parts = (*wave.parts, "groups", position)
            if name not in outline.groups:
                remedy = did_you_mean(
                    name, outline.groups, "define it in protection_groups, here or in a library"
                )
                yield Finding(parts, f"unknown protection group `{name}`", remedy)
            elif name in used and used[name] is not wave:
                yield Finding(
                    parts,
                    f"protection group `{name}` is already recovered in {used[name].label}",
                    "each group belongs to one wave",
                )
            used.setdefault(name, wave)


def _group_targets(outline: Outline) -> Iterator[Finding]:
    known = outline.own_targets | outline.library_targets
    for name, group in outline.own_groups.items():
        if group.target is not None and group.target not in known:
            remedy = did_you_mean(group.target, known, "define it in targets, here or in a library")
            yield Finding(("protection_groups", name, "target"), f"unknown target `{group.target}`", remedy)


def _unused(outline: Outline) -> Iterator[Finding]:
    named = {name for wave in outline.waves for name in wave.groups}
    # A mistyped reference leaves its group unused as well: one mistake, one problem.
    if outline.waves and named <= outline.groups.keys():
        for name in outline.own_groups:
            if name not in named:
                yield Finding(
                    ("protection_groups", name),
                    f"protection group `{name}` does nothing: no wave names it",
                    "add it to a wave's groups, or remove it",
                )
    targets = {group.target for group in outline.groups.values()}
    if outline.groups and targets <= (outline.own_targets | outline.library_targets):
        for name in sorted(outline.own_targets - {group.target for group in outline.own_groups.values()}):
            yield Finding(
                ("targets", name),
                f"target `{name}` does nothing: no protection group names it",
                "use it as the target of a group, or remove it",
            )


def _one_target(outline: Outline) -> Iterator[Finding]:
    for wave in outline.waves:
        targets = {
            name: outline.groups[name].target
            for name in wave.groups
            if name in outline.groups and outline.groups[name].target is not None
        }
        if len(set(targets.values())) > 1:
            places = ", ".join(f"`{group}` in `{target}`" for group, target in targets.items())
            yield Finding(
                (*wave.parts, "groups"),
                f"a wave has one target, but its groups are in several: {places}",
                "make one wave of each target; waves with the same depends_on run side by side",
            )


def _servers_once(outline: Outline) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    named = {name for wave in outline.waves for name in wave.groups}
    for name, group in outline.groups.items():
        if name not in outline.own_groups and name not in named:
            continue
        for position, server in enumerate(group.servers):
            if server in seen and seen[server] != name:
                yield Finding(
                    ("protection_groups", name, "servers", position),
                    f"server `{server}` is in protection group `{seen[server]}` and in `{name}`",
                    "a server is recovered once in a plan; keep it in one group",
                )
            seen.setdefault(server, name)


def _wave_servers(outline: Outline) -> Iterator[Finding]:
    for wave in outline.waves:
        groups = [outline.groups[name] for name in wave.groups if name in outline.groups]
        if len(groups) < len(wave.groups) or not groups or not all(group.listed for group in groups):
            continue
        servers = {server for group in groups for server in group.servers}
        for position, server in enumerate(wave.optional_servers):
            if server not in servers:
                yield Finding(
                    (*wave.parts, "optional", "servers", position),
                    f"server `{server}` is not in the groups of {wave.label}",
                    "name a server of the wave, or remove it",
                )
        if wave.min_launched is not None and wave.min_launched > len(servers):
            yield Finding(
                (*wave.parts, "min_launched"),
                f"{wave.min_launched} servers cannot launch: {wave.label} has {len(servers)}",
                "lower the number",
            )


def _dependencies(outline: Outline) -> Iterator[Finding]:
    names = {wave.name for wave in outline.waves if wave.name is not None}
    for wave in outline.waves:
        for position, name in enumerate(wave.depends_on or ()):
            if name not in names:
                remedy = did_you_mean(name, names, f"the waves are {quoted_list(sorted(names))}")
                yield Finding((*wave.parts, "depends_on", position), f"unknown wave `{name}`", remedy)
    yield from _cycle(outline)


def _cycle(outline: Outline) -> Iterator[Finding]:
    waves: dict[str, WaveOutline] = {}
    graph: dict[str, tuple[str, ...]] = {}
    before: str | None = None
    for wave in outline.waves:
        if wave.name is None:
            before = None
            continue
        if wave.name not in graph:
            waves[wave.name] = wave
            default = (before,) if before else ()
            graph[wave.name] = default if wave.depends_on is None else wave.depends_on
        before = wave.name
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        # graphlib names each wave after one that it waits for; people read it the other way round.
        path = list(reversed(error.args[1]))
        stated = next(waves[name] for name in path if waves[name].depends_on is not None)
        text = " waits for ".join(f"`{name}`" for name in path)
        yield Finding(
            (*stated.parts, "depends_on"),
            f"dependency cycle: {text}",
            "a wave without depends_on waits for the wave before it; remove one dependency",
        )


def _gates(outline: Outline) -> Iterator[Finding]:
    for wave in outline.waves:
        people = {*wave.gate_approvers, *outline.recovery.approvers}
        # Who is in a team changes without the plan: preflight counts its members.
        alone = len(people) < 2 and all(team_of(name) is None for name in people)
        if wave.two_people and wave.gate_approvers and alone:
            yield Finding(
                (*wave.parts, "gate", "two_people"),
                "two people must approve, but only one may",
                "add another user to the gate's approvers or to recovery.approvers",
            )


def _escalation(outline: Outline) -> Iterator[Finding]:
    """Who is asked later, although everybody may answer from the beginning, or they themselves may."""
    recovery = outline.recovery
    anywhere = bool(recovery.approvers) or any(wave.gate_approvers for wave in outline.waves)
    lists: list[tuple[Parts, tuple[str, ...], bool, tuple[str, ...]]] = [
        (("recovery",), recovery.escalate_to, anywhere, recovery.approvers)
    ]
    for wave in outline.waves:
        named = bool(wave.gate_approvers or recovery.approvers)
        lists.append(((*wave.parts, "gate"), wave.gate_escalate_to, named, wave.gate_approvers))
    for parts, later, named, asked in lists:
        if later and not named:
            yield Finding(
                (*parts, "escalate_to"),
                "escalate_to does nothing: without approvers everybody may answer from the beginning",
                "name approvers, or remove it",
            )
        for position, name in enumerate(later):
            if name in asked:
                yield Finding(
                    (*parts, "escalate_to", position),
                    f"`{name}` is asked from the beginning",
                    "remove it here, or from approvers",
                )


def _emergency(outline: Outline) -> Iterator[Finding]:
    recovery = outline.recovery
    limited = any(wave.gate_approvers or wave.two_in_recovery for wave in outline.waves)
    if recovery.emergency_approvers and not (recovery.approvers or limited):
        yield Finding(
            ("recovery", "emergency_approvers"),
            "emergency_approvers do nothing: everybody may approve alone",
            "name recovery.approvers, or remove it",
        )
    for position, login in enumerate(recovery.emergency_approvers):
        if login in recovery.initiators:
            yield Finding(
                ("recovery", "emergency_approvers", position),
                f"`{login}` is also one of recovery.initiators: one person could start and approve a RECOVERY alone",
                "remove the login from one of the lists",
            )


def _notifications(outline: Outline) -> Iterator[Finding]:
    for index, event, objective in outline.idle_events:
        yield Finding(
            ("notifications", index, "events"),
            f"`{event}` does nothing: the plan has no objectives.{objective}",
            f"add objectives.{objective}, or remove the event",
        )
