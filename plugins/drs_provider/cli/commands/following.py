"""Following an execution to its end, through restarts of the API server."""

from __future__ import annotations

import argparse
import time

from drs_provider.airflow_rest.client import ApiError, UnreachableError
from drs_provider.airflow_rest.executions import Execution
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.airflow_rest.texts import command
from drs_provider.cli.display.output import Output
from drs_provider.cli.display.views import LineView, View, view_for
from drs_provider.cli.exit_codes import OF_STATUS
from drs_provider.snapshot.model import DRY_RUN, EXCLUDED, ExecutionSnapshot
from drs_provider.snapshot.reader import Reader

#: How long an API server may be away (a restart) before it counts as unreachable
PATIENCE_SECONDS = 120.0


class Silent(LineView):
    """Shows nothing, for ``--wait``."""

    def show(self, snapshot: ExecutionSnapshot) -> None:
        """Show nothing."""


def follow(
    execution: Execution,
    view: View,
    *,
    interval_seconds: float,
    timeout_seconds: float | None = None,
) -> ExecutionSnapshot:
    """Show an execution until it has ended, and return its last snapshot.

    :param timeout_seconds: how long to stay; None: to the end
    :raises RefusedError: with TIMEOUT if that has passed, or if Airflow refuses or stays unreachable
    """
    reader, began = Reader(execution), time.monotonic()
    seen = began
    while True:
        try:
            snapshot = reader.read()
            seen = time.monotonic()
            view.show(snapshot)
            if snapshot.ended:
                return snapshot
        except (UnreachableError, ApiError) as error:
            if not error.passes or time.monotonic() - seen > PATIENCE_SECONDS:
                raise
            view.trouble(f"{error}; trying again, the execution goes on meanwhile")
        waited = time.monotonic() - began
        if timeout_seconds is not None and waited >= timeout_seconds:
            remedy = f"it goes on: {command('watch', execution.name)}"
            raise RefusedError(f"{execution.name} has not ended in time", remedy, ExitCode.TIMEOUT)
        left = interval_seconds if timeout_seconds is None else timeout_seconds - waited
        time.sleep(min(interval_seconds, max(left, 0.05)))


def watch_to_end(arguments: argparse.Namespace, execution: Execution, output: Output) -> ExitCode:
    """Follow an execution as the options ask, tell its result, and return the exit code for it."""
    silent = getattr(arguments, "wait", False) and not getattr(arguments, "watch", False)
    view: View = Silent(output) if silent else view_for(output)
    try:
        snapshot = follow(
            execution, view, interval_seconds=arguments.interval, timeout_seconds=arguments.timeout
        )
    except KeyboardInterrupt:
        view.close()
        output.note(
            f"{execution.name} goes on. Follow it: {command('watch', execution.name)}. "
            f"Stop it: {command('cancel', execution.name)}"
        )
        return ExitCode.INTERRUPTED
    finally:
        view.close()
    if silent:
        tell(snapshot, output)
    return exit_code(snapshot)


def tell(snapshot: ExecutionSnapshot, output: Output) -> None:
    """Print an execution as it stands."""
    from drs_provider.cli.display.views import whole

    if output.for_people:
        output.show(whole(snapshot))
    else:
        output.data(snapshot.to_dict())


def exit_code(snapshot: ExecutionSnapshot) -> ExitCode:
    """Return what a program exits with for an execution that has ended, or still runs."""
    if not snapshot.ended or snapshot.status in (DRY_RUN, EXCLUDED):
        return ExitCode.OK
    return OF_STATUS.get(str(snapshot.status), ExitCode.ERROR)
