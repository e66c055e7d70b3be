"""The help texts and exit codes of command-line.md, from the parser itself."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
from collections.abc import Iterator

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
