"""What the pause gates and the drill hold share: ask people, wait without holding anything, keep the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from airflow.sdk import BaseSensorOperator
from airflow.sdk.configuration import conf

from drs_provider import keys
from drs_provider.airflow_api import hitl
from drs_provider.rules.asking import Answer, Request
from drs_provider.rules.gate import Answers, asked_fields
from drs_provider.runtime.channels.declared import GATE_ANSWERS
from drs_provider.runtime.channels.failures import tells_failure
from drs_provider.runtime.decisions import basis_of
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.people import people_now
from drs_provider.runtime.preconditions import require_end_ahead

#: How long a trigger waits at most before it resumes a task, so that the scheduler has seen that the task's process
#: left: Airflow counts a scheduler whose loop takes 30 seconds as dead.
MOST_SETTLING_SECONDS: Final = 40.0
#: Deadline, in epoch seconds, of what only an answer ends: the year 9999. JSON knows no infinity.
NEVER: Final = 253_402_214_400.0


class HumanGateSensor(BaseSensorOperator):
    """A sensor that defers until people have answered; subclasses say what and what then.

    :param wave_number: 1-based number of the wave behind it, or 0
    :param plans_folder: where the libraries are that say who is in a team; None: ``[drs] plans_folder``
    """

    def __init__(self, *, wave_number: int = 0, plans_folder: Path | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.wave_number = wave_number
        self._plans_folder = plans_folder
        if self.soft_fail or self.never_fail:
            raise ValueError(f"{self.task_id}: a gate that fails softly would let the next wave start")

    def based_on_waves(self, execution: Execution) -> Sequence[int]:
        """Return the numbers of the waves whose results people decide on."""
        raise TypeError(f"{type(self).__name__} must say what it rests on")

    def armed(self, execution: Execution) -> bool:
        """Whether to ask at all; once it has asked, a gate does not pass without its answer."""
        raise TypeError(f"{type(self).__name__} must say when it asks")

    def request(self, execution: Execution) -> Request:
        """Return what to ask."""
        raise TypeError(f"{type(self).__name__} must say what it asks")

    def passed(self, execution: Execution) -> Any:
        """Go on without asking anybody."""
        raise TypeError(f"{type(self).__name__} must say how it passes")

    def opened(self, execution: Execution, request: Request, answers: Answers) -> None:
        """Tell others that the request is open."""

    def reminded(self, execution: Execution, request: Request, answers: Answers, name: str | None) -> None:
        """Tell people that the request still waits.

        :param name: login or team that is asked as well from now on, None if those who were asked are reminded
        """

    def decided(self, execution: Execution, request: Request, option: str, answers: Answers) -> Any:
        """Act on the answer."""
        raise TypeError(f"{type(self).__name__} must say what an answer means")

    def expired(self, execution: Execution, request: Request, answers: Answers) -> Any:
        """Act on the timeout."""
        raise TypeError(f"{type(self).__name__} must say what a timeout means")

    @tells_failure
    def execute(self, context: Mapping[str, Any]) -> Any:
        """Ask, or pass at once."""
        execution = Execution.open(context)
        require_end_ahead(execution.view)
        if not self.armed(execution):
            return self.passed(execution)
        return self.go_on_asking(execution)

    def go_on_asking(self, execution: Execution) -> Any:
        """Ask, or go on where an earlier try of the task was."""
        request = self.request(execution)
        answers = self._stored(execution, execution.attempt)
        self._ask_first(execution, request, answers)
        if option := answers.settled(request):
            return self._close(execution, request, option, answers)
        if answers.closed_at is not None:
            return self._expire(execution, request, answers)
        if answers.asked:
            answers.lost += 1
            self._store(execution, answers)
            return self._wait(execution, request, answers)
        self.opened(execution, request, answers)
        return self._ask(execution, request, answers)

    @tells_failure
    def answered(self, context: Mapping[str, Any], event: dict[str, Any], attempt: int) -> Any:
        """Resume with an answer, or because the time is over.

        :param attempt: the attempt in which the gate began
        """
        execution = Execution.open(context)
        request = self.request(execution)
        answers = self._stored(execution, attempt)
        own = str(execution.context["ti"].id)
        # SQLite reuses ids: a trigger that lives on after its row may wake another gate (seen in Airflow 3.3).
        if event.get("ti_id", own) != own:
            return self._wait(execution, request, answers)
        self._ask_first(execution, request, answers)
        if event.get("turn"):
            return self._turn(execution, request, answers)
        if hitl.timed_out(event):
            return self._expire(execution, request, answers)
        if answer := hitl.read_answer(event):
            self._accept(execution, request, answers, answer)
            if answers.late(request, answer):
                return self._expire(execution, request, answers)
        if option := answers.settled(request):
            return self._close(execution, request, option, answers)
        return self._ask(execution, request, answers)

    def _close(self, execution: Execution, request: Request, option: str, answers: Answers) -> Any:
        if answers.closed_at is None:
            answers.closed_at = execution.now()
            self._store(execution, answers)
        self._tell(execution, answers)
        return self.decided(execution, request, option, answers)

    def _expire(self, execution: Execution, request: Request, answers: Answers) -> Any:
        if request.stays_open:
            # An older version, which ended it by its time, has opened and closed it.
            answers.closed_at = None
            return self._ask(execution, request, answers)
        if request.extended_until is not None and execution.now() < answers.deadline(request):
            # Its trigger, which knew nothing of the time that somebody gave meanwhile, has closed it.
            return self._ask(execution, request, answers)
        answers.closed_at = execution.now()
        self._store(execution, answers)
        return self.expired(execution, request, answers)

    def _ask_first(self, execution: Execution, request: Request, answers: Answers) -> None:
        """Read who is in the teams that are asked, once."""
        if answers.asked_people or not request.needs_people:
            return
        at = execution.now() if answers.asked else answers.opened_at
        self._ask_people(execution, request.approvers, answers, at)
        self._store(execution, answers)

    def _ask_people(self, execution: Execution, names: Sequence[str], answers: Answers, at: float) -> None:
        people, problem = people_now(execution.plan, self._plans_folder, names)
        answers.ask(names, people, at=at, as_of_start=problem)

    def _turn(self, execution: Execution, request: Request, answers: Answers) -> NoReturn:
        """Ask the next people as well, or remind those who were asked. The request stays as it is, open."""
        turn, now = answers.next_turn(request), execution.now()
        if turn is not None and turn.at <= now:
            if turn.name is None:
                answers.reminders += 1
            else:
                self._ask_people(execution, (turn.name,), answers, now)
            answers.reminded_at = now
            # Told before it is kept: a worker that dies in between tells people twice, rather than nobody.
            self.reminded(execution, request, answers, turn.name)
            self._store(execution, answers)
        self._wait(execution, request, answers)

    def _accept(self, execution: Execution, request: Request, answers: Answers, answer: Answer) -> None:
        if answers.has(answer):
            return  # taken by a try that was lost before it had acted on it
        if problem := answers.take(request, answer):
            self.log.warning("Answer by %s refused: %s", answer.login, problem)
        self._store(execution, answers)

    def _ask(self, execution: Execution, request: Request, answers: Answers) -> NoReturn:
        """Open the request, erasing an answer that is stored already, and wait."""
        # Stored first: a try that is lost after the opening must not open it again, one lost before it learns from
        # the trigger that nobody was asked.
        answers.asked, answers.lost = True, 0
        self._store(execution, answers)
        hitl.open_detail(
            execution.context["ti"].id,
            subject=request.subject,
            body=request.body,
            options=request.options,
            closing=request.closing,
            fields=request.fields,
            approvers=answers.assignable(request),
        )
        self._wait(execution, request, answers)

    def _wait(self, execution: Execution, request: Request, answers: Answers) -> NoReturn:
        """Wait for the answer to the request that is open."""
        from drs_provider.triggers.gate import DrsGateTrigger

        self._tell(execution, answers, request)
        turn = answers.next_turn(request)
        trigger = DrsGateTrigger(
            ti_id=str(execution.context["ti"].id),
            deadline=min(answers.deadline(request), NEVER),
            not_before=execution.now() + settling_seconds(answers.lost),
            closing=request.closing,
            turn_at=turn.at if turn else None,
        )
        self.defer(trigger=trigger, method_name="answered", kwargs={"attempt": answers.attempt})

    @staticmethod
    def _tell(execution: Execution, answers: Answers, request: Request | None = None) -> None:
        """Show who is asked, and what became of the answers: Airflow keeps the text of a request."""
        asked = asked_fields(answers)
        if answers.everybody or asked:
            turn = answers.next_turn(request) if request and request.escalation else None
            following = {"next": turn._asdict()} if turn else {}
            execution.view.push(keys.GATE_ANSWERS, {"responses": answers.everybody, **asked, **following})

    def _stored(self, execution: Execution, attempt: int) -> Answers:
        told = GATE_ANSWERS.read(
            execution, wave=self.wave_number, attempt=attempt, task_id=execution.view.task_id
        )
        if told.value is not None:
            return told.value
        answers = Answers(attempt, execution.now(), basis=basis_of(execution, self.based_on_waves(execution)))
        self._store(execution, answers)
        return answers

    def _store(self, execution: Execution, answers: Answers) -> None:
        GATE_ANSWERS.publish(execution, answers, wave=self.wave_number, attempt=answers.attempt)


def settling_seconds(lost: int) -> float:
    """Return how long the scheduler may take to see that a process left; longer for each try that it took for killed.

    :param lost: how many tries were lost since the request was opened
    """
    least = 3.0 + conf.getfloat("scheduler", "scheduler_idle_sleep_time", fallback=1.0)
    return float(min(least * 2 ** min(max(lost - 1, 0), 10), MOST_SETTLING_SECONDS))
