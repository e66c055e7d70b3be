"""Airflow's states of tasks and of runs, by what follows from them; None is a task that is not scheduled yet.

Source: ``airflow.utils.state`` of Airflow 3.3. A contract test holds each state to its classes, so that one that
Airflow adds is noticed.
"""

from __future__ import annotations

from typing import Final

#: States that a task stays in unless somebody clears it. ``removed``: it is not in the DAG any more.
TASK_OVER: Final[frozenset[str | None]] = frozenset(
    {"success", "failed", "skipped", "upstream_failed", "removed"}
)
#: States of a task that Airflow goes on with by itself.
TASK_ACTIVE: Final[frozenset[str | None]] = frozenset(
    {
        "awaiting_input",
        "deferred",
        "queued",
        "restarting",
        "running",
        "scheduled",
        "up_for_reschedule",
        "up_for_retry",
    }
)
#: States in which a worker, or the triggerer, has the task.
TASK_AT_WORK: Final[frozenset[str | None]] = frozenset({"running", "deferred"})
#: States of a task that is on its way to a worker: for the first time, or back from the triggerer.
TASK_BEFORE_WORKER: Final[frozenset[str | None]] = frozenset({"scheduled", "queued"})
#: States of a task that has not begun since it was cleared. Airflow deletes XComs only when a task begins, so what such
#: a task told is of an earlier attempt. Not ``removed``: Airflow gives that state to a task whatever it has done.
TASK_NOT_BEGUN: Final[frozenset[str | None]] = TASK_BEFORE_WORKER | {None, "skipped", "upstream_failed"}

#: States of a run that does nothing more unless somebody clears it.
RUN_OVER: Final[frozenset[str | None]] = frozenset({"success", "failed"})
