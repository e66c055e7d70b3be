"""The events of the timeline: named in one place, told with those names only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

import pytest

from drs_provider.core.events import Event
from tests.contract.repository import PACKAGE, modules, nodes


@cache
def told() -> dict[str, set[str]]:
    """Return the members of Event that calls name, by the place of the call."""
    found: dict[str, set[str]] = {}
    for place, event in calls():
        found.setdefault(place, set()).update(members(event))
    return found


def calls() -> Iterator[tuple[str, ast.expr]]:
    """Yield the event of every call that tells one, and where it stands."""
    for file in modules():
        if file.is_relative_to(PACKAGE / "cli"):
            continue  # what the command line emits are its own answers
        for node in nodes(file):
            if isinstance(node, ast.Call):
                name = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                place = f"{file.relative_to(PACKAGE)}:{node.lineno}"
                if name in ("emit", "tell") and _tells(node):
                    yield place, node.args[0] if name == "emit" and len(node.args) == 1 else node.args[1]
                elif name == "emitted":
                    yield place, node.args[1]
                    yield place, node.args[2]


def _tells(node: ast.Call) -> bool:
    return bool(node.args) and not any(isinstance(argument, ast.Starred) for argument in node.args)


def members(event: ast.expr) -> Iterator[str]:
    """Yield the members of Event that an expression may be."""
    if isinstance(event, ast.IfExp):
        yield from members(event.body)
        yield from members(event.orelse)
    elif isinstance(event, ast.Attribute) and getattr(event.value, "id", "") == "Event":
        yield event.attr
    elif not (isinstance(event, ast.Name) and event.id in ("event", "started", "ended")):
        yield f"no member of Event: {ast.unparse(event)}"


def test_every_event_has_its_name_from_the_list() -> None:
    assert len(told()) > 20
    foreign = {place: names - Event.__members__.keys() for place, names in told().items()}
    assert {place: names for place, names in foreign.items() if names} == {}


@pytest.mark.parametrize("event", list(Event))
def test_every_event_of_the_list_is_told_somewhere(event: Event) -> None:
    assert event.name in set().union(*told().values())
