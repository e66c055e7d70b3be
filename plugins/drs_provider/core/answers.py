"""Reading AWS's answers member by member.

botocore's models declare almost every member optional, and rows of other people's jobs and instances come in forms that
ours never have. So a member that is missing reads as empty; one in another form than expected does, too, and is noted.
What an empty value means is decided where it is read: whatever guards a destruction takes it for the worst.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from drs_provider.core.texts import clipped, visible
from drs_provider.core.times import parse_time

T = TypeVar("T")
_MOST_SHOWN = 80


class Members:
    """The members of one structure of an answer.

    :param row: the structure as botocore gives it; anything but a mapping has no members
    :param notes: takes what could not be read, as ``member=value``; shared with the structures inside
    """

    def __init__(self, row: Any, notes: list[str] | None = None) -> None:
        self._row: Mapping[str, Any] = row if isinstance(row, Mapping) else {}
        self.notes: list[str] = [] if notes is None else notes

    def __bool__(self) -> bool:
        """Tell whether there is any member."""
        return bool(self._row)

    def text(self, name: str) -> str:
        """Return a text, empty if there is none."""
        value: str = self._of_type(name, str, "")
        return value

    def flag(self, name: str) -> bool | None:
        """Return True or False, None if neither is said."""
        value: bool | None = self._of_type(name, bool, None)
        return value

    def count(self, name: str) -> int | None:
        """Return a whole number, None if there is none."""
        value: int | None = self._of_type(name, int, None)
        return None if isinstance(value, bool) else value

    def moment(self, name: str) -> float | None:
        """Return a time in epoch seconds (UTC), None if there is none."""
        return self.read(name, parse_time)

    def read(self, name: str, parse: Callable[[Any], T]) -> T | None:
        """Return what a member is parsed into, None if there is none, or if parsing raises ValueError."""
        value = self._row.get(name)
        if value is None or value == "":
            return None
        try:
            return parse(value)
        except ValueError:
            self._note(name, value)
            return None

    def part(self, name: str) -> Members:
        """Return a structure; one that is missing has no members."""
        return Members(self._of_type(name, Mapping, {}), self.notes)

    def parts(self, name: str) -> tuple[Members, ...]:
        """Return the structures of a list."""
        return tuple(Members(item, self.notes) for item in self._of_type(name, (list, tuple), ()))

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the texts of a list, without empty ones."""
        return tuple(
            item for item in self._of_type(name, (list, tuple), ()) if item and isinstance(item, str)
        )

    def tags(self, name: str = "tags") -> dict[str, str]:
        """Return a map of texts."""
        return {
            key: value for key, value in self._of_type(name, Mapping, {}).items() if isinstance(value, str)
        }

    def _of_type(self, name: str, kind: Any, empty: Any) -> Any:
        value = self._row.get(name)
        if value is None or isinstance(value, kind):
            return empty if value is None else value
        self._note(name, value)
        return empty

    def _note(self, name: str, value: Any) -> None:
        shown = value.isoformat() if isinstance(value, datetime) else str(value)
        self.notes.append(f"{name}={clipped(visible(shown), _MOST_SHOWN)}")
