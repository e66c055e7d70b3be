"""Whether an execution's times are told by one clock.

People's moments (gates, holds, steps, the run's start and end) are Airflow's; those of jobs and servers are AWS's. The
two agree to seconds, unless AWS is a simulator whose hours pass in minutes: then a wave seems to begin before the gate
in front of it was answered, or to end after the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

TOLERANCE_SECONDS: Final = 120.0
"""Clocks of real machines differ by less."""

TWO_CLOCKS: Final = (
    "Two clocks: times of jobs, phases and servers are those of AWS (here a simulator), times of gates, steps and "
    "people are Airflow's. They do not compare: only what has the same clock has an order, and a length."
)


def two_clocks(record: Mapping[str, Any], now: float | None = None) -> bool:
    """Return whether AWS's times of a record cannot be Airflow's: outside of the execution, or before its gates.

    :param now: epoch seconds, for an execution that still runs
    """
    first = record["attempt"] == 1  # a later attempt may take up a job that an earlier one began
    begin = min(row["startTime"] for row in record["attempts"])
    end = record.get("endTime", now)
    for wave in record["waves"]:
        moments = [wave[name] for name in ("startTime", "endTime") if name in wave]
        earliest = max(begin, (wave.get("gate") or {}).get("closedAt", begin)) if first else begin
        if any(moment < earliest - TOLERANCE_SECONDS for moment in moments):
            return True
        if end is not None and any(moment > end + TOLERANCE_SECONDS for moment in moments):
            return True
    return False
