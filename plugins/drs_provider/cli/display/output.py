"""What verbs print: tables for people, JSON or YAML for programs, notes and errors beside them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from drs_provider.airflow_rest.texts import one_line

# Wide enough that nothing is folded: programs that search for a line find it.
_WIDTH_WITHOUT_TERMINAL = 2000
COLOURS = {
    "COMPLETED": "green",
    "LAUNCHED": "green",
    "PARTIAL": "yellow",
    "PAUSED": "yellow",
    "WAITING": "yellow",
    "WARN": "yellow",
    "FAILED": "red",
    "CANCELLED": "red",
    "CANCELLING": "red",
    "BLOCK": "red",
    "SKIPPED": "dim",
}


class Output:
    """Standard output for results, standard error for notes; colours and redrawing only on a terminal.

    :param form: ``table``, ``json`` or ``yaml``
    """

    def __init__(self, form: str = "table") -> None:
        self.form = form
        plain = Console()
        self.console = plain if plain.is_terminal else Console(width=_WIDTH_WITHOUT_TERMINAL)
        self._notes = Console(stderr=True)

    @property
    def for_people(self) -> bool:
        """Whether a person reads this, and not a program."""
        return self.form == "table"

    @property
    def live(self) -> bool:
        """Whether there is a terminal on which things can be drawn again in place."""
        return self.for_people and self.console.is_terminal

    def note(self, text: str) -> None:
        """Tell a person something that is no part of the result."""
        self._notes.print(Text(text), soft_wrap=True)

    def say(self, text: str, style: str = "") -> None:
        """Print a line of the result."""
        self.console.print(Text(text, style=style), soft_wrap=True)

    def data(self, data: Any) -> None:
        """Print a result for programs."""
        if self.form == "yaml":
            import yaml

            sys.stdout.write(yaml.safe_dump(data, sort_keys=False, allow_unicode=False))
        else:
            sys.stdout.write(json.dumps(data, indent=2) + "\n")
        sys.stdout.flush()

    def result(self, data: Mapping[str, Any], *lines: str) -> None:
        """Print what was done: as lines for people, as data for programs."""
        if not self.for_people:
            self.data(data)
        for line in lines if self.for_people else ():
            self.say(line)

    def data_line(self, data: Any) -> None:
        """Print one of several results: a line of JSON, or a YAML document."""
        if self.form == "yaml":
            sys.stdout.write("---\n")
            self.data(data)
        else:
            sys.stdout.write(json.dumps(data) + "\n")
            sys.stdout.flush()

    def rows(self, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]], *, title: str = "") -> None:
        """Print rows as a table.

        :param columns: title by key of the rows
        """
        self.show(table(columns, rows, title=title))

    def show(self, drawn: RenderableType) -> None:
        """Print what was drawn; without a terminal, no line is filled up to the width."""
        if self.console.is_terminal:
            self.console.print(drawn)
            return
        with self.console.capture() as capture:
            self.console.print(drawn)
        lines = [line.rstrip() for line in capture.get().splitlines()]
        sys.stdout.write("\n".join(line for line in lines if line) + "\n")
        sys.stdout.flush()


def table(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]], *, title: str = "") -> Table:
    """Return rows as a table; every value is text, whatever it looks like."""
    made = Table(box=SIMPLE_HEAD, title=Text(one_line(title)) if title else None, title_justify="left")
    for name in columns.values():
        made.add_column(name, overflow="fold")
    for row in rows:
        made.add_row(*(cell(row.get(key)) for key in columns))
    return made


def cell(value: Any) -> Text:
    """Return a value as a table's cell."""
    text = "-" if value is None or value == "" else one_line(value)
    return Text(text, style=COLOURS.get(text, ""))
