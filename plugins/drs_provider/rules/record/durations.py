"""How long an execution is expected to take: from the plan's earlier executions, else from profiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any, Final

from drs_provider.core.states import ExecutionStatus, ExecutionType
from drs_provider.rules.execution.frozen import Expectation, FrozenWave
from drs_provider.rules.record.merging import waiting_seconds
from drs_provider.rules.wave.estimates import expected_seconds

PROFILE: Final = "profile"
HISTORY: Final = "history"

MOST_EXECUTIONS: Final = 5
"""The newest ones count: servers, disks and launch settings change."""


def expectation(
    execution_type: ExecutionType,
    waves: Sequence[FrozenWave],
    earlier: Iterable[Mapping[str, Any]] | None,
) -> Expectation:
    """Return what is expected of an execution.

    :param earlier: the plan's records, newest first; None if they cannot be read
    """
    selected = frozenset(wave.name for wave in waves if wave.selected)
    found = [
        seconds
        for record in earlier or ()
        if (seconds := recovery_seconds(record, execution_type, selected)) is not None
    ][:MOST_EXECUTIONS]
    if found:
        return Expectation(seconds=median(found), source=HISTORY, executions=len(found))
    return Expectation(seconds=expected_seconds(execution_type, waves), source=PROFILE)


def recovery_seconds(
    record: Mapping[str, Any], execution_type: ExecutionType, waves: frozenset[str]
) -> float | None:
    """Return how long an earlier execution worked, or None if it says nothing about one like this.

    It counts if it was COMPLETED at the first attempt, of the same type, with the same waves: from its start until
    its last wave was ready, waiting for people excluded. A drill's hold and cleanup come after that.
    """
    # The table may hold records of other systems, which lack fields: those say nothing, and hold up no execution.
    kind = (record.get("status"), record.get("executionType"), record.get("attempt"))
    begin = record.get("startTime")
    if kind != (ExecutionStatus.COMPLETED, execution_type, 1) or begin is None:
        return None
    ran = [wave for wave in record.get("waves") or () if wave.get("selected", True)]
    ends = [wave.get("readyTime", wave.get("endTime")) for wave in ran]
    if {wave.get("waveName") for wave in ran} != waves or not ends or None in ends:
        return None
    last = max(end for end in ends if end is not None)
    worked = last - begin - waiting_seconds(record, begin, last)
    return worked if worked > 0 else None
