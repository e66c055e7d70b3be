"""What people are asked at a gate, and which of their answers count."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypedDict, cast

from drs_provider.rules.record.schema import GateResponse, GateRow

#: Marks of what a decision rests on, by what it is; None: it is not there
DecisionInputs = dict[str, str | None]

#: A trigger may take this long to close a request whose time has passed; an answer that Airflow took until then counts.
CLOSING_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Answer:
    """What a person answered.

    :param option: the chosen option
    :param user_id: id of the authenticated user, as Airflow's auth manager knows it: a login, a number, opaque
    :param login: what that person logs in with, and what Airflow shows and records for who triggers a run
    :param responded_at: epoch seconds of the answer
    :param inputs: the form's fields
    """

    option: str
    user_id: str
    login: str
    responded_at: float
    inputs: dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What people are asked.

    :param confirming: the option that lets things go on
    :param closing: the option that stops; the trigger writes it when the time is over
    :param timeout_seconds: how long people have, from the first question on
    :param until: epoch seconds at which the time is over whatever the timeout says, or None
    :param extended_until: epoch seconds until which somebody gave more time, or None
    :param approvers: logins of those whose answers count; empty: everybody's whom Airflow lets answer
    :param people: how many different people must give the answer ``confirming``
    :param excluded: login that may not give it, or None
    :param reasoned: options that need a ``comment``
    """

    subject: str
    body: str
    options: tuple[str, ...]
    confirming: str
    closing: str
    timeout_seconds: float
    fields: Mapping[str, Any]
    until: float | None = None
    extended_until: float | None = None
    approvers: tuple[str, ...] = ()
    people: int = 1
    excluded: str | None = None
    reasoned: frozenset[str] = frozenset()


@dataclass
class Answers:
    """The answers to one request, in the task's state store, so that a crash or a second question loses none.

    :param attempt: the attempt in which the gate began; a clear of something else meanwhile makes the run's own
        attempt grow, and must not lose what was answered
    :param basis: what people decide on, as it was when they were first asked
    :param asked: whether people may have seen the request: opening it again would erase their answer
    :param lost: how many tries were lost since the request was opened
    """

    attempt: int
    opened_at: float
    closed_at: float | None = None
    asked: bool = False
    lost: int = 0
    basis: DecisionInputs = field(default_factory=dict)
    accepted: list[GateResponse] = field(default_factory=list)
    refused: list[GateResponse] = field(default_factory=list)

    @property
    def everybody(self) -> list[GateResponse]:
        """Accepted and refused answers, as records carry them."""
        return [*self.accepted, *self.refused]

    def has(self, answer: Answer) -> bool:
        """Whether an answer is kept already."""
        given = (answer.user_id, answer.responded_at)
        return any((item.get("respondedById"), item.get("respondedAt")) == given for item in self.everybody)

    def take(self, request: Request, answer: Answer) -> str | None:
        """Keep an answer; return why it does not count, or None if it does."""
        fields = {
            "decision": answer.option,
            "respondedBy": answer.login,
            "respondedById": answer.user_id,
            "respondedAt": answer.responded_at,
            **{name: text for name, text in answer.inputs.items() if text},
        }
        record = cast("GateResponse", fields)
        late = "the time for an answer had passed" if self.late(request, answer) else None
        if problem := late or refusal(request, self.accepted, answer):
            self.refused.append({**record, "refused": problem})
        else:
            self.accepted.append(record)
        return problem

    def settled(self, request: Request) -> str | None:
        """Return the option that is decided, or None: one answer stops, as many as are asked for confirm."""
        options = [item["decision"] for item in self.accepted]
        for option in options:
            if option != request.confirming:
                return option
        return request.confirming if len(options) >= request.people else None

    def deadline(self, request: Request) -> float:
        """Return when the time for answers is over, in epoch seconds."""
        usual = self.opened_at + request.timeout_seconds
        return min(max(usual, request.extended_until or 0.0), request.until or math.inf)

    def late(self, request: Request, answer: Answer) -> bool:
        """Whether an answer came too late: Airflow takes one for as long as nobody closes the request."""
        return answer.responded_at > self.deadline(request) + CLOSING_SECONDS


class GateDecision(TypedDict, total=False):
    """What a gate, or the hold before a drill's cleanup, decided in an attempt, and on what basis."""

    attempt: int
    basis: DecisionInputs
    decision: str  # of a gate: approve, reject, skip, or unarmed
    gate: GateRow
    verdict: dict[str, Any]  # of the hold
    hold: GateRow


def gate_row(answers: Answers, *, armed_by: str, outcome: str) -> GateRow:
    """Return the record form of a gate that is over."""
    fields = {
        "armedBy": armed_by,
        "outcome": outcome,
        "openedAt": answers.opened_at,
        "closedAt": answers.closed_at,
        "responses": answers.everybody,
    }
    return cast("GateRow", fields)


def refusal(request: Request, earlier: Sequence[Mapping[str, Any]], answer: Answer) -> str | None:
    """Return why this answer does not count, or None if it does.

    :param earlier: the answers that count already
    """
    # The same person may have one login and one id only; who started the run Airflow tells by login.
    if request.approvers and answer.login not in request.approvers:
        return f"{answer.login} is none of the plan's approvers: {', '.join(request.approvers)}"
    if answer.option in request.reasoned and not answer.inputs.get("comment"):
        return f"{answer.option} needs a comment that says why"
    if answer.option != request.confirming:
        return None
    if answer.login == request.excluded:
        return "who started the execution cannot approve it"
    if any(
        answer.login == item["respondedBy"] or answer.user_id == item.get("respondedById") for item in earlier
    ):
        return "two different people must approve"
    return None
