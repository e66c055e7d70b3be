"""The answers to what people are asked at a gate: who was asked, what was said, what is decided."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypedDict, cast

from drs_provider.plan.people import People, team_of
from drs_provider.rules.asking import Answer, Request, Turn, in_emergency, refusal
from drs_provider.rules.record.schema import AskedRow, GateResponse, GateRow

#: Marks of what a decision rests on, by what it is; None: it is not there
DecisionInputs = dict[str, str | None]

#: A trigger may take this long to close a request whose time has passed; an answer that Airflow took until then counts.
CLOSING_SECONDS: Final = 60.0


@dataclass
class Answers:
    """The answers to one request, in the task's state store, so that a crash or a second question loses none.

    :param attempt: the attempt in which the gate began; a clear of something else meanwhile makes the run's own
        attempt grow, and must not lose what was answered
    :param basis: what people decide on, as it was when they were first asked
    :param asked: whether people may have seen the request: opening it again would erase their answer
    :param lost: how many tries were lost since the request was opened
    :param asked_people: who was asked from when on, those who were asked later last
    :param persons: logins by person, as they were when people were asked last
    """

    attempt: int
    opened_at: float
    closed_at: float | None = None
    asked: bool = False
    lost: int = 0
    basis: DecisionInputs = field(default_factory=dict)
    accepted: list[GateResponse] = field(default_factory=list)
    refused: list[GateResponse] = field(default_factory=list)
    asked_people: list[AskedRow] = field(default_factory=list)
    persons: dict[str, Sequence[str]] = field(default_factory=dict)
    reminders: int = 0
    reminded_at: float | None = None

    def ask(self, names: Iterable[str], people: People, *, at: float, as_of_start: str | None) -> None:
        """Note who is asked, and who is in the teams now.

        :param as_of_start: why ``people`` are those of the execution's start, or None
        """
        listed = list(names)
        row: AskedRow = {"at": at, "names": listed}
        if teams := {team: list(people.logins((name,))) for name in listed if (team := team_of(name))}:
            row["teams"] = teams
        if as_of_start and (teams or people.persons):
            row["asOfStart"] = as_of_start
        self.asked_people.append(row)
        self.persons = {person: list(logins) for person, logins in people.persons.items()}

    def asked_logins(self, request: Request) -> tuple[str, ...]:
        """Return the logins of those who were asked; empty if everybody may answer."""
        if not self.asked_people:
            return request.approvers
        return tuple(
            dict.fromkeys(login for row in self.asked_people for login in _of(row).logins(row["names"]))
        )

    @property
    def logins_asked_last(self) -> tuple[str, ...]:
        """Logins of those who were asked last."""
        return _of(self.asked_people[-1]).logins(self.asked_people[-1]["names"]) if self.asked_people else ()

    def assignable(self, request: Request) -> tuple[str, ...]:
        """Return the logins that Airflow may be told to let answer alone; empty where others are asked later.

        Airflow keeps whom it was told first.
        """
        asked = {name for row in self.asked_people for name in row["names"]}
        if request.escalation and not asked.issuperset(request.escalation.names):
            return ()
        logins = self.asked_logins(request)
        return tuple(dict.fromkeys((*logins, *request.emergency))) if logins else ()

    def next_turn(self, request: Request) -> Turn | None:
        """Return what happens next if nobody answers, None if only the time of the request can end."""
        if request.escalation is None:
            return self._only_reminder(request)
        since = self.asked_people[-1]["at"] if self.asked_people else self.opened_at
        remind_at = max(since, self.reminded_at or 0) + request.escalation.remind_seconds
        asked = {name for row in self.asked_people for name in row["names"]}
        later = next((name for name in request.escalation.names if name not in asked), None)
        ask_at = since + request.escalation.turn_seconds
        if later is not None and ask_at <= remind_at:
            return Turn(ask_at, later)
        return Turn(remind_at, None)

    def _only_reminder(self, request: Request) -> Turn | None:
        if request.remind_seconds is None or self.reminders:
            return None
        at = self.opened_at + request.remind_seconds
        return Turn(at, None) if at < self.deadline(request) else None

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
        people = People(persons={person: tuple(logins) for person, logins in self.persons.items()})
        fields: dict[str, Any] = {
            "decision": answer.option,
            "respondedBy": answer.login,
            "respondedById": answer.user_id,
            "respondedAt": answer.responded_at,
            **{name: text for name, text in answer.inputs.items() if text},
        }
        asked = self.asked_logins(request)
        alone = in_emergency(request, asked, answer)
        persons = people.persons_of(answer.login)
        if not alone and (name := self._asked_as(answer.login)) and (team := team_of(name)):
            fields["team"] = team
        if persons != {answer.login}:
            fields["person"] = ", ".join(sorted(persons))
        if alone:
            fields["emergency"] = True
        record = cast("GateResponse", fields)
        late = "the time for an answer had passed" if self.late(request, answer) else None
        if problem := late or refusal(request, self.accepted, answer, asked=asked, people=people):
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
        """Return when the time for answers is over, in epoch seconds; infinite if nothing but an answer ends it."""
        if request.escalation is not None:
            return request.until or math.inf
        usual = self.opened_at + request.timeout_seconds
        return min(max(usual, request.extended_until or 0.0), request.until or math.inf)

    def acts_by(self, request: Request) -> float:
        """Return until when somebody should answer: after that others are asked, or it is over."""
        turn = self.next_turn(request) if request.escalation else None
        return min(turn.at, self.deadline(request)) if turn else self.deadline(request)

    def late(self, request: Request, answer: Answer) -> bool:
        """Whether an answer came too late: Airflow takes one for as long as nobody closes the request."""
        return answer.responded_at > self.deadline(request) + CLOSING_SECONDS

    def _asked_as(self, login: str) -> str | None:
        names = (_of(row).named_as(login, row["names"]) for row in self.asked_people)
        return next((name for name in names if name is not None), None)


def _of(row: AskedRow) -> People:
    return People({team: tuple(logins) for team, logins in row.get("teams", {}).items()})


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
        **asked_fields(answers),
        "responses": answers.everybody,
    }
    return cast("GateRow", fields)


def waiting_row(answers: Answers, *, armed_by: str) -> GateRow:
    """Return the record form of a gate that waits."""
    fields = {
        "armedBy": armed_by,
        "openedAt": answers.opened_at,
        **asked_fields(answers),
        "responses": answers.everybody,
    }
    return cast("GateRow", fields)


def asked_fields(answers: Answers) -> dict[str, Any]:
    """Return what rows say of who was asked, and reminded."""
    fields: dict[str, Any] = {}
    if rows := [row for row in answers.asked_people if row["names"]]:
        fields["asked"] = rows
    if answers.reminders:
        fields |= {"reminders": answers.reminders, "remindedAt": answers.reminded_at}
    return fields
