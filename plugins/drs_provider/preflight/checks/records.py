"""The history table: the recovery does without it, so that it only warns."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from drs_provider.exceptions import DrsConfigurationError
from drs_provider.preflight.findings import Finding, Severity
from drs_provider.preflight.unreadable import READ_ERRORS, explanation

SUBJECT = "history table"


def table_reachable(read: Callable[[], object]) -> Iterator[Finding]:
    """Yield a warning if the history table cannot be read.

    :param read: reads something of the table
    """
    try:
        read()
    except DrsConfigurationError as error:
        yield Finding(
            "configuration_wrong",
            Severity.BLOCK,
            SUBJECT,
            str(error),
            "Correct the option in section [drs] of Airflow's configuration, or in AIRFLOW__DRS__<OPTION>.",
        )
    except READ_ERRORS as error:
        yield Finding(
            "history_unreachable",
            Severity.WARN,
            SUBJECT,
            f"the table could not be read: {explanation(error)}; the execution goes on without it, and its record is "
            "written when the table answers again",
            "Look at the table, at its Region, and at the [drs] history_* options.",
        )
