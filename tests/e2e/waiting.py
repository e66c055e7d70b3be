"""Waiting for what a real Airflow does in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable

from drs_provider.airflow_rest.executions import Execution
from embedded.stack import Stack


def until(stack: Stack, condition: Callable[[], bool], what: str, *, seconds: float = 180) -> None:
    """Wait until something holds; fail at once if a process of the stack has ended."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, what
        stack.processes.check()
        time.sleep(0.3)


def parse(stack: Stack) -> None:
    """Have the stack's own DAG files parsed anew, as after an edit of each."""
    for file in stack.dags.glob("*.py"):
        file.touch()


def ended(stack: Stack, execution: Execution, *, seconds: float = 180) -> Execution:
    """Wait until a run has ended, and return it."""
    until(stack, lambda: execution.refresh().ended, f"{execution.name} ends", seconds=seconds)
    return execution


def until_asked(stack: Stack, dag_id: str, run_id: str, task_id: str) -> None:
    """Wait until a task asks people."""
    with stack.api("dr-operator") as api:

        def asks() -> bool:
            asked = Execution.of(api, dag_id, run_id).questions()
            return any(question["task_instance"]["task_id"] == task_id for question in asked)

        until(stack, asks, f"{task_id} of {run_id} asks")
