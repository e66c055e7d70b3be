"""The pause gate before a wave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from drs_provider import keys
from drs_provider.airflow_api import hitl
from drs_provider.core.events import Event
from drs_provider.core.texts import named
from drs_provider.exceptions import GateClosedError
from drs_provider.plan_tasks.human_gate import HumanGateSensor
from drs_provider.rules.asking import Escalation, Request
from drs_provider.rules.execution.frozen import FrozenGate, FrozenWave
from drs_provider.rules.gate import Answers, GateDecision, gate_row, waiting_row
from drs_provider.rules.record.schema import WaveResult
from drs_provider.rules.steps.state import StepStatus
from drs_provider.runtime.channels.declared import GATE_DECISION, WAVE_RESULT
from drs_provider.runtime.decisions import basis_of
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.expected_duration import elapsed_text
from drs_provider.runtime.notifications import notify
from drs_provider.runtime.plain_markdown import plain_markdown
from drs_provider.runtime.steps import waits_for_people

APPROVE = "Approve"
REJECT = "Reject"
SKIP_WAVE = "Skip wave"
EMERGENCY = "Approve in emergency"

#: Decisions as evidence carries them
DECISIONS = {APPROVE: "approve", REJECT: "reject", SKIP_WAVE: "skip", EMERGENCY: "approve"}
#: What a record says of a gate that an emergency approver opened alone
EMERGENCY_OUTCOME = "approve in emergency"
#: Who approves that instances are destroyed reads as many names as a dialog holds
MAX_REPLACED_NAMED = 50
UNARMED = "unarmed"
PAUSE = "pause"


class PlanGateSensor(HumanGateSensor):
    """Stands before a wave; passes at once unless plan, conf, a default or a person armed it.

    Armed, it waits deferred for Approve, Reject or Skip wave through UI, REST or command line, holding no worker and no
    slot. Its decision is signed; `start_recovery` starts nothing without it.

    :param wave_number: 1-based number of the wave behind the gate
    :raises GateClosedError: if it is rejected, or times out under the policy ``reject``
    """

    ui_color = "#f6c66f"

    def __init__(self, *, wave_number: int, **kwargs: Any) -> None:
        super().__init__(wave_number=wave_number, **kwargs)

    def based_on_waves(self, execution: Execution) -> Sequence[int]:
        """Return the waves before this one."""
        return execution.wave(self.wave_number).depends_on

    def armed(self, execution: Execution) -> bool:
        """Ask if the wave is part of the run and somebody armed the gate."""
        wave = execution.wave(self.wave_number)
        return wave.selected and self._armed_by(execution, wave.gate) is not None

    def request(self, execution: Execution) -> Request:
        """Ask whether the wave may start."""
        wave = execution.wave(self.wave_number)
        gate = wave.gate
        plan = execution.plan
        escalates = gate.policy(plan.execution_type) == "escalate"
        emergency = (EMERGENCY,) if gate.emergency_approvers else ()
        return Request(
            subject=f"{plan.execution_type} {plan.plan_title}: start wave {wave.number}, {wave.name}?",
            body=gate_body(execution, wave),
            options=(APPROVE, REJECT, SKIP_WAVE, *emergency),
            confirming=APPROVE,
            closing=REJECT,
            timeout_seconds=gate.timeout_seconds,
            fields={"comment": hitl.text_field("Comment"), "ticket": hitl.text_field("Ticket number")},
            approvers=gate.approvers,
            people=gate.people,
            excluded=plan.initiated_by if gate.exclude_initiator else None,
            escalation=Escalation(
                gate.escalate_to, gate.timeout_seconds, gate.remind_after_seconds or gate.timeout_seconds
            )
            if escalates
            else None,
            remind_seconds=None if escalates else gate.remind_after_seconds,
            # A drill's instances are not kept for longer than its age, whoever does not answer.
            until=plan.started_at + plan.max_age_seconds if escalates and plan.is_drill else None,
            emergency=gate.emergency_approvers,
            emergency_option=EMERGENCY,
            initiator=plan.initiated_by,
        )

    def _armed_by(self, execution: Execution, gate: FrozenGate) -> str | None:
        if gate.armed_by:
            return gate.armed_by
        return PAUSE if execution.view.pull(keys.PREPARE, keys.pause_key(self.wave_number)) else None

    def passed(self, execution: Execution) -> GateDecision:
        """Pass a gate that nobody armed."""
        return self._decide(execution, UNARMED, None, None)

    def opened(self, execution: Execution, request: Request, answers: Answers) -> None:
        """Show the execution as PAUSED."""
        asked = list(answers.asked_logins(request))
        execution.emit(
            Event.GATE_OPENED,
            waveNumber=self.wave_number,
            timeoutSeconds=request.timeout_seconds,
            asked=asked,
        )
        self._record_waiting(execution, answers)
        summary = f"Gate before wave {self.wave_number} waits: {request.subject}"
        notify(execution, "gate", summary, deadline=answers.acts_by(request), asked=asked)

    def reminded(self, execution: Execution, request: Request, answers: Answers, name: str | None) -> None:
        """Tell those who were asked, and those who are asked now, and keep it."""
        asked = list(answers.asked_logins(request))
        facts: dict[str, Any] = {
            "waveNumber": self.wave_number,
            "asked": asked,
            "reminders": answers.reminders,
        }
        if name is None:
            execution.emit(Event.GATE_REMINDED, **facts)
        else:
            new = list(answers.logins_asked_last)
            execution.emit(Event.GATE_ESCALATED, waveNumber=self.wave_number, names=[name], logins=new)
        self._record_waiting(execution, answers)
        minutes = round((execution.now() - answers.opened_at) / 60)
        who = f"asked: {named(asked) or 'everybody'}" if name is None else f"now {name} is asked as well"
        summary = (
            f"Gate before wave {self.wave_number} waits since {minutes} minutes, {who}: {request.subject}"
        )
        notify(
            execution,
            "gate_reminder",
            summary,
            deadline=answers.acts_by(request),
            occurrence=answers.reminders + len(answers.asked_people) - 1,
            **facts,
            escalated=name is not None,
        )

    def _record_waiting(self, execution: Execution, answers: Answers) -> None:
        armed_by = self._armed_by(execution, execution.wave(self.wave_number).gate) or PAUSE
        execution.history.gate_opened(self.wave_number, waiting_row(answers, armed_by=armed_by))

    def decided(self, execution: Execution, request: Request, option: str, answers: Answers) -> GateDecision:
        """Let the wave start, skip it, or end the execution."""
        last = answers.accepted[-1]
        if option == EMERGENCY:
            tell_emergency(execution, last, waveNumber=self.wave_number)
        outcome = EMERGENCY_OUTCOME if option == EMERGENCY else None
        decision = self._decide(execution, DECISIONS[option], answers, outcome)
        if option == REJECT:
            comment = f": {last['comment']}" if last.get("comment") else ""
            raise GateClosedError(
                f"gate before wave {self.wave_number} rejected by {last['respondedBy']}{comment}"
            )
        return decision

    def expired(self, execution: Execution, request: Request, answers: Answers) -> GateDecision:
        """Apply the plan's timeout policy; only a drill may go on unapproved."""
        gate = execution.wave(self.wave_number).gate
        minutes = round(((answers.closed_at or execution.now()) - answers.opened_at) / 60)
        if gate.on_timeout == "approve" and execution.plan.is_drill:
            return self._decide(execution, "approve", answers, "approve by timeout")
        self._decide(execution, "reject", answers, "reject by timeout")
        raise GateClosedError(
            f"gate before wave {self.wave_number} was not answered within {minutes} minutes"
        )

    def _decide(
        self, execution: Execution, decision: str, answers: Answers | None, outcome: str | None
    ) -> GateDecision:
        gate = execution.wave(self.wave_number).gate
        basis = answers.basis if answers else basis_of(execution, self.based_on_waves(execution))
        payload: GateDecision = {"decision": decision, "attempt": execution.attempt, "basis": basis}
        if answers:
            # Who paused the run may have taken that back meanwhile.
            armed_by = self._armed_by(execution, gate) or PAUSE
            payload["gate"] = gate_row(answers, armed_by=armed_by, outcome=outcome or decision)
        GATE_DECISION.publish(execution, payload, wave=self.wave_number)
        if answers:
            execution.emit(Event.GATE_CLOSED, waveNumber=self.wave_number, decision=decision)
            others = other_gates_wait(execution, keys.gate_task_id(self.wave_number))
            execution.history.gate_closed(self.wave_number, payload["gate"], other_gates_wait=others)
        return payload


