"""Which acts an execution, or a plan, admits now: what each will do, what it does not stop, and why one is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from drs_provider.acts.answering import EMERGENCY, SKIP_WAVE
from drs_provider.acts.cancelling import instances_after
from drs_provider.acts.extending import most_seconds
from drs_provider.acts.pausing import check_pausable
from drs_provider.acts.retrying import cleanup_only, plan_retry
from drs_provider.airflow_rest.refused import RefusedError
from drs_provider.core.times import format_duration
from drs_provider.snapshot.model import Question
from drs_provider.web.forms import Act, Field, start_fields
from drs_provider.web.looks import Look
from drs_provider.web.rights import Rights

_JOBS_GO_ON: Final = "Jobs that run in DRS go on to their end: DRS cannot cancel them."
_LEAST_MINUTES: Final = 1
_IN_EMERGENCY: Final = (
    f" {EMERGENCY}: for emergency approvers, alone and with a comment; it is marked in all evidence."
)
_COMMENT: Final = (
    Field("comment", "Comment", "longtext", help="Kept with the answer, in the record and the report"),
    Field("ticket", "Ticket", help="Number of the change or incident"),
)


def answering_act(question: Question) -> str:
    """Return the act that answers a question."""
    if question.step_name:
        return "answer_step"
    return "answer_gate" if question.is_gate else "drill_result"


def execution_acts(seen: Look, rights: Rights) -> list[Act]:
    """Return the acts on an execution, in the order in which people need them."""
    return [
        *_answers(seen, rights),
        _pause(seen, rights),
        _retry(seen, rights),
        _clean_up(seen, rights),
        _cancel(seen, rights),
    ]


def start_act(
    plan: str,
    params: Mapping[str, Mapping[str, Any]],
    rights: Rights,
    initiators: Sequence[str],
    broken: str | None,
) -> Act:
    """Return the act that starts an execution of a plan.

    :param params: those of its DAG
    :param initiators: who may start a RECOVERY; empty: whoever may trigger the DAG
    :param broken: why nothing of the plan starts
    """
    text = (
        f"A DRILL launches test instances of {plan} beside the running servers, and removes them at its end. A "
        "RECOVERY is the failover itself."
    )
    if initiators and rights.login not in initiators:
        text += f" A RECOVERY is for {', '.join(initiators)} only: it will refuse you."
    return Act(
        "start",
        "Start a drill or a recovery",
        text,
        "Executions of other plans, and other jobs in DRS, go on.",
        rights.why_not("start") or (broken or ""),
        danger=True,
        fields=start_fields(params),
    )


def _answers(seen: Look, rights: Rights) -> Iterator[Act]:
    """Yield an act for each kind of question that is open."""
    asked = seen.snapshot.questions
    gates = [each for each in asked if each.is_gate]
    if gates:
        yield _answer_gate(seen, gates, rights)
        yield _skip(gates, rights)
    for question in asked:
        if answering_act(question) == "drill_result":
            yield _verdict(seen, question, rights)
            yield _extend(seen, question, rights)
    if steps := [each for each in asked if each.step_name]:
        yield _answer_step(steps, rights)


def _who(questions: Sequence[Question], rights: Rights, act: str) -> str:
    """Return why the caller may not answer any of these, or an empty text."""
    if why := rights.why_not(act):
        return why
    if any(not each.approvers or rights.login in each.may_answer for each in questions):
        return ""
    return f"who may: {'; '.join(dict.fromkeys(each.who for each in questions))}"


def _which(questions: Sequence[Question]) -> list[Field]:
    if len(questions) == 1:
        return []
    labels = {each.task_id: each.label for each in questions}
    return [Field("question", "Which", "choice", required=True, choices=labels)]


def _answer_gate(seen: Look, gates: Sequence[Question], rights: Rights) -> Act:
    options = list(dict.fromkeys(option for gate in gates for option in gate.options if option != SKIP_WAVE))
    names = ", ".join(f"wave {gate.wave_number} {gate.wave_name}" for gate in gates)
    return Act(
        "answer_gate",
        f"Answer the {gates[0].label}" if len(gates) == 1 else "Answer a gate",
        f"Approve: {names} starts, and launches its servers. Reject: the execution is CANCELLED; "
        f"{instances_after(seen.execution, seen.snapshot)}."
        + (_IN_EMERGENCY if EMERGENCY in options else ""),
        _JOBS_GO_ON,
        _who(gates, rights, "answer_gate"),
        danger=True,
        fields=[
            *_which(gates),
            Field("answer", "Answer", "choice", required=True, choices=options),
            *_COMMENT,
        ],
    )


def _skip(gates: Sequence[Question], rights: Rights) -> Act:
    skippable = [gate for gate in gates if SKIP_WAVE in gate.options]
    names = ", ".join(f"wave {gate.wave_number} {gate.wave_name}" for gate in skippable)
    why = (
        _who(skippable, rights, "skip_wave") if skippable else "no wave that may be skipped waits at its gate"
    )
    return Act(
        "skip_wave",
        "Skip the wave",
        f"The servers of {names} are not launched; waves behind it go on as if it were done.",
        "Other waves, and jobs in DRS, go on.",
        why,
        danger=True,
        fields=[*_which(skippable), *_COMMENT],
    )


def _verdict(seen: Look, question: Question, rights: Rights) -> Act:
    kept = seen.header.get("cleanup") == "keep"
    return Act(
        "drill_result",
        "Give the drill's result",
        "The drill is judged and ends: "
        + ("its instances are kept." if kept else "its cleanup terminates the instances that it launched."),
        "Nothing can be tested afterwards: the cleanup begins at once." if not kept else "",
        _who([question], rights, "drill_result"),
        fields=[
            Field(
                "result",
                "Result",
                "choice",
                required=True,
                choices={"passed": "Passed", "failed": "Failed"},
            ),
            Field("notes", "Notes", "longtext", help="What was tested, what was seen"),
        ],
    )


def _extend(seen: Look, question: Question, rights: Rights) -> Act:
    most = most_seconds(seen.execution, question)
    why = rights.why_not("extend_hold")
    if not why and most < _LEAST_MINUTES * 60:
        why = "the drill reaches its maximum age then: its cleanup cannot wait longer"
    return Act(
        "extend_hold",
        "Extend the hold",
        "The drill's cleanup waits longer for the result. Without one it begins then, as it would have before.",
        f"The drill's maximum age: at most {format_duration(most)} more.",
        why,
        fields=[
            Field("minutes", "Minutes", "number", help="How much longer", required=True, default=60),
        ],
    )


def _answer_step(steps: Sequence[Question], rights: Rights) -> Act:
    options = list(dict.fromkeys(option for step in steps for option in step.options))
    return Act(
        "answer_step",
        f"Answer {steps[0].label}" if len(steps) == 1 else "Answer a step",
        "Retry: the step runs again. Accept: its failure is accepted, with your comment; the execution ends PARTIAL at "
        "best. Fail: the wave, or the execution, fails by it. Confirm: it is in order.",
        _JOBS_GO_ON,
        _who(steps, rights, "answer_step"),
        fields=[
            *_which(steps),
            Field("answer", "Answer", "choice", required=True, choices=options),
            *_COMMENT,
        ],
    )


def _pause(seen: Look, rights: Rights) -> Act:
    pausable: dict[str, str] = {}
    why = "no wave is left before which it could wait"
    for number, name in seen.execution.waves.items():
        try:
            check_pausable(seen.execution, seen.tasks, number, f"wave {number} {name}")
        except RefusedError as error:
            why = why if pausable else error.message
        else:
            pausable[name] = f"before wave {number} {name}"
    return Act(
        "pause_before",
        "Pause before a wave",
        "The execution waits for an approval before that wave. Taken back, it goes on as the plan says.",
        "Waves that run go on, and so do jobs in DRS.",
        rights.why_not("pause_before") or ("" if pausable else why),
        fields=[
            Field("wave", "Wave", "choice", required=True, choices=pausable),
            Field("undo", "Take a pause back", "boolean", default=False),
        ],
    )


def _retry(seen: Look, rights: Rights) -> Act:
    label, text, why = "Retry what failed", "", rights.why_not("retry")
    failed = [wave for wave in seen.snapshot.waves if str(wave.status) in ("FAILED", "CANCELLED")]
    if not why and not seen.snapshot.ended and not failed:
        why = "it runs, and no wave of it has failed"
    if not why:
        try:
            retry = plan_retry(seen.execution, seen.snapshot, tasks=seen.tasks)
        except RefusedError as error:
            why = f"{error.message}; {error.remedy}" if error.remedy else error.message
        else:
            text = (
                f"Runs again: {', '.join(retry.labels)}, and what is behind. Servers whose instance exists are kept, "
                "the others launched again."
            )
            text = " ".join([text, *(f"{line[0].upper()}{line[1:]}." for line in retry.explanation)])
    return Act("retry", label, text, _JOBS_GO_ON, why, danger=True)


def _clean_up(seen: Look, rights: Rights) -> Act:
    why = rights.why_not("clean_up")
    if not why:
        try:
            cleanup_only(seen.execution, seen.snapshot, seen.tasks)
        except RefusedError as error:
            why = error.message
    return Act(
        "clean_up",
        "Clean up now",
        "The drill's cleanup looks again, and terminates the instances that this drill launched and that are left.",
        "Instances that existed before the drill are never touched.",
        why,
        danger=True,
    )


def _cancel(seen: Look, rights: Rights) -> Act:
    snapshot = seen.snapshot
    ended = f"it has ended already: {snapshot.status}" if snapshot.ended else ""
    return Act(
        "cancel",
        f"Cancel the {snapshot.execution_type}",
        f"{snapshot.execution_type} {snapshot.title} is CANCELLED: no further wave starts; "
        f"{instances_after(seen.execution, snapshot)}.",
        _JOBS_GO_ON,
        rights.why_not("cancel") or ended,
        danger=True,
        fields=[Field("reason", "Reason", "longtext", help="Kept as the run's note")],
    )


def asked_by(seen: Look, act: str) -> list[Question]:
    """Return the open questions that an act answers."""
    if act == "skip_wave":
        return [each for each in seen.snapshot.questions if each.is_gate and SKIP_WAVE in each.options]
    return [each for each in seen.snapshot.questions if answering_act(each) == act]
