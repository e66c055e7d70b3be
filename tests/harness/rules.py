"""When Airflow's scheduler lets a task run, and what colour it gives a run.

The same conditions as in Airflow's ``TriggerRuleDep`` and ``DagRun.update_state``, for unmapped tasks and for the
trigger rules that this provider's DAGs use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

READY = "ready"
FINISHED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
FAILED = frozenset({"failed", "upstream_failed"})


def verdict(task: Any, states: Mapping[str, str | None]) -> str | None:
    """Return READY, the state that the task gets without running, or None if it must wait."""
    counts = Counter(states[upstream] for upstream in task.upstream_task_ids)
    total = len(task.upstream_task_ids)
    failed = counts["failed"] + counts["upstream_failed"]
    rule = str(getattr(task.trigger_rule, "value", task.trigger_rule))
    if rule == "all_success":
        if failed:
            return "upstream_failed"
        if counts["skipped"]:
            return "skipped"
        return READY if counts["success"] == total else None
    if rule == "none_failed":
        if failed:
            return "upstream_failed"
        return READY if counts["success"] + counts["skipped"] == total else None
    if rule == "all_done_min_one_success":
        if counts["skipped"]:
            return "skipped"
        done = counts["success"] + failed + counts["removed"] == total
        return (READY if counts["success"] else "upstream_failed") if done else None
    if rule == "all_done_setup_success":  # of a teardown; there are no setups in our DAGs
        return READY if sum(counts[state] for state in FINISHED) == total else None
    raise ValueError(f"{task.task_id}: the harness knows no trigger rule {rule}")


def colour(dag: Any, states: Mapping[str, str | None]) -> str:
    """Return the state of a run whose tasks are all finished."""

    def counts_as_leaf(task: Any) -> bool:
        for down_id in task.downstream_task_ids:
            down = dag.get_task(down_id)
            if not down.is_teardown or down.on_failure_fail_dagrun:
                return False
        return not task.is_teardown or task.on_failure_fail_dagrun

    leaves = [states[task.task_id] for task in dag.tasks if counts_as_leaf(task)]
    if any(state in FAILED for state in leaves):
        return "failed"
    assert all(state in ("success", "skipped") for state in leaves), leaves
    return "success"
