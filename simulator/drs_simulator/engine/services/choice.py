"""Which of a scenario's rules answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar


class Rule(Protocol):
    """A rule that may be used up."""

    @property
    def times(self) -> int | None:
        """How often it may be used; None for no limit."""


R = TypeVar("R", bound=Rule)


class Choice:
    """Remembers how often each rule was used."""

    def __init__(self) -> None:
        self._used: Counter[int] = Counter()

    def first(self, rules: Iterable[R], fits: Callable[[R], bool]) -> R | None:
        """The first rule that fits and is not used up, which this use counts for."""
        for rule in rules:
            if (rule.times is None or self._used[id(rule)] < rule.times) and fits(rule):
                self._used[id(rule)] += 1
                return rule
        return None
