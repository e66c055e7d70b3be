"""Answering what an execution asks: Airflow takes an answer before anybody has looked whether it counts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from drs_provider import keys
from drs_provider.airflow_rest.client import ApiError
from drs_provider.airflow_rest.executions import Execution
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.airflow_rest.texts import command, epoch, one_line
from drs_provider.core.task_states import TASK_OVER
from drs_provider.snapshot.model import Question
from drs_provider.snapshot.reader import Reader

# The options' names are what the gates offer; a test holds them against the sensors.
APPROVE, REJECT, SKIP_WAVE, EMERGENCY = "Approve", "Reject", "Skip wave", "Approve in emergency"
VERDICTS: Final = {"passed": "Passed", "failed": "Failed"}
STEP_ANSWERS: Final = {"retry": "Retry", "accept": "Accept", "fail": "Fail", "confirm": "Confirm"}

# An answer in the moment in which a task begins to wait makes Airflow's scheduler take it for a task that was
# killed: it counts, but later.
_SETTLING_SECONDS = 2.0
OUTCOME_SECONDS: Final = 60.0
_LOOK_SECONDS = 0.5
# Airflow's API tells times to the microsecond, and a float keeps fewer.
_SAME_SECONDS = 0.001


def nothing_asked(execution: Execution, what: str) -> RefusedError:
    """Return the refusal of an answer that nobody asks for (any more)."""
    remedy = f"see: {command('status', execution.name)}"
    return RefusedError(f"{execution.name} {what}, or it was answered already", remedy, ExitCode.CONFLICT)


def answer(
    reader: Reader,
    question: Question,
    option: str,
    inputs: Mapping[str, str],
    *,
    patience_seconds: float | None = None,
) -> dict[str, Any]:
    """Answer, and return what was decided: option, who, when, and whether that decided it.

    :param patience_seconds: how long to wait for what the gate makes of it; None: as long as the command line does
    :raises RefusedError: if the user may not, somebody was quicker, the answer does not count, or that is not known yet
    """
    age = time.time() - question.opened_at
    if 0 <= age < _SETTLING_SECONDS:
        time.sleep(_SETTLING_SECONDS - age)
    execution = reader.execution
    try:
        taken = execution.answer(question.task_id, option, inputs)
    except ApiError as error:
        raise _explained(error, execution, question) from error
    by = taken["responded_by"]
    given = Given(by["id"], by["name"], epoch(taken["responded_at"]) or 0.0)
    state = _outcome(reader, question, given, patience_seconds)
    if state == "unknown":
        message = (
            f"Airflow has the answer of {given.login} to {question.label}, which has not acted on it yet"
        )
        raise RefusedError(message, f"see: {command('status', execution.name)}", ExitCode.TIMEOUT)
    return {
        "option": option,
        "respondedBy": given.login,
        "respondedAt": taken["responded_at"],
        "state": state,
    }


@dataclass(frozen=True)
class Given:
    """An answer that Airflow took.

    :param at: epoch seconds
    """

    user_id: str
    login: str
    at: float

    def is_one_of(self, row: Mapping[str, Any]) -> bool:
        """Whether a gate's row about an answer is about this one."""
        return row.get("respondedById") == self.user_id and abs(row["respondedAt"] - self.at) < _SAME_SECONDS


def _explained(error: ApiError, execution: Execution, question: Question) -> RefusedError:
    if error.status == httpx.codes.FORBIDDEN:
        message = f"you may not answer {question.label}"
        return RefusedError(message, f"who may: {question.who}", ExitCode.NOT_ALLOWED)
    if error.status == httpx.codes.CONFLICT:
        return RefusedError(_faster(execution, question), "see: status", ExitCode.CONFLICT)
    if error.status == httpx.codes.NOT_FOUND:
        return RefusedError(f"{question.label} is not open any more", "see: status", ExitCode.CONFLICT)
    return error


def _faster(execution: Execution, question: Question) -> str:
    """Return who answered a question before; nobody did if its time was over."""
    detail = execution.question_of(question.task_id) or {}
    by, chosen = detail.get("responded_by_user"), detail.get("chosen_options")
    if not by or not chosen:
        return f"{question.label} was answered already, or its time is over"
    return one_line(f"{question.label} was answered already: {', '.join(chosen)} by {by['name']}")


def _outcome(reader: Reader, question: Question, given: Given, patience_seconds: float | None) -> str:
    """Wait until the gate has dealt with the answer, and return what it made of it.

    Airflow accepts an answer before anybody has looked whether it counts.

    :raises RefusedError: if it does not count
    """
    deadline = time.monotonic() + (OUTCOME_SECONDS if patience_seconds is None else patience_seconds)
    while True:
        state = reader.execution.tasks().get(question.task_id, {}).get("state")
        told = (reader.execution.xcom(question.task_id, keys.GATE_ANSWERS) or {}).get("responses", [])
        own = next((row for row in told if given.is_one_of(row)), None)
        if own is not None and "refused" in own:
            raise _does_not_count(question, given.login, own["refused"])
        if own is not None and question.step_name:
            return "decided"  # one answer decides; the step's task may go on for long
        if state in TASK_OVER:
            if own is None:
                raise _overtaken(question, given.login, told)
            return "decided"
        if own is not None and keys.waits_for_people(question.task_id, state):
            return "asked_again"
        if time.monotonic() >= deadline:
            return "unknown"
        time.sleep(_LOOK_SECONDS)


def _does_not_count(question: Question, login: str, reason: str) -> RefusedError:
    message = f"the answer of {login} to {question.label} does not count: {one_line(reason)}"
    return RefusedError(message, f"it waits for {question.who}", ExitCode.NOT_ALLOWED)


def _overtaken(question: Question, login: str, told: Sequence[Mapping[str, Any]]) -> RefusedError:
    """Airflow may take two answers that come at the same moment; only one of them reaches the gate."""
    counted = [f"{row['decision']} by {row['respondedBy']}" for row in told if "refused" not in row]
    decided = one_line(", ".join(counted)) or "it ended without an answer"
    message = f"the answer of {login} to {question.label} came too late: {decided}"
    return RefusedError(message, "see: status", ExitCode.CONFLICT)


_TEXTS = {"decided": "", "asked_again": "; a second person must approve as well"}


def said(question: Question, told: Mapping[str, Any]) -> str:
    """Return what was done, for people."""
    return one_line(
        f"{told['respondedBy']} answered {question.label}: {told['option']}{_TEXTS[told['state']]}"
    )
