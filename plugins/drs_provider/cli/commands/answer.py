"""The verbs that answer what an execution asks: approve, reject, skip, verdict, answer-step."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from drs_provider import keys
from drs_provider.airflow_rest.client import Api, ApiError
from drs_provider.airflow_rest.executions import Execution
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.airflow_rest.texts import command, epoch, one_line, wave_number
from drs_provider.cli.airflow_api.login import login_of
from drs_provider.cli.display.output import Output
from drs_provider.core.task_states import TASK_OVER
from drs_provider.snapshot.model import Question
from drs_provider.snapshot.reader import Reader

# The options' names are what the gates offer; a test holds them against the sensors.
APPROVE, REJECT, SKIP_WAVE = "Approve", "Reject", "Skip wave"
VERDICTS = {"passed": "Passed", "failed": "Failed"}
STEP_ANSWERS = {"retry": "Retry", "accept": "Accept", "fail": "Fail", "confirm": "Confirm"}

# An answer in the moment in which a task begins to wait makes Airflow's scheduler take it for a task that was
# killed: it counts, but later.
_SETTLING_SECONDS = 2.0
_OUTCOME_SECONDS = 60.0
_LOOK_SECONDS = 0.5
# Airflow's API tells times to the microsecond, and a float keeps fewer.
_SAME_SECONDS = 0.001


def approve(arguments: argparse.Namespace) -> ExitCode:
    """Approve a gate."""
    return _answer_gate(arguments, APPROVE)


def reject(arguments: argparse.Namespace) -> ExitCode:
    """Reject a gate."""
    return _answer_gate(arguments, REJECT)


def skip(arguments: argparse.Namespace) -> ExitCode:
    """Leave out the wave behind a gate."""
    return _answer_gate(arguments, SKIP_WAVE)


def verdict(arguments: argparse.Namespace) -> ExitCode:
    """Judge a drill."""
    with Api(login_of(arguments)) as api:
        execution = Execution.find(api, arguments.run, running=True)
        reader = Reader(execution)
        questions = [each for each in reader.read().questions if each.task_id == keys.HOLD_DRILL]
        if not questions:
            raise _nothing_asked(execution, "holds for no verdict")
        inputs = {"notes": arguments.notes} if arguments.notes else {}
        told = _answer(reader, questions[0], VERDICTS[arguments.result], inputs)
    return _tell(Output(arguments.output), execution, questions[0], told)


def answer_step(arguments: argparse.Namespace) -> ExitCode:
    """Answer what a step asks."""
    given = {"comment": arguments.comment, "ticket": arguments.ticket}
    inputs = {name: text for name, text in given.items() if text}
    with Api(login_of(arguments)) as api:
        execution = Execution.find(api, arguments.run, running=True)
        reader = Reader(execution)
        asking = [each for each in reader.read().questions if each.step_name]
        question = _chosen_step(execution, asking, arguments)
        option = STEP_ANSWERS[arguments.answer]
        if option not in question.options:
            words = " or ".join(option.lower() for option in question.options)
            raise RefusedError(
                f"{question.label} does not ask that", f"answer {words}", ExitCode.REFUSED_INPUT
            )
        told = _answer(reader, question, option, inputs)
    return _tell(Output(arguments.output), execution, question, told)


def _chosen_step(execution: Execution, asking: Sequence[Question], arguments: argparse.Namespace) -> Question:
    number = None if arguments.wave is None else wave_number(arguments.wave, execution.waves)
    found = [
        each
        for each in asking
        if arguments.step in (None, each.step_name) and number in (None, each.wave_number)
    ]
    if not found:
        raise _nothing_asked(execution, "has no such step that asks")
    if len(found) > 1:
        names = ", ".join(each.label for each in found)
        message = f"several steps of {execution.name} ask: {names}"
        raise RefusedError(message, "say which with --step and --wave", ExitCode.REFUSED_INPUT)
    return found[0]


def _answer_gate(arguments: argparse.Namespace, option: str) -> ExitCode:
    given = {"comment": arguments.comment, "ticket": arguments.ticket}
    inputs = {name: text for name, text in given.items() if text}
    with Api(login_of(arguments)) as api:
        execution = Execution.find(api, arguments.run, running=True)
        reader = Reader(execution)
        gates = [each for each in reader.read().questions if each.is_gate]
        gate = _chosen(execution, gates, arguments.wave)
        told = _answer(reader, gate, option, inputs)
    return _tell(Output(arguments.output), execution, gate, told)


def _chosen(execution: Execution, gates: Sequence[Question], word: str | None) -> Question:
    if word is not None:
        number = wave_number(word, execution.waves)
        found = [gate for gate in gates if gate.wave_number == number]
        if not found:
            raise _nothing_asked(
                execution, f"has no open gate before wave {number} {execution.waves[number]}"
            )
        return found[0]
    if not gates:
        raise _nothing_asked(execution, "has no open gate")
    if len(gates) > 1:
        names = ", ".join(gate.wave_name for gate in gates)
        message = f"several gates of {execution.name} are open"
        raise RefusedError(message, f"say which with --wave: {names}", ExitCode.REFUSED_INPUT)
    return gates[0]


def _nothing_asked(execution: Execution, what: str) -> RefusedError:
    remedy = f"see: {command('status', execution.name)}"
    return RefusedError(f"{execution.name} {what}, or it was answered already", remedy, ExitCode.CONFLICT)


def _answer(reader: Reader, question: Question, option: str, inputs: Mapping[str, str]) -> dict[str, Any]:
    """Answer, and return what was decided.

    :raises RefusedError: if the user may not, somebody was quicker, the answer does not count, or that is not known yet
    """
    age = time.time() - question.opened_at
    if 0 <= age < _SETTLING_SECONDS:
        time.sleep(_SETTLING_SECONDS - age)
    execution = reader.execution
    try:
        answer = execution.answer(question.task_id, option, inputs)
    except ApiError as error:
        raise _explained(error, question) from error
    given = Given(
        answer["responded_by"]["id"], answer["responded_by"]["name"], epoch(answer["responded_at"]) or 0.0
    )
    state = _outcome(reader, question, given)
    if state == "unknown":
        message = (
            f"Airflow has the answer of {given.login} to {question.label}, which has not acted on it yet"
        )
        raise RefusedError(message, f"see: {command('status', execution.name)}", ExitCode.TIMEOUT)
    return {
        "option": option,
        "respondedBy": given.login,
        "respondedAt": answer["responded_at"],
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


def _explained(error: ApiError, question: Question) -> RefusedError:
    if error.status == httpx.codes.FORBIDDEN:
        message = f"you may not answer {question.label}"
        return RefusedError(message, f"who may: {question.who}", ExitCode.NOT_ALLOWED)
    if error.status == httpx.codes.CONFLICT:
        message = f"{question.label} was answered already, or its time is over"
        return RefusedError(message, "see: status", ExitCode.CONFLICT)
    if error.status == httpx.codes.NOT_FOUND:
        return RefusedError(f"{question.label} is not open any more", "see: status", ExitCode.CONFLICT)
    return error


def _outcome(reader: Reader, question: Question, given: Given) -> str:
    """Wait until the gate has dealt with the answer, and return what it made of it.

    Airflow accepts an answer before anybody has looked whether it counts.

    :raises RefusedError: if it does not count
    """
    deadline = time.monotonic() + _OUTCOME_SECONDS
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


def _tell(output: Output, execution: Execution, question: Question, told: Mapping[str, Any]) -> ExitCode:
    data = {
        "planId": execution.plan,
        "dagRunId": execution.run_id,
        "taskId": question.task_id,
        "waveNumber": question.wave_number or None,
        **told,
    }
    said = f"{told['respondedBy']} answered {question.label}: {told['option']}{_TEXTS[told['state']]}"
    output.result(data, one_line(said), f"follow: {command('watch', execution.name)}")
    return ExitCode.OK
