"""The hold between a drill's last wave and its cleanup."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from drs_provider import keys
from drs_provider.airflow_api import hitl
from drs_provider.core.events import Event
from drs_provider.plan_tasks.gate import other_gates_wait, step_texts
from drs_provider.plan_tasks.human_gate import HumanGateSensor
from drs_provider.rules.asking import Request
from drs_provider.rules.gate import Answers, GateDecision, gate_row
from drs_provider.runtime.channels.declared import GATE_DECISION, WAVE_RESULT
from drs_provider.runtime.decisions import basis_of
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.expected_duration import elapsed_text
from drs_provider.runtime.notifications import notify
from drs_provider.runtime.plain_markdown import plain_markdown

PASSED = "Passed"
FAILED = "Failed"
NOT_VERIFIED = "not verified"
NOTHING_LAUNCHED = "nothing was launched"

_CLEANUP_TEXT = {
    "terminate": "Cleanup terminates the drill's instances after your verdict.",
    "keep": "The drill's instances are kept after your verdict.",
}
VERDICT_FIELDS = {"by": "respondedBy", "at": "respondedAt", "notes": "notes"}


class PlanHoldSensor(HumanGateSensor):
    """Holds a drill before its cleanup, so that people can test what was launched and judge it.

    Without a verdict (unattended drill, or nobody answered in time) the drill counts as "not verified". A RECOVERY
    passes at once.
    """

    ui_color = "#f6c66f"

    def based_on_waves(self, execution: Execution) -> Sequence[int]:
        """Return all waves: what is judged is the drill as a whole."""
        return [ref.number for ref in execution.plan.waves]

    def armed(self, execution: Execution) -> bool:
        """Ask if the drill is attended, and there is something to judge."""
        return execution.plan.is_drill and execution.plan.hold.enabled and launched_anything(execution)

    def request(self, execution: Execution) -> Request:
        """Ask for the verdict."""
        plan = execution.plan
        return Request(
            subject=f"DRILL {plan.plan_title}: test the launched servers, then judge the drill",
            body="\n\n".join([_CLEANUP_TEXT[plan.cleanup], elapsed_text(execution), *_of_steps(execution)]),
            options=(PASSED, FAILED),
            confirming=PASSED,
            closing=FAILED,
            timeout_seconds=plan.hold.timeout_seconds,
            # The drill's maximum age counts from its start, whatever the hold allows.
            until=plan.started_at + plan.max_age_seconds,
            extended_until=self._extended_until(execution),
            fields={"notes": hitl.text_field("Notes", description="What was tested, what was seen")},
        )

    def _extended_until(self, execution: Execution) -> float | None:
        """Return until when people let the drill hold; nobody has signed it, and the drill's maximum age bounds it."""
        told = execution.view.pull(keys.PREPARE, keys.HOLD_UNTIL)
        if told is None or (isinstance(told, int | float) and math.isfinite(told)):
            return told
        self.log.warning("The XCom %s is no time, and counts for nothing: %r", keys.HOLD_UNTIL, told)
        return None

    def passed(self, execution: Execution) -> GateDecision | None:
        """Go on at once: a RECOVERY has no verdict; an unattended drill, or one of nothing, is not verified."""
        if not execution.plan.is_drill:
            return None
        notes = None if launched_anything(execution) else NOTHING_LAUNCHED
        return self._judge(execution, NOT_VERIFIED, None, notes=notes)

    def opened(self, execution: Execution, request: Request, answers: Answers) -> None:
        """Show the execution as PAUSED."""
        execution.emit(Event.HOLD_OPENED, timeoutSeconds=request.timeout_seconds)
        execution.history.hold_opened(answers.opened_at)
        deadline = answers.deadline(request)
        notify(execution, "hold_opened", request.subject, told_as="gate", deadline=deadline)

    def decided(self, execution: Execution, request: Request, option: str, answers: Answers) -> GateDecision:
        """Keep the verdict."""
        return self._judge(execution, option.lower(), answers)

    def expired(self, execution: Execution, request: Request, answers: Answers) -> GateDecision:
        """Go on to the cleanup without a verdict."""
        return self._judge(execution, NOT_VERIFIED, answers, timed_out=True)

    def _judge(
        self,
        execution: Execution,
        result: str,
        answers: Answers | None,
        *,
        timed_out: bool = False,
        notes: str | None = None,
    ) -> GateDecision:
        answer: Mapping[str, Any] = answers.accepted[-1] if answers and answers.accepted else {}
        verdict = {
            "result": result,
            "timedOut": timed_out,
            **({"notes": notes} if notes else {}),
            **{name: answer[key] for name, key in VERDICT_FIELDS.items() if key in answer},
        }
        if result == PASSED.lower():
            from drs_provider.orchestration.end.outside_changes import (
                checked_verdict,  # boto3 stays out of DAG parsing
            )

            verdict = checked_verdict(execution, verdict)
            result = verdict["result"]
        basis = answers.basis if answers else basis_of(execution, self.based_on_waves(execution))
        payload: GateDecision = {"verdict": verdict, "attempt": execution.attempt, "basis": basis}
        if answers:
            payload["hold"] = gate_row(answers, armed_by="hold", outcome=result)
        GATE_DECISION.publish(execution, payload, wave=0)
        execution.emit(Event.DRILL_JUDGED, result=result)
        if answers:
            waits = other_gates_wait(execution, keys.HOLD_DRILL)
            execution.history.hold_closed(payload["hold"], verdict, other_gates_wait=waits)
        return payload


def _of_steps(execution: Execution) -> Iterator[str]:
    """Yield which steps failed, or were accepted although they did."""
    for ref in (wave for wave in execution.plan.selected_waves if wave.has_steps):
        end = keys.wave_end_task_id(ref)
        doubt = f"The steps of wave {ref.number} are not shown"
        result = WAVE_RESULT.believed(execution, doubt, wave=ref.number, task_id=end)
        if texts := list(step_texts(result)) if result else []:
            yield f"Wave {ref.number} **{plain_markdown(ref.name)}**: {', '.join(texts)}"


def launched_anything(execution: Execution) -> bool:
    """Whether a wave has jobs; those that were left out, and those without servers, have none.

    :raises EvidenceError: if a wave's result was changed
    """
    states = execution.view.task_states()
    for ref in execution.plan.selected_waves:
        enrich = keys.wave_task_id(ref.number, ref.name, keys.ENRICH)
        # A wave that was left out this time may have told a result in an attempt before.
        if (
            states.get(enrich) != "skipped"
            and (result := WAVE_RESULT.read(execution, wave=ref.number, task_id=enrich).value)
            and result.get("jobs")
        ):
            return True
    return False
