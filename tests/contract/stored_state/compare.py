"""What of a stored value others rely on: its fields, their types, and the words of those that are enumerations."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

#: Path of a field -> its types; of an enumeration, its words
Shape = dict[str, frozenset[str]]

#: Ids differ from run to run, also where they are a field's name.
_IDS = re.compile(
    r"\b(s|i|pit|drsjob)-[0-9a-f]{17}\b|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{64}\b"
)
#: Fields whose values are words with a meaning
WORDS = frozenset(
    {
        "decision",
        "executionType",
        "kind",
        "launchStatus",
        "next_method",
        "outcome",
        "place",
        "result",
        "status",
    }
)
#: DynamoDB's names of types stand between a field and its value.
_TYPES = frozenset({"S", "N", "M", "L", "BOOL", "NULL"})
_NULL = "null"


def shape_of(values: Iterable[tuple[str, Any]]) -> Shape:
    """Return the shape of values, each below its address."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for address, value in values:
        for path, kind in _kinds(value, general(address), ""):
            found[path].add(kind)
    return {path: frozenset(kinds) for path, kinds in found.items()}


def lost(before: Mapping[str, frozenset[str]], now: Mapping[str, frozenset[str]]) -> list[str]:
    """Return what there was before and is not any more, or is of another type; what is new is no loss."""
    gone = {path for path in before if path not in now}
    told = [f"{path} is gone" for path in sorted(gone) if not any(up in gone for up in _above(path))]
    for path in sorted(before.keys() & now.keys()):
        had, has = before[path], now[path]
        if words := {kind for kind in had if kind.startswith("=")} - has:
            told.append(f"{path} does not say {', '.join(sorted(words))} any more")
        had, has = _types(had), _types(has)
        was_always_empty = had == {_NULL}
        if not was_always_empty and (has - had or (had - has) - {_NULL}):
            told.append(f"{path} was {' or '.join(sorted(had))}, and is {' or '.join(sorted(has))}")
    return told


def general(text: str) -> str:
    """Return a text with a star for each id in it."""
    return _IDS.sub(lambda found: f"{found[1]}-*" if found[1] else "*", text)


def _types(kinds: frozenset[str]) -> frozenset[str]:
    return frozenset("text" if kind.startswith("=") else kind for kind in kinds)


def _above(path: str) -> Iterator[str]:
    return (path[: found.start()] for found in re.finditer(r"/|\[\]", path))


def _kinds(value: Any, path: str, name: str) -> Iterator[tuple[str, str]]:
    """Give each path in a value with what is there; ``name`` is the field's that it is the value of."""
    match value:
        case dict():
            yield path, "object"
            for key, item in value.items():
                yield from _kinds(item, f"{path}/{general(key)}", name if key in _TYPES else key)
        case list():
            yield path, "list"
            for item in value:
                yield from _kinds(item, f"{path}[]", name)
        case str():
            yield path, f"={value}" if name in WORDS else "text"
        case bool():
            yield path, "boolean"
        case int() | float():
            yield path, "number"
        case _:
            yield path, _NULL
