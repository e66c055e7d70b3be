"""Giving people more time to test a drill that holds before its cleanup."""

from __future__ import annotations

from dataclasses import dataclass

from drs_provider import keys
from drs_provider.airflow_rest.executions import Execution
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.core.times import format_duration, format_time
from drs_provider.snapshot.model import ExecutionSnapshot, Question


@dataclass(frozen=True)
class Extended:
    """What became of it.

    :param until: epoch seconds until which the drill holds
    """

    said: str
    until: float


def holding(execution: Execution, snapshot: ExecutionSnapshot) -> Question:
    """Return the question of a drill that holds.

    :raises RefusedError: if it does not, or not yet
    """
    for question in snapshot.questions:
        if question.task_id == keys.HOLD_DRILL:
            return question
    raise RefusedError(f"{execution.name} holds for no verdict", "", ExitCode.CONFLICT)


def most_seconds(execution: Execution, question: Question) -> float:
    """Return how much longer a drill may be held: its maximum age counts from its start, whatever people want."""
    header = execution.header or {}
    oldest = float(header.get("started_at", 0.0) + header.get("max_age_seconds", 0))
    return max(0.0, oldest - (question.deadline or oldest))


def extend_hold(execution: Execution, snapshot: ExecutionSnapshot, seconds: float) -> Extended:
    """Let a drill hold longer than it would.

    :param seconds: how much longer
    :raises RefusedError: if it does not hold, that is too long, or Airflow refuses it
    """
    question = holding(execution, snapshot)
    most = most_seconds(execution, question)
    if question.deadline is None or not 0 < seconds <= most:
        message = f"{execution.name} cannot hold {format_duration(seconds)} longer"
        remedy = f"at most {format_duration(most)}: then it has its maximum age"
        raise RefusedError(message, remedy, ExitCode.REFUSED_INPUT)
    until = question.deadline + seconds
    execution.write_xcom(keys.PREPARE, keys.HOLD_UNTIL, until)
    return Extended(f"{execution.name} holds until {format_time(until)}", until)
