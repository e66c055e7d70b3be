"""Legal transitions of jobs, servers and their log, as data.

Tables hold direct steps; a poll may miss some of them, so the checker of polls takes what is reachable,
while the checker of the log, which misses nothing, takes the steps themselves.
"""

from __future__ import annotations

from collections.abc import Mapping

Steps = Mapping[str, frozenset[str]]


def _steps(**table: str) -> Steps:
    return {state: frozenset(following.split()) for state, following in table.items()}


def reachable(steps: Steps) -> Steps:
    """Every state that can follow each state, over any number of steps."""
    closure: dict[str, frozenset[str]] = {}
    for state in steps:
        seen: set[str] = set()
        waiting = list(steps[state])
        while waiting:
            following = waiting.pop()
            if following not in seen:
                seen.add(following)
                waiting.extend(steps[following])
        closure[state] = frozenset(seen)
    return closure


# A job never fails: success is told per server.
JOB_STATUS_STEPS = _steps(PENDING="STARTED", STARTED="COMPLETED", COMPLETED="")

# PENDING → FAILED: snapshot and conversion run while a server is still PENDING, and may fail.
_LAUNCHING = _steps(PENDING="IN_PROGRESS FAILED", IN_PROGRESS="LAUNCHED FAILED", LAUNCHED="", FAILED="")
_TERMINATING = _steps(PENDING="IN_PROGRESS FAILED", IN_PROGRESS="TERMINATED FAILED", TERMINATED="", FAILED="")
LAUNCH_STATUS_STEPS: Mapping[str, Steps] = {
    "LAUNCH": _LAUNCHING,
    "TERMINATE": _TERMINATING,
    "CREATE_CONVERTED_SNAPSHOT": _LAUNCHING,
}

# Statuses a server cannot have while its job is still PENDING.
STATUSES_OF_A_STARTED_JOB = frozenset({"IN_PROGRESS", "LAUNCHED", "TERMINATED"})

RUN_STATUS_STEPS = _steps(IN_PROGRESS="SUCCEEDED FAILED", SUCCEEDED="", FAILED="")

# A failed step may start again: the log carries attemptCount and maxAttemptsCount. That a failed cleanup
# does not stop the launch is an assumption.
FIRST = "FIRST"
# A chosen snapshot, or a dead source, leaves no new snapshot to take.
_POINT_IN_TIME = "SNAPSHOT_START USING_PREVIOUS_SNAPSHOT USING_PREVIOUS_SNAPSHOT_FAILED"
_LAUNCH_EVENTS = _steps(
    FIRST=f"SERVER_SKIPPED CLEANUP_START {_POINT_IN_TIME}",
    SERVER_SKIPPED="",
    CLEANUP_START="CLEANUP_END CLEANUP_FAIL",
    CLEANUP_END=_POINT_IN_TIME,
    CLEANUP_FAIL=f"CLEANUP_START {_POINT_IN_TIME}",
    SNAPSHOT_START="SNAPSHOT_END SNAPSHOT_FAIL USING_PREVIOUS_SNAPSHOT",
    SNAPSHOT_END="CONVERSION_START",
    SNAPSHOT_FAIL="SNAPSHOT_START USING_PREVIOUS_SNAPSHOT USING_PREVIOUS_SNAPSHOT_FAILED",
    USING_PREVIOUS_SNAPSHOT="CONVERSION_START USING_PREVIOUS_SNAPSHOT_FAILED",
    USING_PREVIOUS_SNAPSHOT_FAILED="",
    CONVERSION_START="CONVERSION_END CONVERSION_FAIL",
    CONVERSION_END="LAUNCH_START",
    CONVERSION_FAIL="CONVERSION_START",
    LAUNCH_START="LAUNCH_END LAUNCH_FAILED",
    LAUNCH_END="",
    LAUNCH_FAILED="LAUNCH_START",
)
# Assumption: a terminate job logs the removal of each instance as a cleanup.
_TERMINATE_EVENTS = _steps(
    FIRST="CLEANUP_START",
    CLEANUP_START="CLEANUP_END CLEANUP_FAIL",
    CLEANUP_END="",
    CLEANUP_FAIL="CLEANUP_START",
)
SERVER_EVENT_STEPS: Mapping[str, Steps] = {
    "LAUNCH": _LAUNCH_EVENTS,
    "TERMINATE": _TERMINATE_EVENTS,
    "CREATE_CONVERTED_SNAPSHOT": _LAUNCH_EVENTS,
}

# The last events that fit a server's status once its job is COMPLETED; FIRST stands for "no event".
LAST_EVENTS: Mapping[str, frozenset[str]] = {
    "LAUNCHED": frozenset({"LAUNCH_END"}),
    "TERMINATED": frozenset({"CLEANUP_END", FIRST}),
    # A caller without the rights of conversion leaves no event behind (see engine/rights.py).
    "FAILED": frozenset(
        {
            "SNAPSHOT_END",
            "USING_PREVIOUS_SNAPSHOT",
            "SERVER_SKIPPED",
            "CLEANUP_FAIL",
            "SNAPSHOT_FAIL",
            "USING_PREVIOUS_SNAPSHOT_FAILED",
            "CONVERSION_FAIL",
            "LAUNCH_FAILED",
        }
    ),
    # Assumption: a skipped server may keep its first status.
    "PENDING": frozenset({"SERVER_SKIPPED"}),
    "IN_PROGRESS": frozenset(),
}

# Set when the job is made, never changed.
CONSTANT_JOB_MEMBERS = ("arn", "type", "initiatedBy", "creationDateTime")
