"""Doing what an act says, through Airflow's REST API as the caller: with the code of the command line's verbs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from drs_provider.acts import pausing
from drs_provider.acts.answering import SKIP_WAVE, STEP_ANSWERS, VERDICTS, answer, nothing_asked, said
from drs_provider.acts.cancelling import cancel_run
from drs_provider.acts.extending import extend_hold
from drs_provider.acts.retrying import cleanup_only, clear, plan_retry
from drs_provider.acts.starting import begin
from drs_provider.airflow_rest.client import Api
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.airflow_rest.texts import wave_number
from drs_provider.plan.problems import did_you_mean
from drs_provider.snapshot.model import Question
from drs_provider.web.act_list import asked_by
from drs_provider.web.looks import Look, forget, look_alone
from drs_provider.web.rights import NEEDED, Rights

Given = Mapping[str, Any]
#: How long an answer is waited for: people look at a button meanwhile, and the page shows what comes of it
_PATIENCE_SECONDS: Final = 15.0
_LONGEST_TEXT: Final = 8_000


class FieldError(RefusedError):
    """What was given in a field is refused.

    :param field: its name
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message, "", ExitCode.REFUSED_INPUT)
        self.field = field


def act(api: Api, dag_id: str, run_id: str, name: str, given: Given, rights: Rights) -> dict[str, Any]:
    """Do something to an execution, and tell what was done.

    :raises RefusedError: if it cannot be done, or the caller may not
    """
    check_right(name, rights)
    if name not in _ACTS:
        raise RefusedError(f"there is no act {name}", did_you_mean(name, _ACTS), ExitCode.NOT_FOUND)
    seen = look_alone(api, dag_id, run_id)
    try:
        return {"done": _ACTS[name](seen, given, name), "runId": run_id}
    finally:
        forget(dag_id, run_id)


def start(api: Api, plan: str, given: Given, rights: Rights) -> dict[str, Any]:
    """Start an execution of a plan, and tell its run.

    :raises RefusedError: if the plan cannot start now, or the caller may not
    """
    check_right("start", rights)
    execution = begin(api, plan, given)
    return {"done": f"started {execution.name}", "runId": execution.run_id}


def check_right(name: str, rights: Rights) -> None:
    """Refuse what Airflow would refuse the caller.

    :raises RefusedError: if so
    """
    if name in NEEDED and (why := rights.why_not(name)):
        raise RefusedError(why, "", ExitCode.NOT_ALLOWED)


def _text(given: Given, name: str, *, required: bool = False) -> str:
    value = given.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise FieldError(name, "give a text" if not isinstance(value, str) else "the text is too long")
    if required and not value.strip():
        raise FieldError(name, "this is needed")
    return value


def _inputs(given: Given, *names: str) -> dict[str, str]:
    return {name: text for name in names if (text := _text(given, name).strip())}


def _question(seen: Look, given: Given, name: str) -> Question:
    asked = asked_by(seen, name)
    if not asked:
        raise nothing_asked(seen.execution, "does not ask that")
    task_id = _text(given, "question", required=len(asked) > 1)
    found = [each for each in asked if task_id in ("", each.task_id)]
    if not found:
        raise nothing_asked(seen.execution, "does not ask that")
    return found[0]


def _answer(seen: Look, given: Given, name: str) -> str:
    question = _question(seen, given, name)
    option = SKIP_WAVE if name == "skip_wave" else _text(given, "answer", required=True)
    option = STEP_ANSWERS.get(option, option)
    if option not in question.options:
        raise FieldError("answer", f"answer {' or '.join(question.options)}")
    return _answered(seen, question, option, _inputs(given, "comment", "ticket"))


def _judge(seen: Look, given: Given, name: str) -> str:
    result = _text(given, "result", required=True)
    if result not in VERDICTS:
        raise FieldError("result", f"give {' or '.join(VERDICTS)}")
    return _answered(seen, _question(seen, given, name), VERDICTS[result], _inputs(given, "notes"))


def _answered(seen: Look, question: Question, option: str, inputs: Mapping[str, str]) -> str:
    try:
        told = answer(seen.reader, question, option, inputs, patience_seconds=_PATIENCE_SECONDS)
    except RefusedError as error:
        if error.code is not ExitCode.TIMEOUT:
            raise
        return error.message  # Airflow has it; the page shows what comes of it
    return said(question, told)


def _pause(seen: Look, given: Given, _: str) -> str:
    number = wave_number(_text(given, "wave", required=True), seen.execution.waves)
    return pausing.pause(seen.execution, number, undo=given.get("undo") is True).said


def _extend(seen: Look, given: Given, _: str) -> str:
    minutes = given.get("minutes")
    if isinstance(minutes, bool) or not isinstance(minutes, int | float) or not math.isfinite(minutes):
        raise FieldError("minutes", "give a number of minutes")
    return extend_hold(seen.execution, seen.snapshot, minutes * 60).said


def _cancel(seen: Look, given: Given, _: str) -> str:
    ends = cancel_run(seen.execution, seen.snapshot, _text(given, "reason"))
    return f"cancelling {seen.execution.name}: {ends}; jobs in DRS go on to their end"


def _retry(seen: Look, given: Given, _: str) -> str:
    retry = plan_retry(seen.execution, seen.snapshot)
    clear(seen.execution, retry.task_ids)
    return f"{seen.execution.name} runs again: {', '.join(retry.labels)}, and what is behind"


def _clean_up(seen: Look, given: Given, _: str) -> str:
    cleanup = cleanup_only(seen.execution, seen.snapshot, seen.tasks)
    clear(seen.execution, cleanup.task_ids)
    return f"{seen.execution.name} cleans up again"


_ACTS: Final[Mapping[str, Callable[[Look, Given, str], str]]] = {
    "answer_gate": _answer,
    "skip_wave": _answer,
    "answer_step": _answer,
    "drill_result": _judge,
    "pause_before": _pause,
    "extend_hold": _extend,
    "cancel": _cancel,
    "retry": _retry,
    "clean_up": _clean_up,
}
