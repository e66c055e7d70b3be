"""Write the help texts and the table of exit codes into command-line.md, from the parser itself.

Use: ``PYTHONPATH=plugins python docs/make_command_line.py``. Needs Airflow installed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).with_name("command-line.md")
PROGRAM = "airflow drs"
WIDTH = "100"


def help_texts() -> Iterator[tuple[str, str]]:
    """Return every verb with its help text, as a terminal of 100 columns shows it without colours."""
    from drs_provider.cli.__main__ import build_parser

    os.environ |= {"COLUMNS": WIDTH, "NO_COLOR": "1"}
    yield from _texts(build_parser(PROGRAM))


def _texts(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        yield parser.prog, _help(parser)
    for group in groups:
        for sub in group.choices.values():
            yield from _texts(sub)


def _help(parser: argparse.ArgumentParser) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        parser.print_help()
    return "\n".join(line.rstrip() for line in printed.getvalue().splitlines()).strip()


def help_section() -> str:
    """Return the help texts as Markdown."""
    return "\n\n".join(f"```\n$ {name} --help\n{text}\n```" for name, text in help_texts())


def codes_section() -> str:
    """Return the exit codes as a Markdown table."""
    from drs_provider.cli.exit_codes import MEANINGS

    rows = [f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items()]
    return "\n".join(["| code | means |", "|---|---|", *rows])


SECTIONS = {"help": help_section, "exit codes": codes_section}


def page(text: str) -> str:
    """Return the page with what stands between its marks replaced.

    :raises ValueError: if marks are missing
    """
    for name, made in SECTIONS.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        head, _, rest = text.partition(begin)
        _, mark, tail = rest.partition(end)
        if not mark:
            raise ValueError(f"{PAGE.name} has no {begin} … {end}")
        text = f"{head}{begin}\n{made()}\n{end}{tail}"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
