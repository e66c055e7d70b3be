"""How far a step is: what its task keeps, signed, so that a crash, a retry or a clear repeats nothing silently."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final, TypedDict

from drs_provider.core.texts import cause
from drs_provider.rules.execution.frozen import FrozenStep
from drs_provider.rules.steps.results import Subject

#: Longest output of one subject that is kept, in characters
MAX_OUTPUT: Final = 300
MAX_PASSED: Final = 100
UNKNOWN_OUTCOME: Final = "unknown"


class StepStatus(StrEnum):
    """Status of a step in an attempt."""

    RUNNING = "RUNNING"
    ASKING = "ASKING"
    PASSED = "PASSED"
    FAILED = "FAILED"
    ACCEPTED = "ACCEPTED"
    SKIPPED = "SKIPPED"


OVER: Final = frozenset({StepStatus.PASSED, StepStatus.FAILED, StepStatus.ACCEPTED, StepStatus.SKIPPED})


class SubjectState(TypedDict, total=False):
    """How far a step is with one subject.

    ``state``: ``open`` (nothing is begun), ``starting`` (an action may have begun, no answer is known), ``started`` (it
    runs, under ``handle``), ``passed``, ``failed``, or ``unknown`` (whether it began cannot be found out).
    """

    name: str
    state: str
    output: str
    handle: str
    token: str
    tries: int
    at: float
    instanceId: str


@dataclass
class StepState:
    """A step in an attempt; times are epoch seconds.

    :param step: place and name: what was kept of one step says nothing of another
    :param tries: how often it was tried since it began, or since people said Retry
    :param deadline: when the time of this try is over
    :param output: of the step as a whole, in short
    :param reason: why it was accepted, failed by people, or skipped
    :param asks: the questions to people that were answered, as records carry gates
    """

    step: str
    attempt: int
    started_at: float
    status: str = StepStatus.RUNNING
    tries: int = 1
    deadline: float | None = None
    ended_at: float | None = None
    output: str = ""
    reason: str | None = None
    accepted_by: str | None = None
    subjects: dict[str, SubjectState] = field(default_factory=dict)
    asks: list[dict[str, Any]] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether the step has ended in its attempt."""
        return self.status in OVER

    def keys_in(self, *states: str) -> list[str]:
        """Return the subjects that are in one of these states, in their order."""
        return [key for key, subject in self.subjects.items() if subject["state"] in states]

    @property
    def failures(self) -> dict[str, str]:
        """Subjects that have failed, or of whose outcome nothing is known -> output."""
        return {key: self.subjects[key].get("output", "") for key in self.keys_in("failed", UNKNOWN_OUTCOME)}

    def took(self, key: str, state: str, output: str, *, at: float, handle: str | None = None) -> None:
        """Keep what a subject came to, or how far it is."""
        subject = self.subjects[key]
        longest = MAX_PASSED if state == "passed" else MAX_OUTPUT
        subject |= {"state": state, "output": cause(output, longest), "at": at}
        if handle is not None:
            subject["handle"] = handle

    def starting(self, key: str, token: str) -> None:
        """Keep, before an action is started, that it may have been."""
        subject = self.subjects[key]
        subject.pop("handle", None)
        subject |= {"state": "starting", "token": token, "tries": subject.get("tries", 0) + 1}

    def open_again(self, *states: str) -> None:
        """Let subjects in these states begin anew, with a deadline of their own."""
        for key in self.keys_in(*states):
            self.subjects[key]["state"] = "open"
        self.deadline = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StepState:
        """Return the state of :meth:`to_dict`."""
        return cls(**data)


def label_of(step: FrozenStep) -> str:
    """Return what tells a step from all others of its wave."""
    return f"{step.place} {step.name}"


def begun(
    earlier: StepState | None, step: FrozenStep, subjects: Iterable[Subject], *, attempt: int, now: float
) -> StepState:
    """Return the state with which a try of a step's task begins.

    Within an attempt it goes on where it was. A later attempt looks at everything anew; but an action runs again only
    if it failed, is repeatable, or its server has another instance. What may have begun is not begun a second time.
    """
    if earlier is not None and earlier.attempt == attempt:
        return earlier
    state = StepState(label_of(step), attempt, now)
    before = earlier.subjects if earlier else {}
    for subject in subjects:
        state.subjects[subject.key] = _begun(before.get(subject.key), step, subject)
    return state


def _begun(before: SubjectState | None, step: FrozenStep, subject: Subject) -> SubjectState:
    fresh: SubjectState = {"name": subject.name, "state": "open"}
    if instance := subject.values.get("instance_id"):
        fresh["instanceId"] = instance
    if before is None:
        return fresh
    fresh["tries"] = before.get("tries", 0)
    same = before.get("instanceId") == fresh.get("instanceId")
    kept = {"starting", "started", UNKNOWN_OUTCOME} | (set() if step.repeatable else {"passed"})
    if same and not (step.is_check and step.repeatable) and before["state"] in kept:
        return before
    return fresh


def token_of(execution_id: str, wave_number: int, step: FrozenStep, key: str, tries: int) -> str:
    """Return the client token of an action: the same for the same try of the same step, and for no other."""
    name = "/".join((execution_id, str(wave_number), step.place, step.name, key, str(tries)))
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"drs-step:{name}"))
