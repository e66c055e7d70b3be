"""Another team's DAGs: one has far more work than Airflow has slots, the other fails. Copied beside those of plans."""

from __future__ import annotations

import time

from airflow.sdk import DAG, task

#: More than `[core] parallelism` of the test, for longer than the test.
TASKS, SECONDS = 64, 3600

with DAG("other_team", schedule=None, max_active_tasks=TASKS):
    # Of all tasks that wait, those with the highest weight go first.
    @task(priority_weight=10_000)
    def work(number: int) -> None:
        """Take a worker's slot."""
        time.sleep(SECONDS)

    work.expand(number=list(range(TASKS)))

with DAG("other_team_fails", schedule=None):

    @task(retries=0)
    def fail() -> None:
        """Fail, as other people's tasks do."""
        raise RuntimeError("the other team's own problem")

    fail()
