"""What the exit codes of the command line mean."""

from __future__ import annotations

from typing import Final

from drs_provider.airflow_rest.refused import ExitCode

MEANINGS: Final[dict[ExitCode, str]] = {
    ExitCode.OK: "done; the execution COMPLETED, or was started, or runs; preflight or doctor found nothing",
    ExitCode.ERROR: "Airflow answered with an error that is none of those below",
    ExitCode.REFUSED_INPUT: "the command or its options are refused; plans with problems",
    ExitCode.PARTIAL: "the execution ended PARTIAL",
    ExitCode.FAILED: "the execution ended FAILED",
    ExitCode.CANCELLED: "the execution ended CANCELLED",
    ExitCode.NOT_ALLOWED: "not logged in, or not allowed; an answer that does not count",
    ExitCode.NOT_FOUND: "no such plan, execution, wave or report",
    ExitCode.CONFLICT: "too late or twice: answered, ended or started already, or nothing to do",
    ExitCode.UNREACHABLE: "Airflow cannot be reached",
    ExitCode.TIMEOUT: "--timeout passed, or whether an answer counts is not known yet; the execution goes on",
    ExitCode.NOT_STARTABLE: "the plan cannot start now: paused, withdrawn, stale or with import errors",
    ExitCode.WARNINGS: "preflight, doctor: warnings only",
    ExitCode.BLOCKED: "preflight, doctor: an execution would not start, or not go on",
    ExitCode.INTERRUPTED: "Ctrl-C; the execution goes on",
}

OF_STATUS: Final[dict[str, ExitCode]] = {
    "COMPLETED": ExitCode.OK,
    "PARTIAL": ExitCode.PARTIAL,
    "FAILED": ExitCode.FAILED,
    "CANCELLED": ExitCode.CANCELLED,
}


def epilog() -> str:
    """Return the table of exit codes for the help text."""
    lines = [f"  {code.value:>3}  {meaning}" for code, meaning in MEANINGS.items()]
    return "exit codes:\n" + "\n".join(lines)
