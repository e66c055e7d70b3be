"""The hold between a drill's last wave and its cleanup."""

from __future__ import annotations

from typing import Any

from drs_provider import keys
from drs_provider.plan.evidence import GATE_DECISION
from drs_provider.runtime import hitl
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.notifications import notify
from drs_provider.sensors.gate import other_gates_wait
from drs_provider.sensors.human_gate import Answers, HumanGateSensor, Request, gate_row

PASSED = "Passed"
FAILED = "Failed"
NOT_VERIFIED = "not verified"

VERDICT_FIELDS = {"by": "respondedBy", "at": "respondedAt", "notes": "notes"}


class DrsHoldDrillSensor(HumanGateSensor):
    """Holds a drill before its cleanup, so that people can test what was launched and judge it.

    Without a verdict (unattended drill, or nobody answered in time) the drill counts as "not verified". A RECOVERY
    passes at once.
    """

    ui_color = "#f6c66f"

    def armed(self, execution: Execution) -> bool:
        """Ask if the drill is attended."""
        return execution.plan.is_drill and execution.plan.hold.enabled

    def request(self, execution: Execution) -> Request:
        """Ask for the verdict."""
        plan = execution.plan
        return Request(
            subject=f"DRILL {plan.plan_title}: test the launched servers, then judge the drill",
            body="Cleanup terminates the drill's instances after your verdict."
            if plan.cleanup == "terminate"
            else "The drill's instances are kept after your verdict.",
            options=(PASSED, FAILED),
            confirming=PASSED,
            closing=FAILED,
            timeout_seconds=plan.hold.timeout_seconds,
            # The drill's maximum age counts from its start, whatever the hold allows.
            until=plan.started_at + plan.max_age_seconds,
            fields={"notes": hitl.text_field("Notes", description="What was tested, what was seen")},
        )

    def passed(self, execution: Execution) -> dict[str, Any] | None:
        """Go on at once: a RECOVERY has no verdict, an unattended drill is not verified."""
        return self._judge(execution, NOT_VERIFIED, None) if execution.plan.is_drill else None

    def opened(self, execution: Execution, request: Request, answers: Answers) -> None:
        """Show the execution as PAUSED."""
        execution.emit("holdOpened", timeoutSeconds=request.timeout_seconds)
        execution.history.hold_opened(answers.opened_at)
        notify(execution, "gate", request.subject)

    def decided(
        self, execution: Execution, request: Request, option: str, answers: Answers
    ) -> dict[str, Any]:
        """Keep the verdict."""
        return self._judge(execution, option.lower(), answers)

    def expired(self, execution: Execution, request: Request, answers: Answers) -> dict[str, Any]:
        """Go on to the cleanup without a verdict."""
        return self._judge(execution, NOT_VERIFIED, answers, timed_out=True)

    def _judge(
        self, execution: Execution, result: str, answers: Answers | None, *, timed_out: bool = False
    ) -> dict[str, Any]:
        answer = answers.accepted[-1] if answers and answers.accepted else {}
        verdict = {
            "result": result,
            "timedOut": timed_out,
            **{name: answer[key] for name, key in VERDICT_FIELDS.items() if key in answer},
        }
        payload: dict[str, Any] = {"verdict": verdict, "attempt": execution.attempt}
        if answers:
            payload["hold"] = gate_row(answers, armed_by="hold", outcome=result)
        execution.view.push(keys.GATE_DECISION, execution.seal(payload, GATE_DECISION, 0))
        execution.emit("drillJudged", result=result)
        if answers:
            waits = other_gates_wait(execution, keys.HOLD_DRILL)
            execution.history.hold_closed(payload["hold"], verdict, other_gates_wait=waits)
        return payload