def tell_emergency(execution: Execution, response: Mapping[str, Any], **facts: Any) -> None:
    """Tell in the timeline that an emergency approver decided alone."""
    execution.emit(
        Event.EMERGENCY_APPROVAL,
        by=response["respondedBy"],
        reason=response["comment"],
        decision=response["decision"],
        **facts,
    )


def other_gates_wait(execution: Execution, own_task_id: str) -> bool:
    """Tell whether another gate of the run waits for people: then the execution stays PAUSED."""
    return any(
        waits_for_people(execution.view, task_id, state)
        for task_id, state in execution.view.task_states().items()
        if task_id != own_task_id
    )


def gate_body(execution: Execution, wave: FrozenWave) -> str:
    """Return the facts that a person needs to decide, as Markdown."""
    lines = [plain_markdown(wave.gate.message)] if wave.gate.message else []
    lines.append(
        f"Next: wave {wave.number} **{plain_markdown(wave.name)}**, {len(wave.servers)} servers in account "
        f"{wave.target.account_id}, {wave.target.region}."
    )
    lines.append(elapsed_text(execution))
    replaceable = execution.plan.conf.get("replace_live_instances") or ()
    replaced = [server.name for server in wave.servers if server.source_server_id in replaceable]
    if replaced:
        names = named([plain_markdown(name) for name in replaced], MAX_REPLACED_NAMED)
        lines.append(f"**The live recovery instances of these servers will be destroyed: {names}.**")
    if wave.gate.emergency_approvers:
        lines.append(
            f"In an emergency one of {plain_markdown(', '.join(wave.gate.emergency_approvers))} may answer "
            f'"{EMERGENCY}" alone, with a comment that says why. Every record of this execution shows it.'
        )
    done = _done_so_far(execution)
    if done:
        lines.append("Done so far:\n\n" + "\n".join(done))
    if execution.plan.reason:
        lines.append(f"Reason: {plain_markdown(execution.plan.reason)}")
    return "\n\n".join(lines)


