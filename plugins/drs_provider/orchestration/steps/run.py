"""A step under way: what is begun, what is waited for, and what it came to."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from drs_provider.core.events import Event
from drs_provider.core.texts import message
from drs_provider.orchestration.steps.actions import is_action
from drs_provider.orchestration.steps.open import (
    above,
    find_step,
    launched,
    left_out,
    subjects_of,
)
from drs_provider.plan.steps.placeholders import placeholders
from drs_provider.rules.execution.frozen import FrozenStep, FrozenWave
from drs_provider.rules.steps.results import MANUAL, Subject
from drs_provider.rules.steps.state import UNKNOWN_OUTCOME, StepState, StepStatus, begun, token_of
from drs_provider.rules.steps.verdict import Ended, output_of, unmet
from drs_provider.runtime.channels.declared import STEP_RESULT
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.steps import told

log = logging.getLogger(__name__)


@dataclass
class StepRun:
    """A step of an execution, and how far it is.

    :param wave: None for steps around all waves
    :param subjects: by key; empty if it does nothing in this execution
    """

    execution: Execution
    step: FrozenStep
    wave: FrozenWave | None
    subjects: Mapping[str, Subject]
    state: StepState

    @classmethod
    def open(cls, execution: Execution, place: str, name: str, wave_number: int, *, begins: bool) -> Self:
        """Open a step: as it is kept, or as it begins if its task does.

        :raises ExecutionRefusedError: if the frozen plan does not have it
        :raises GateClosedError: if a gate before it was rejected
        :raises EvidenceError: if what it rests on does not verify
        """
        wave = execution.wave(wave_number) if wave_number else None
        step = find_step(execution, place, name, wave)
        kept = told(execution, step, wave)
        why = left_out(execution, step, wave)
        subjects = [] if why else subjects_of(execution, step, wave)
        if kept is not None and not begins:
            state = kept
        else:
            state = begun(kept, step, subjects, attempt=execution.attempt, now=execution.now())
        run = cls(execution, step, wave, {subject.key: subject for subject in subjects}, state)
        if why and not state.over:
            state.reason = why
            run._end(StepStatus.SKIPPED)
        elif begins:
            run.keep()  # also what is kept already: a try that died may have left others an older copy
        if begins and state is not kept and not why:
            execution.emit(Event.STEP_STARTED, kind=step.kind, subjects=len(subjects), **run._names())
        return run

    @property
    def place(self) -> str:
        """What people call it."""
        where = f"of wave {self.wave.number} ({self.wave.name})" if self.wave else f"in {self.step.place}"
        return f"step {self.step.name} {where}"

    @property
    def is_inner(self) -> bool:
        """Whether an operator of a provider does it."""
        return not self.step.is_check and not is_action(self.step.kind)

    @property
    def asks_first(self) -> bool:
        """Whether people do it: they confirm."""
        return self.step.kind == MANUAL

    @property
    def values(self) -> Mapping[str, str]:
        """Values of placeholders of a step that runs once."""
        return next(iter(self.subjects.values())).values

    def keep(self) -> None:
        """Keep how far it is."""
        STEP_RESULT.publish(self.execution, self.state, wave=self.wave_number)

    def begin_try(self) -> None:
        """Set the deadline of a try that begins; a server of which EC2 could not tell what the step uses has failed."""
        if self.state.deadline is not None:
            return
        self.state.deadline = self.execution.now() + self.step.timeout_seconds
        needed = {"instance_id"} if self.step.each == "server" else set()
        needed |= set(placeholders(self.step.settings))
        for key in self.state.keys_in("open"):
            if missing := sorted(needed - self.subjects[key].values.keys()):
                self.took(key, "failed", f"not known: its {', '.join(missing)}, since EC2 did not tell")
        self.keep()

    def took(self, key: str, state: str, output: str) -> None:
        """Note what became of a subject now; to be kept."""
        self.state.took(key, state, output, at=self.execution.now())

    def starting(self, key: str) -> None:
        """Keep that something may begin for a subject, and go on only if the task is still meant to run.

        :raises PreemptedError: if a RECOVERY has cancelled this drill
        :raises TaskStoppedError: if the task was stopped or cleared
        """
        tries = self.state.subjects[key].get("tries", 0) + 1
        token = token_of(self.execution.execution_id, self.wave_number, self.step, key, tries)
        self.execution.require_not_preempted()
        self.state.starting(key, token)
        self.keep()
        self.execution.view.require_running()

    def conclusion(self) -> Literal["again", "ask", "over"]:
        """Decide what follows when nothing is left to wait for.

        ``again``: it is tried again by itself. ``ask``: people must decide. ``over``: it has ended.
        """
        failed, unknown = self.state.keys_in("failed"), self.state.keys_in(UNKNOWN_OUTCOME)
        if failed and not unknown and self.state.tries <= self.step.retries:
            self.state.tries += 1
            self.state.open_again("failed")
            self.keep()
            return "again"
        self.state.output = output_of(self.step, self.state)
        if not failed and not unknown:
            self._end(StepStatus.PASSED)
            return "over"
        # What may have happened is never done again without a person's word, whatever the plan says of failures.
        attended = not self.execution.plan.conf.get("skip_gates")
        if attended and (unknown or (self.step.on_failure == "ask" and self.stops_wave)):
            self.state.status = StepStatus.ASKING
            self.keep()
            return "ask"
        self._end(StepStatus.FAILED)
        return "over"

    @property
    def stops_wave(self) -> bool:
        """Whether its failure makes its wave, or the execution, fail."""
        if self.wave is None or self.step.place == "before":
            return True
        result = launched(self.execution, self.wave)
        others = above(self.execution, self.step, self.wave, result)
        failed = replace(self.state, status=StepStatus.FAILED)
        as_failed = self.step.model_copy(update={"on_failure": "fail"})
        return bool(unmet(self.wave, result["serverStatuses"], [*others, Ended(as_failed, failed)]))

    def again(self) -> None:
        """Try again what failed, because people say so."""
        self.state.tries = 1
        self.state.status = StepStatus.RUNNING
        self.state.open_again("failed", UNKNOWN_OUTCOME)
        self.keep()

    def accepted(self, by: str, reason: str) -> None:
        """End it with a failure that a person accepts."""
        self.state.accepted_by, self.state.reason = by, reason
        self._end(StepStatus.ACCEPTED)

    def failed(self, reason: str) -> None:
        """End it as failed, because people say so or did not answer."""
        self.state.reason = reason
        self._end(StepStatus.FAILED)

    def confirmed(self, by: str, note: str) -> None:
        """End a manual step that a person confirmed."""
        for key in self.state.subjects:
            self.took(key, "passed", f"confirmed by {by}: {note}")
        self.state.output = output_of(self.step, self.state)
        self._end(StepStatus.PASSED)

    @property
    def problem(self) -> str | None:
        """Why the task must fail now that the step is over, or None."""
        if (
            self.state.status != StepStatus.FAILED
            or self.step.on_failure == "continue"
            or not self.stops_wave
        ):
            return None
        return message(f"{self.place} failed: {self.state.output}{self._because()}")

    def _because(self) -> str:
        return f" ({self.state.reason})" if self.state.reason else ""

    def _end(self, status: StepStatus) -> None:
        self.state.status = status
        self.state.ended_at = self.execution.now()
        self.keep()
        facts = {"status": str(status), "output": self.state.output, "reason": self.state.reason}
        self.execution.emit(Event.STEP_ENDED, **self._names(), **facts)

    def _names(self) -> dict[str, Any]:
        return {"step": self.step.name, "place": self.step.place, "waveNumber": self.wave_number}

    @property
    def wave_number(self) -> int:
        """Number of its wave, 0 around all waves."""
        return self.wave.number if self.wave else 0
