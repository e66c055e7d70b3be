"""The verbs that answer what an execution asks: approve, reject, skip, verdict, answer-step."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from drs_provider import keys
from drs_provider.acts.answering import (
    APPROVE,
    EMERGENCY,
    REJECT,
    SKIP_WAVE,
    STEP_ANSWERS,
    VERDICTS,
    answer,
    nothing_asked,
    said,
)
from drs_provider.airflow_rest.client import Api
from drs_provider.airflow_rest.executions import Execution
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.airflow_rest.texts import command, wave_number
from drs_provider.cli.airflow_api.login import login_of
from drs_provider.cli.display.output import Output
from drs_provider.snapshot.model import Question
from drs_provider.snapshot.reader import Reader


def approve(arguments: argparse.Namespace) -> ExitCode:
    """Approve a gate, in an emergency alone."""
    if not arguments.emergency:
        return _answer_gate(arguments, APPROVE)
    if not arguments.comment:
        message = "an approval in an emergency needs a reason, which every record of the execution shows"
        raise RefusedError(message, "give it with --comment", ExitCode.REFUSED_INPUT)
    return _answer_gate(arguments, EMERGENCY)


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
            raise nothing_asked(execution, "holds for no verdict")
        inputs = {"notes": arguments.notes} if arguments.notes else {}
        told = answer(reader, questions[0], VERDICTS[arguments.result], inputs)
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
        told = answer(reader, question, option, inputs)
    return _tell(Output(arguments.output), execution, question, told)


def _chosen_step(execution: Execution, asking: Sequence[Question], arguments: argparse.Namespace) -> Question:
    number = None if arguments.wave is None else wave_number(arguments.wave, execution.waves)
    found = [
        each
        for each in asking
        if arguments.step in (None, each.step_name) and number in (None, each.wave_number)
    ]
    if not found:
        raise nothing_asked(execution, "has no such step that asks")
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
        if option not in gate.options:
            message = f"{gate.label} takes no approval in an emergency: its plan names no emergency_approvers"
            raise RefusedError(message, f"it waits for {gate.who}", ExitCode.REFUSED_INPUT)
        told = answer(reader, gate, option, inputs)
    return _tell(Output(arguments.output), execution, gate, told)


def _chosen(execution: Execution, gates: Sequence[Question], word: str | None) -> Question:
    if word is not None:
        number = wave_number(word, execution.waves)
        found = [gate for gate in gates if gate.wave_number == number]
        if not found:
            raise nothing_asked(execution, f"has no open gate before wave {number} {execution.waves[number]}")
        return found[0]
    if not gates:
        raise nothing_asked(execution, "has no open gate")
    if len(gates) > 1:
        names = ", ".join(gate.wave_name for gate in gates)
        message = f"several gates of {execution.name} are open"
        raise RefusedError(message, f"say which with --wave: {names}", ExitCode.REFUSED_INPUT)
    return gates[0]


def _tell(output: Output, execution: Execution, question: Question, told: Mapping[str, Any]) -> ExitCode:
    data = {
        "planId": execution.plan,
        "dagRunId": execution.run_id,
        "taskId": question.task_id,
        "waveNumber": question.wave_number or None,
        **told,
    }
    output.result(data, said(question, told), f"follow: {command('watch', execution.name)}")
    return ExitCode.OK
