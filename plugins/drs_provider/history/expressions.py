"""DynamoDB update expressions, built path by path so that no write touches more than its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drs_provider.history.values import to_value

Path = tuple[str | int, ...]


class Update:
    """An update of one item: SET, REMOVE and the condition under which it happens."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, Any] = {}
        self._sets: list[str] = []
        self._removes: list[str] = []
        self._conditions: list[str] = []

    @property
    def empty(self) -> bool:
        """Whether it would change nothing."""
        return not self._sets and not self._removes

    def path(self, *parts: str | int) -> str:
        """Return a document path with its names replaced by placeholders."""
        text = ""
        for part in parts:
            if isinstance(part, int):
                text += f"[{part}]"
            else:
                text += ("." if text else "") + self._names.setdefault(part, f"#n{len(self._names)}")
        return text

    def value(self, value: Any) -> str:
        """Return the placeholder of a value."""
        name = f":v{len(self._values)}"
        self._values[name] = to_value(value)
        return name

    def set(self, path: Path, value: Any) -> None:
        """Write a value."""
        self._sets.append(f"{self.path(*path)} = {self.value(value)}")

    def set_once(self, path: Path, value: Any) -> None:
        """Write a value unless there is one."""
        target = self.path(*path)
        self._sets.append(f"{target} = if_not_exists({target}, {self.value(value)})")

    def append(self, path: Path, items: list[Any]) -> None:
        """Append to a list."""
        target = self.path(*path)
        self._sets.append(f"{target} = list_append({target}, {self.value(items)})")

    def add(self, path: Path, amount: int) -> None:
        """Add to a number; one that is missing counts as 0."""
        target = self.path(*path)
        self._sets.append(f"{target} = if_not_exists({target}, {self.value(0)}) + {self.value(amount)}")

    def remove(self, path: Path) -> None:
        """Remove an attribute."""
        self._removes.append(self.path(*path))

    def require(self, path: Path, operator: str, value: Any) -> None:
        """Require that the stored value compares so."""
        self._conditions.append(f"{self.path(*path)} {operator} {self.value(value)}")

    def require_in(self, path: Path, values: Iterable[str], *, negate: bool = False) -> None:
        """Require that the stored text is one of ``values`` (or none of them).

        One of nothing is never true.
        """
        values = list(values)
        if not values:
            target = self.path(*path)
            never = f"(attribute_exists({target}) AND attribute_not_exists({target}))"
            self._conditions.append(f"NOT {never}" if negate else never)
            return
        options = ", ".join(self.value(str(value)) for value in sorted(values))
        condition = f"{self.path(*path)} IN ({options})"
        self._conditions.append(f"NOT ({condition})" if negate else condition)

    def require_absent_or(self, path: Path, operator: str, value: Any) -> None:
        """Require that there is no stored value, or that it compares so."""
        target = self.path(*path)
        self._conditions.append(
            f"(attribute_not_exists({target}) OR {target} {operator} {self.value(value)})"
        )

    def require_absent(self, path: Path) -> None:
        """Require that there is no stored value."""
        self._conditions.append(f"attribute_not_exists({self.path(*path)})")

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of UpdateItem that express it."""
        expression = ""
        if self._sets:
            expression = "SET " + ", ".join(self._sets)
        if self._removes:
            expression += " REMOVE " + ", ".join(self._removes)
        arguments: dict[str, Any] = {"UpdateExpression": expression.strip()} | self.condition_arguments()
        return arguments

    def condition_arguments(self) -> dict[str, Any]:
        """Return the condition's arguments, for PutItem as well."""
        arguments: dict[str, Any] = {}
        if self._conditions:
            arguments["ConditionExpression"] = " AND ".join(self._conditions)
        if self._names:
            arguments["ExpressionAttributeNames"] = {alias: name for name, alias in self._names.items()}
        if self._values:
            arguments["ExpressionAttributeValues"] = self._values
        return arguments