def step_texts(result: WaveResult) -> Iterator[str]:
    """Yield what people must know of a wave's steps before they decide: what failed, and what was accepted."""
    for step in result.get("steps", ()):
        if step["status"] == StepStatus.ACCEPTED:
            why = f"{step.get('acceptedBy')}: {step.get('reason')}"
            yield f"step {step['name']} failed and was accepted by {plain_markdown(why)}"
        elif step["status"] == StepStatus.FAILED:
            yield f"step {step['name']} failed: {plain_markdown(step.get('output', ''))}"


def _done_so_far(execution: Execution) -> Sequence[str]:
    rows = []
    for ref in execution.plan.selected_waves:
        end = keys.wave_end_task_id(ref)
        result = WAVE_RESULT.read(execution, wave=ref.number, task_id=end).value
        if result:
            opened = None
            if not execution.plan.is_drill:  # no drill's gate is opened in an emergency
                opened = GATE_DECISION.believed(
                    execution, "Its gate is not shown", wave=ref.number, task_id=keys.gate_task_id(ref.number)
                )
            failed = named([plain_markdown(name) for name in result.get("failedServers", [])]) or "none"
            impaired = named([plain_markdown(name) for name in result.get("impairedServers", [])])
            rows.append(
                f"- wave {ref.number} **{plain_markdown(ref.name)}**: {result['status']}, "
                f"{result['serversRecovered']} of {result['serversTotal']} servers recovered, failed: {failed}"
                + (f", EC2's status checks fail: {impaired}" if impaired else "")
                + "".join(f", {text}" for text in (*step_texts(result), *_emergencies(opened)))
            )
    return rows


def _emergencies(decision: GateDecision | None) -> Iterator[str]:
    """Yield who opened a gate alone."""
    for response in (decision or {}).get("gate", {}).get("responses", ()):
        if response.get("emergency") and "refused" not in response:
            who = f"{response['respondedBy']}: {response.get('comment')}"
            yield f"**approved in an emergency** by {plain_markdown(who)}"
