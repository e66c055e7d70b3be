"""Problems of plan files and run configurations: what is wrong, where, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from drs_provider.core.texts import one_line_escaped

Parts = tuple[str | int, ...]
"""A field path in pieces: names, and positions in lists from 0."""


@dataclass(frozen=True, slots=True)
class PlanProblem:
    """One fault in a plan file or in a run configuration.

    :param file: path of the plan file; ``conf`` for a run configuration
    :param path: field path such as ``waves[1].gate.timeout_minutes``; empty for the file as a whole.
        Positions in lists count from 0
    :param message: what is wrong, naming the culprit
    :param remedy: what to do about it
    :param line: 1-based line in the file, where it is known
    """

    file: str
    path: str
    message: str
    remedy: str = ""
    line: int | None = None

    def __post_init__(self) -> None:
        # They quote what people typed, and a problem is one line in every list of problems.
        for name in ("path", "message", "remedy"):
            object.__setattr__(self, name, one_line_escaped(getattr(self, name)))

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        where = f"{place}: {self.path}" if self.path else place
        return f"{where}: {self.message}" + (f" ({self.remedy})" if self.remedy else "")


class ProblemsError(ValueError):
    """Base of errors that carry every problem found, not only the first.

    :param problems: the problems; there is at least one
    """

    def __init__(self, problems: Iterable[PlanProblem]) -> None:
        self.problems: tuple[PlanProblem, ...] = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class PlanError(ProblemsError):
    """A plan cannot be loaded; ``problems`` names every fault."""


class RunConfError(ProblemsError):
    """A run configuration is refused; ``problems`` names every fault by its key."""


def format_path(parts: Parts) -> str:
    """Return a field path: names joined by dots, list positions in brackets."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that ``word`` is most likely meant to be, or None if nothing is near."""
    folded = {candidate.casefold(): candidate for candidate in known}
    matches = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return folded[matches[0]] if matches else None


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return ``did you mean `x`?`` for the nearest known word, else ``otherwise``."""
    match = closest(word, known)
    return f"did you mean `{match}`?" if match else otherwise


def quoted_list(words: Iterable[str]) -> str:
    """Return the words in back quotes, separated by commas, for a message."""
    return ", ".join(f"`{word}`" for word in words)
