"""An execution as it stands, read from Airflow's API by :mod:`drs_provider.snapshot.reader`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drs_provider import keys
from drs_provider.rules.eta import Eta
from drs_provider.rules.record.schema import without_empty

WAITING = "WAITING"
DRY_RUN = "DRY_RUN"
EXCLUDED = "EXCLUDED"


@dataclass(frozen=True)
class StepSnapshot:
    """A step as it stands.

    :param status: PASSED, FAILED, ACCEPTED, SKIPPED, RUNNING or ASKING
    :param output: what was seen, in short, or why it was skipped, failed or accepted
    """

    name: str
    place: str
    status: str
    output: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        fields = {
            "name": self.name,
            "place": self.place,
            "status": self.status,
            "output": self.output or None,
        }
        return without_empty(fields)


@dataclass(frozen=True)
class WaveSnapshot:
    """One wave as it stands.

    :param status: a wave's status, or WAITING while its gate asks people
    :param servers: number of servers by launch status
    :param fraction: how far it is, 0 to 1; None if unknown
    :param remaining_seconds: estimate; None if unknown
    :param note: why it failed or was skipped
    :param steps: those that have begun
    """

    number: int
    name: str
    status: str
    servers: Mapping[str, int] = field(default_factory=dict)
    phase: str = ""
    fraction: float | None = None
    remaining_seconds: float | None = None
    elapsed_seconds: float | None = None
    expected_seconds: float | None = None
    note: str = ""
    steps: Sequence[StepSnapshot] = ()

    @property
    def counts(self) -> str:
        """The servers by state, for example ``2 LAUNCHED, 1 IN_PROGRESS``."""
        return ", ".join(f"{count} {state}" for state, count in self.servers.items() if count)

    def to_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return without_empty(
            {
                "waveNumber": self.number,
                "waveName": self.name,
                "status": str(self.status),
                "servers": dict(self.servers),
                "phase": self.phase or None,
                "fraction": self.fraction,
                "remainingSeconds": self.remaining_seconds,
                "elapsedSeconds": _rounded(self.elapsed_seconds),
                "expectedSeconds": self.expected_seconds,
                "note": self.note or None,
                "steps": [step.to_dict() for step in self.steps] or None,
            }
        )


@dataclass(frozen=True)
class Question:
    """What the execution asks people.

    :param wave_number: number of the wave behind the gate, or of the step's; 0 for a drill's hold
    :param step_name: the step that asks, or an empty text
    :param place: where that step stands
    :param approvers: logins of those who may answer; empty: whoever may edit the run
    :param asked: who was asked from when on, as the record has it
    :param emergency_approvers: logins of those who may approve a gate alone
    :param notes: who was asked later, and what became of the answers so far
    :param deadline: epoch seconds; None if unknown
    :param on_timeout: what becomes of it then; a gate that stays open reminds people, or asks others as well
    """

    task_id: str
    wave_number: int
    wave_name: str
    subject: str
    body: str
    options: tuple[str, ...]
    approvers: tuple[str, ...]
    opened_at: float
    deadline: float | None = None
    on_timeout: str = ""
    asked: tuple[Mapping[str, Any], ...] = ()
    emergency_approvers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    step_name: str = ""
    place: str = ""

    @property
    def is_gate(self) -> bool:
        """Whether it is a wave's gate, and not a drill's hold or a step."""
        return self.task_id != keys.HOLD_DRILL and not self.step_name

    @property
    def label(self) -> str:
        """What people call it."""
        if self.step_name:
            where = f"of wave {self.wave_number} {self.wave_name}" if self.wave_number else f"in {self.place}"
            return f"step {self.step_name} {where}"
        return (
            f"gate before wave {self.wave_number} {self.wave_name}" if self.is_gate else "the drill's verdict"
        )

    @property
    def may_answer(self) -> tuple[str, ...]:
        """Logins of those who may answer, emergency approvers included."""
        return (*self.approvers, *self.emergency_approvers)

    @property
    def who(self) -> str:
        """Who was asked."""
        return ", ".join(self.approvers) or "anybody who may edit the run"

    def to_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return without_empty(
            {
                "taskId": self.task_id,
                "waveNumber": self.wave_number or None,
                "waveName": self.wave_name or None,
                "step": self.step_name or None,
                "subject": self.subject,
                "body": self.body,
                "options": list(self.options),
                "approvers": list(self.approvers),
                "asked": [dict(row) for row in self.asked] or None,
                "emergencyApprovers": list(self.emergency_approvers) or None,
                "openedAt": self.opened_at,
                "deadline": self.deadline,
                "onTimeout": self.on_timeout or None,
                "notes": list(self.notes) or None,
            }
        )


@dataclass(frozen=True)
class Rto:
    """The recovery time objective and what is used of it.

    :param objective_seconds: None if the plan has no objective
    :param used_seconds: from the incident or the trigger until now, or until the last wave was recovered
    :param over: whether nothing more is added: everything is recovered, or the attempt has ended
    """

    objective_seconds: float | None
    used_seconds: float
    counted_from: str
    over: bool = False
    met: bool | None = None

    @property
    def remaining_seconds(self) -> float | None:
        """What is left; negative if the objective is missed."""
        return None if self.objective_seconds is None else self.objective_seconds - self.used_seconds

    def to_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return without_empty(
            {
                "objectiveSeconds": self.objective_seconds,
                "usedSeconds": _rounded(self.used_seconds),
                "remainingSeconds": _rounded(self.remaining_seconds),
                "countedFrom": self.counted_from,
                "met": self.met,
            }
        )


@dataclass(frozen=True)
class ExecutionSnapshot:
    """An execution as it stands.

    :param status: an execution's status, or DRY_RUN or EXCLUDED for a run that was no execution
    :param ended: whether the run is over
    :param steps: tasks that run or wait now
    :param eta: when everything will be recovered; None once it is, or if it will not be
    :param around: steps around all waves that have begun
    :param message: why it failed or was cancelled, or was no execution
    :param emergencies: which gates and steps an emergency approver decided alone, and why
    :param left: instances of a drill that are left: ``accountId``, ``region``, ``instances``, ``why``
    """

    plan: str
    run_id: str
    link: str
    title: str
    execution_type: str
    status: str
    ended: bool
    run_state: str
    attempt: int
    started_at: float | None
    elapsed_seconds: float | None
    expected_seconds: float | None = None
    ended_at: float | None = None
    initiated_by: str = ""
    ticket: str = ""
    reason: str = ""
    execution_id: str = ""
    waves: Sequence[WaveSnapshot] = ()
    questions: Sequence[Question] = ()
    steps: Sequence[str] = ()
    rto: Rto | None = None
    eta: Eta | None = None
    verdict: str = ""
    message: str = ""
    report: str = ""
    report_error: str = ""
    left: Sequence[Mapping[str, Any]] = ()
    around: Sequence[StepSnapshot] = ()
    emergencies: Sequence[str] = ()

    @property
    def name(self) -> str:
        """What the command line calls it."""
        return f"{self.plan}/{self.run_id}"

    @property
    def step(self) -> str:
        """What goes on beside the waves: preparing, cleaning up, ending; empty if nothing does."""
        beside = (keys.PREPARE, keys.CLEANUP_DRILL, keys.FINALIZE)
        around = [task_id for task_id in self.steps if task_id.startswith(keys.AROUND)]
        return next((task_id for task_id in (*beside, *around) if task_id in self.steps), "")

    def to_dict(self) -> dict[str, Any]:
        """Return it for programs; times are epoch seconds (UTC)."""
        texts = {
            "initiatedBy": self.initiated_by,
            "ticket": self.ticket,
            "reason": self.reason,
            "executionId": self.execution_id,
            "verdict": self.verdict,
            "errorMessage": self.message,
            "report": self.report,
            "reportError": self.report_error,
        }
        return without_empty(
            {
                "planId": self.plan,
                "dagRunId": self.run_id,
                "planName": self.title,
                "executionType": self.execution_type,
                "status": str(self.status),
                "ended": self.ended,
                "runState": self.run_state,
                "attempt": self.attempt,
                "startTime": self.started_at,
                "endTime": self.ended_at,
                "elapsedSeconds": _rounded(self.elapsed_seconds),
                "expectedSeconds": self.expected_seconds,
                **{name: text or None for name, text in texts.items()},
                "rto": self.rto.to_dict() if self.rto else None,
                "eta": self.eta.to_dict() if self.eta else None,
                "waves": [wave.to_dict() for wave in self.waves],
                "questions": [question.to_dict() for question in self.questions],
                "steps": list(self.steps),
                "stepsAround": [step.to_dict() for step in self.around] or None,
                "emergencies": list(self.emergencies) or None,
                "instancesLeft": [dict(row) for row in self.left] or None,
                "link": self.link,
            }
        )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
