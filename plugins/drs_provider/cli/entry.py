"""The way into a verb: loads it when it runs, and turns what goes wrong into one line and an exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from drs_provider.airflow_rest.refused import ExitCode, RefusedError

Verb = Callable[[argparse.Namespace], ExitCode | None]


def verb(path: str) -> Callable[[argparse.Namespace], None]:
    """Return what a parser calls for a verb.

    :param path: ``module:function`` below :mod:`drs_provider.cli.commands`; imported only when the verb runs
    """

    def run(arguments: argparse.Namespace) -> None:
        sys.exit(call(path, arguments))

    run.__name__ = path.replace(":", "_")
    return run


def call(path: str, arguments: argparse.Namespace) -> int:
    """Run a verb and return the exit code."""
    import pkgutil

    try:
        function: Verb = pkgutil.resolve_name(f"drs_provider.cli.commands.{path}")
        return int(function(arguments) or ExitCode.OK)
    except RefusedError as error:
        _tell(str(error))
        return int(error.code)
    except KeyboardInterrupt:
        _tell("interrupted")
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # Who reads our output has seen enough (`| head`); Python must not complain when it flushes at the end.
        sys.stdout = None
        return int(ExitCode.OK)


def _tell(message: str) -> None:
    from drs_provider.airflow_rest.texts import one_line

    print(f"error: {one_line(message)}", file=sys.stderr)
