"""A record of a source whose fields are found in any casing, and which knows what has not been read yet."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from drs_provider.plan_import.result import Outcome, ReportEntry

_SEPARATORS: Final = re.compile(r"[^a-z0-9]")
_MAX_VALUE: Final = 160


def folded(name: str) -> str:
    """Return the name without casing and separators: ``PlanName``, ``planName`` and ``plan_name`` are one."""
    return _SEPARATORS.sub("", name.casefold())


def shown(value: Any) -> str:
    """Return a value as one line of text for the report, shortened."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if len(text) <= _MAX_VALUE else f"{text[: _MAX_VALUE - 1]}…"


def is_empty(value: Any) -> bool:
    """Return whether the value says nothing."""
    return value is None or value in ("", [], {})


class Fields:
    """The fields of one record.

    :param source: name of the source
    :param path: the record's place in it
    """

    def __init__(self, source: str, path: str, data: Mapping[str, Any]) -> None:
        self.source = source
        self.path = path
        self._data = data
        self._unread: dict[str, None] = dict.fromkeys(data)
        self._children: list[Fields] = []

    @property
    def names(self) -> frozenset[str]:
        """All names, folded."""
        return frozenset(folded(name) for name in self._data)

    def place(self, name: str = "") -> str:
        """Return the path of a field by its own spelling."""
        return f"{self.path}.{name}" if self.path and name else self.path or name

    def which(self, *names: str) -> str:
        """Return the first of these names (folded) that the record has, else the first of them."""
        return next((name for name in names if name in self.names), names[0])

    def peek(self, *names: str) -> Any:
        """Return the first of these fields that says something, without reading it; None if none does."""
        return self._find(names)[1]

    def take(self, *names: str) -> Any:
        """Return the first of these fields that says something, as read; None if none does.

        Other spellings of the same field are read with it only if they say the same.
        """
        place, value = self._find(names)
        if place is None:
            return None
        for other in list(self._unread):
            if folded(other) in names and (self._data[other] == value or is_empty(self._data[other])):
                del self._unread[other]
        return value

    def has(self, *names: str) -> bool:
        """Return whether one of these fields is there, whatever it says; it counts as read then."""
        found = [name for name in self._data if folded(name) in names]
        for name in found:
            self._unread.pop(name, None)
        return bool(found)

    def child(self, *names: str) -> Fields | None:
        """Return the record in the first of these fields, or None if none of them is a record."""
        for wanted in names:
            for name in self._data:
                if folded(name) == wanted and isinstance(self._data[name], Mapping) and name in self._unread:
                    del self._unread[name]
                    nested = Fields(self.source, self.place(name), self._data[name])
                    self._children.append(nested)
                    return nested
        return None

    def children(self, *names: str) -> list[Fields]:
        """Return the records of a list field; items that are no records stay unread."""
        place, value = self._find(names)
        if place is None or not isinstance(value, list) or not all(isinstance(v, Mapping) for v in value):
            return []
        self._unread.pop(place, None)
        nested = [Fields(self.source, f"{self.place(place)}[{i}]", item) for i, item in enumerate(value)]
        self._children += nested
        return nested

    def spelled(self, *names: str) -> str:
        """Return the path of the first of these fields that says something, else of the record."""
        place, _ = self._find(names)
        return self.place(place or "")

    def entry(
        self,
        outcome: Outcome,
        why: str,
        remedy: str = "",
        *,
        field: str = "",
        value: Any = "",
        plan: str | None,
    ) -> ReportEntry:
        """Return a report entry about a field (folded name) of this record, or about the record."""
        name = next((name for name in self._data if folded(name) == field), None)
        text = shown(value if name is None else self._data[name])
        return ReportEntry(outcome, self.source, self.place(name or ""), text, why, remedy, plan)

    def rest(self) -> Iterator[tuple[str, str, Any]]:
        """Yield (folded name, path, value) of every leaf that has not been read."""
        for name in self._unread:
            for path, value in leaves(self.place(name), self._data[name]):
                yield folded(name), path, value
        for nested in self._children:
            yield from nested.rest()

    def _find(self, names: tuple[str, ...]) -> tuple[str | None, Any]:
        for wanted in names:
            for name, value in self._data.items():
                if folded(name) == wanted and not is_empty(value):
                    return name, value
        return None, None


def leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield (path, value) of everything in a value; lists of plain values are one."""
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from leaves(f"{path}.{name}", item)
    elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        for position, item in enumerate(value):
            yield from leaves(f"{path}[{position}]", item)
    else:
        yield path, value
