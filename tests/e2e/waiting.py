"""Waiting for what a real Airflow does in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable

from drs_provider import keys
from embedded.stack import Stack


def until(stack: Stack, condition: Callable[[], bool], what: str, *, seconds: float = 180) -> None:
    """Wait until something holds; fail at once if a process of the stack has ended."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, what
        stack.processes.check()
        time.sleep(0.3)


def until_asked(stack: Stack, dag_id: str, run_id: str, task_id: str) -> None:
    """Wait until a task asks people."""
    with stack.api("dr-operator") as api:

        def asks() -> bool:
            waiting = [question["task_instance"] for question in api.waiting_questions(dag_id, run_id)]
            return any(
                each["task_id"] == task_id and keys.waits_for_people(task_id, each["state"])
                for each in waiting
            )

        until(stack, asks, f"{task_id} of {run_id} asks")
