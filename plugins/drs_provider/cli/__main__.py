"""``python -m drs_provider.cli …``: the command line where the provider is mounted and not installed."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import NoReturn

from airflow.cli.cli_config import ActionCommand, CLICommand, GroupCommand
from rich_argparse import RawDescriptionRichHelpFormatter

from drs_provider.airflow_rest import texts
from drs_provider.cli.definition import get_drs_cli_commands


class Parser(argparse.ArgumentParser):
    """A parser whose errors take one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with 2."""
        self.exit(2, f"error: {message}; see: {self.prog} --help\n")


def build_parser(program: str) -> argparse.ArgumentParser:
    """Return a parser with the verbs that Airflow shows as ``airflow drs``."""
    (group,) = get_drs_cli_commands()
    parser = Parser(prog=program, description=group.help, epilog=group.epilog)
    parser.formatter_class = RawDescriptionRichHelpFormatter
    if isinstance(group, GroupCommand):
        _add(parser, group.subcommands)
    return parser


def _add(parser: argparse.ArgumentParser, commands: Iterable[CLICommand]) -> None:
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for each in commands:
        sub = subparsers.add_parser(each.name, help=each.help, description=each.description or each.help)
        sub.formatter_class = RawDescriptionRichHelpFormatter
        if isinstance(each, ActionCommand):
            for arg in each.args:
                arg.add_to_parser(sub)
            sub.set_defaults(func=each.func)
        else:
            _add(sub, each.subcommands)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a verb and exit with its code."""
    texts.program = "python -m drs_provider.cli"
    parsed = build_parser(texts.program).parse_args(arguments)
    parsed.func(parsed)


# Not if Airflow executes this file from a plugins folder that has lost its .airflowignore: then it has no package.
if __name__ == "__main__" and __package__:
    main()
