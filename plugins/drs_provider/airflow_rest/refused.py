"""Why something that people asked for is not done: one line, a remedy, and a code for programs."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What became of it: the exit codes of the command line; never renumbered, because programs ask for them."""

    OK = 0
    ERROR = 1
    REFUSED_INPUT = 2
    PARTIAL = 3
    FAILED = 4
    CANCELLED = 5
    NOT_ALLOWED = 6
    NOT_FOUND = 7
    CONFLICT = 8
    UNREACHABLE = 9
    TIMEOUT = 10
    NOT_STARTABLE = 11
    WARNINGS = 12
    BLOCKED = 13
    INTERRUPTED = 130


class RefusedError(Exception):
    """Cannot be done, or is not allowed; told in one line, with the remedy.

    :param code: what kind of refusal it is; the command line exits with it
    """

    def __init__(self, message: str, remedy: str = "", code: ExitCode = ExitCode.ERROR) -> None:
        super().__init__(f"{message}; {remedy}" if remedy else message)
        self.message = message
        self.remedy = remedy
        self.code = code
