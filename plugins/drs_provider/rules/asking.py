"""What people are asked, and whether an answer counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from drs_provider.plan.people import NOBODY, People


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
class Escalation:
    """How a request goes on that nobody answers; it stays open.

    :param names: logins and teams that are asked as well, one after the other
    :param turn_seconds: how long those who were asked last have, before the next ones are asked
    :param remind_seconds: how often people are reminded
    """

    names: tuple[str, ...]
    turn_seconds: float
    remind_seconds: float


class Turn(NamedTuple):
    """What happens next to a request that nobody answers.

    :param at: epoch seconds
    :param name: the login or team that is asked as well; None if those who were asked are reminded
    """

    at: float
    name: str | None


@dataclass(frozen=True)
class Request:
    """What people are asked.

    :param confirming: the option that lets things go on
    :param closing: the option that stops; the trigger writes it when the time is over
    :param timeout_seconds: how long people have, from the first question on
    :param until: epoch seconds at which the time is over whatever the timeout says, or None
    :param extended_until: epoch seconds until which somebody gave more time, or None
    :param approvers: logins and teams of those whose answers count; empty: everybody's whom Airflow lets answer
    :param people: how many different people must give the answer ``confirming``
    :param excluded: login of the person who may not give it, or None
    :param reasoned: options that need a ``comment``
    :param escalation: what happens in place of the timeout; None: the time of the request is over then
    :param remind_seconds: after how long people are reminded, once, where the time ends it; None: never
    :param emergency: logins that may decide alone, with a ``comment``
    :param emergency_option: the option with which they do; None: with any, where they are no approvers
    :param initiator: login of who started the execution, and may not approve it in an emergency
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
    escalation: Escalation | None = None
    remind_seconds: float | None = None
    emergency: tuple[str, ...] = ()
    emergency_option: str | None = None
    initiator: str | None = None

    @property
    def stays_open(self) -> bool:
        """Whether nothing but an answer ends it."""
        return self.escalation is not None and self.until is None

    @property
    def needs_people(self) -> bool:
        """Whether it matters who is in which team, and which logins are one person."""
        return bool(self.approvers) or self.people > 1 or self.excluded is not None


def in_emergency(request: Request, asked: Sequence[str], answer: Answer) -> bool:
    """Whether an answer is meant to decide in place of those who were asked."""
    if request.emergency_option is not None:
        return answer.option == request.emergency_option
    return bool(request.approvers) and answer.login not in asked and answer.login in request.emergency


def refusal(
    request: Request,
    earlier: Sequence[Mapping[str, Any]],
    answer: Answer,
    *,
    asked: Sequence[str] | None = None,
    people: People = NOBODY,
) -> str | None:
    """Return why this answer does not count, or None if it does.

    :param earlier: the answers that count already
    :param asked: logins of those who were asked; default: the approvers are logins
    :param people: which logins are one person
    """
    logins = request.approvers if asked is None else asked
    if in_emergency(request, logins, answer):
        return _emergency_refusal(request, answer, people)
    if request.approvers and answer.login not in logins:
        problem = (
            f"{answer.login} is none of the plan's approvers: {', '.join(logins) or 'nobody is in the teams'}"
        )
        if request.emergency_option and answer.login in request.emergency:
            problem += (
                f'. An emergency approver answers "{request.emergency_option}", with a comment that says why'
            )
        return problem
    if answer.option in request.reasoned and not answer.inputs.get("comment"):
        return f"{answer.option} needs a comment that says why"
    if answer.option != request.confirming:
        return None
    if request.excluded is not None and people.same_person(answer.login, request.excluded):
        return "who started the execution cannot approve it" + _persons(answer.login, request.excluded)
    for item in earlier:
        # The same person may have one login and one id only, or several logins that a library names.
        if answer.user_id == item.get("respondedById") or people.same_person(
            answer.login, item["respondedBy"]
        ):
            return "two different people must approve" + _persons(answer.login, item["respondedBy"])
    return None


def _emergency_refusal(request: Request, answer: Answer, people: People) -> str | None:
    if answer.login not in request.emergency:
        return f"{answer.login} is none of the plan's emergency approvers: {', '.join(request.emergency)}"
    if not answer.inputs.get("comment"):
        return f"{answer.option} by an emergency approver needs a comment that says why"
    if request.initiator is not None and people.same_person(answer.login, request.initiator):
        why = _persons(answer.login, request.initiator)
        return f"an emergency approver cannot approve what the same person started{why}"
    return None


def _persons(one: str, other: str) -> str:
    return "" if one == other else f": {one} and {other} may be the same person"
