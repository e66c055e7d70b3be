"""The history table: the recovery does without it, so that it only warns."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from drs_provider.exceptions import DrsConfigurationError
from drs_provider.preflight.findings import Finding
from drs_provider.preflight.scope import RunScope
from drs_provider.preflight.unreadable import READ_ERRORS, explanation

SUBJECT = "history table"


def table_is_told_apart(run: RunScope, own_id: bool) -> Iterator[Finding]:
    """Yield a warning if other Airflows' records in the table may look like this one's.

    :param own_id: whether this Airflow has a deployment id of its own
    """
    if not own_id:
        yield run.finding(
            "deployment_id_default",
            SUBJECT,
            "[drs] deployment_id is the default: another Airflow that keeps it may write to the table, too, and the "
            "sweeper cannot tell whose a record is; it closes none whose run is gone and terminates nothing of it",
            "Set [drs] deployment_id in every Airflow, best before its first execution: execution IDs contain it.",
        )


def table_reachable(run: RunScope, read: Callable[[], object]) -> Iterator[Finding]:
    """Yield a warning if the history table cannot be read.

    :param read: reads something of the table
    """
    try:
        read()
    except DrsConfigurationError as error:
        yield run.finding(
            "configuration_wrong",
            SUBJECT,
            str(error),
            "Correct the option in section [drs] of Airflow's configuration, or in AIRFLOW__DRS__<OPTION>.",
        )
    except READ_ERRORS as error:
        yield run.finding(
            "history_unreachable",
            SUBJECT,
            f"the table could not be read: {explanation(error)}; the execution goes on without it, and its record is "
            "written when the table answers again",
            "Look at the table, at its Region, and at the [drs] history_* options.",
        )
