"""A building block's view of what it does in a run: who it is, what it keeps, what it tells."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from drs_provider import settings
from drs_provider.airflow_api.run import RunFacts, RunView, map_index_of
from drs_provider.airflow_api.state_store import TaskState
from drs_provider.core.identity import block_execution_id
from drs_provider.runtime.execution import AwsAccess


@dataclass(frozen=True)
class Block:
    """The running task of a building block.

    What it keeps is in its own task's state store, which survives retries and clears, and is not signed: blocks need no
    key. Whoever may edit a run could change it; but what they start is what the DAG's code says (compared at each try),
    jobs are known by their tags as well, and DRS refuses a second job for a server that is in one.
    """

    context: Mapping[str, Any]
    run: RunFacts
    view: RunView
    state: TaskState

    @classmethod
    def of(cls, context: Mapping[str, Any]) -> Block:
        """Open it.

        :raises DrsFailError: if Airflow has no task state store
        """
        return cls(context, RunFacts.of(context), RunView(context), TaskState(context))

    @property
    def map_index(self) -> int:
        """Index of a mapped task's instance, -1 of any other."""
        return map_index_of(self.context["ti"])

    @property
    def execution_id(self) -> str:
        """What its jobs bear: the same for its retries and clears, and for nothing else."""
        return self.execution_id_of(self.view.task_id, self.map_index)

    def execution_id_of(self, task_id: str, map_index: int) -> str:
        """Return the same of a task instance of this run.

        :param map_index: -1 if it is not mapped
        """
        run = self.run
        return block_execution_id(
            settings.get("deployment_id"), run.dag_id, run.run_id, run.run_after, task_id, map_index
        )

    def instances_of(self, task_ids: Iterable[str]) -> list[tuple[str, int]]:
        """Return the instances of tasks in this run, as id and map index."""
        states = self.view.task_states()
        found = []
        for task_id in task_ids:
            mapped = re.compile(rf"{re.escape(task_id)}_([0-9]+)")
            indexes = [int(match[1]) for key in states if (match := mapped.fullmatch(key))]
            found += [(task_id, index) for index in (-1, *indexes)]
        return found

    @property
    def name(self) -> str:
        """What it is called: its DAG and task."""
        index = f"[{self.map_index}]" if self.map_index >= 0 else ""
        return f"{self.run.dag_id}.{self.view.task_id}{index}"

    @property
    def aws(self) -> AwsAccess:
        """AWS calls, under its session name."""
        return AwsAccess(self.execution_id)

    @property
    def attempt(self) -> int:
        """1-based; grows with each clear of the run."""
        return self.run.attempt

    @property
    def started_by_a_person(self) -> bool:
        """Whether somebody is known to have started the run, or the run that triggered it."""
        by_people = self.run.run_type in ("manual", "operator_triggered")
        return by_people and self.run.triggered_by is not None

    def now(self) -> float:
        """Return the time, in epoch seconds."""
        return time.time()
