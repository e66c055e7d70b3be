"""The recursive walk over a value along its shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from drs_simulator.validation.checks import CHECKS_BY_TYPE, check_type
from drs_simulator.validation.deviations import is_known_deviation
from drs_simulator.validation.violations import Check, Violation


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: the path for people, the owning member for the list of deviations."""

    operation: str
    path: str = ""
    member: str = ""

    def to_member(self, owner: str, name: str) -> Place:
        """The place of a structure's member."""
        path = f"{self.path}.{name}" if self.path else name
        return replace(self, path=path, member=f"{owner}.{name}")

    def to_item(self, key: object) -> Place:
        """The place of a list item or map entry."""
        return replace(self, path=f"{self.path}[{key}]")


def walk(shape: Shape, value: Any, place: Place) -> Iterator[Violation]:
    """Every violation in `value` and below it; a value of the wrong type is not looked into."""
    fault = check_type(shape, value)
    if fault is not None:
        yield Violation(Check.TYPE, place.operation, place.path, fault)
        return
    for check, function in CHECKS_BY_TYPE[shape.type_name]:
        fault = function(shape, value)
        if fault is not None and not is_known_deviation(place.member, shape.name, check, value):
            yield Violation(check, place.operation, place.path, fault)
    for child_shape, child, child_place in children(shape, value, place):
        yield from walk(child_shape, child, child_place)


def children(shape: Shape, value: Any, place: Place) -> Iterator[tuple[Shape, Any, Place]]:
    """The known members, items or entries of a composite value."""
    if isinstance(shape, StructureShape):
        yield from _members(shape, value, place)
    elif isinstance(shape, ListShape):
        for index, item in enumerate(value):
            yield shape.member, item, place.to_item(index)
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            yield shape.key, key, place.to_item(key)
            yield shape.value, item, place.to_item(key)


def _members(
    shape: StructureShape, value: Mapping[str, Any], place: Place
) -> Iterator[tuple[Shape, Any, Place]]:
    for name, member in shape.members.items():
        if name in value:
            yield member, value[name], place.to_member(shape.name, name)
