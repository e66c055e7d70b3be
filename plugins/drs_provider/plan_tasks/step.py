"""A step around a wave, or around all waves: checks that wait, actions that are done once, people who decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import TaskDeferralTimeout, TaskDeferred

from drs_provider import keys
from drs_provider.airflow_api import hitl
from drs_provider.core.events import Event
from drs_provider.core.texts import message
from drs_provider.exceptions import StepFailedError
from drs_provider.plan.steps.placeholders import filled
from drs_provider.plan_tasks.gate import other_gates_wait, tell_emergency
from drs_provider.plan_tasks.human_gate import HumanGateSensor
from drs_provider.rules.asking import Request
from drs_provider.rules.gate import Answers, gate_row
from drs_provider.rules.steps.state import UNKNOWN_OUTCOME, StepStatus
from drs_provider.runtime.channels.declared import GATE_ANSWERS
from drs_provider.runtime.channels.failures import tells_failure
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.notifications import notify
from drs_provider.runtime.outages import waits_out_outages
from drs_provider.runtime.plain_markdown import plain_markdown
from drs_provider.runtime.preconditions import require_end_ahead

if TYPE_CHECKING:
    from drs_provider.orchestration.steps.run import StepRun

RETRY, ACCEPT, FAIL = "Retry", "Accept", "Fail"
CONFIRM = "Confirm"


class PlanStepOperator(HumanGateSensor):
    """Does one step of the frozen plan, and keeps signed what it came to.

    Run again it goes on where it was: what has passed is not done again unless it is repeatable, and what may have
    begun is looked for first. Checks wait deferred in one trigger for all servers. A failure that would fail the wave
    is put to the approvers where the plan says ``ask``.

    :param place: ``before``, ``after``, ``before_first`` or ``after_last``
    :param step_name: the step's name, unique at its place
    :param wave_number: 1-based number of its wave; 0 for steps around all waves
    :raises StepFailedError: if it fails, and its wave or the execution with it
    """

    ui_color = "#e3d3ee"

    def __init__(self, *, place: str, step_name: str, wave_number: int = 0, **kwargs: Any) -> None:
        super().__init__(wave_number=wave_number, **kwargs)
        self.place = place
        self.step_name = step_name
        self._inner: BaseOperator | None = None

    @tells_failure
    @waits_out_outages
    def execute(self, context: Mapping[str, Any]) -> Any:
        """Begin the step, or go on with it."""
        execution = Execution.open(context)
        require_end_ahead(execution.view, keys.CLEANUP_DRILL, keys.FINALIZE)
        run = self._open(execution, begins=True)
        if run.state.status == StepStatus.ASKING:
            return self.go_on_asking(execution)
        return self._go_on(run)

    @tells_failure
    @waits_out_outages
    def look_again(self, context: Mapping[str, Any], event: Any = None) -> Any:
        """Go on after AWS could not be reached."""
        return self._go_on(self._open(Execution.open(context)))

    @tells_failure
    @waits_out_outages
    def looked(self, context: Mapping[str, Any], event: Mapping[str, Any]) -> Any:
        """Resume from the trigger with what it saw."""
        from drs_provider.orchestration.steps.starts import take_results

        run = self._open(Execution.open(context))
        take_results(run, event["results"])
        return self._go_on(run)

    @tells_failure
    @waits_out_outages
    def inner_resumed(
        self,
        context: Mapping[str, Any],
        key: str,
        method: str,
        arguments: dict[str, Any],
        event: Any = None,
    ) -> Any:
        """Resume an inner operator under its own method."""
        run = self._open(Execution.open(context))
        self._inner_ended(run, key, context, method, {**arguments, "event": event})
        return self._go_on(run)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any) -> Any:
        """Resume; an inner operator whose time is over has failed."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            return self._timed_out(context)

    @tells_failure
    def _timed_out(self, context: Mapping[str, Any]) -> Any:
        run = self._open(Execution.open(context))
        for key in run.state.keys_in("started"):
            run.took(key, UNKNOWN_OUTCOME, f"timed out; {run.step.kind} may still run")
        run.keep()
        return self._go_on(run)

    def on_kill(self) -> None:
        """Stop the inner operator that runs."""
        if self._inner is not None:
            self._inner.on_kill()

    def _open(self, execution: Execution, *, begins: bool = False) -> StepRun:
        from drs_provider.orchestration.steps.run import StepRun  # boto3 stays out of DAG parsing

        return StepRun.open(execution, self.place, self.step_name, self.wave_number, begins=begins)

    def _go_on(self, run: StepRun) -> Any:
        from drs_provider.orchestration.steps.starts import to_wait_for  # boto3 stays out of DAG parsing

        while not run.state.over:
            if run.asks_first:
                return self._begin_asking(run)
            run.begin_try()
            if run.is_inner:
                self._run_inner(run)
            elif waited := to_wait_for(run):
                self._wait_for(run, waited)
            if run.conclusion() == "ask":
                return self._begin_asking(run)
        return self._over(run)

    def _wait_for(self, run: StepRun, waited: list[str]) -> NoReturn:
        from drs_provider.orchestration.steps.starts import trigger_arguments
        from drs_provider.triggers.steps.trigger import DrsStepTrigger

        self.defer(trigger=DrsStepTrigger(**trigger_arguments(run, waited)), method_name="looked")
        raise AssertionError("a task that defers does not go on")

    @staticmethod
    def _over(run: StepRun) -> dict[str, Any]:
        # Where people were asked, that told them.
        if run.state.status == StepStatus.FAILED and not run.state.asks:
            notify(run.execution, "step_failed", message(f"{run.place} failed: {run.state.output}"))
        if problem := run.problem:
            raise StepFailedError(problem)
        return {"status": str(run.state.status), "output": run.state.output or run.state.reason}

    # -- inner operators ------------------------------------------------------------------------------

    def _run_inner(self, run: StepRun) -> None:
        from drs_provider.orchestration.steps.starts import next_inner

        while (key := next_inner(run)) is not None:
            self._inner_ended(run, key, run.execution.context)

    def _inner_ended(
        self,
        run: StepRun,
        key: str,
        context: Mapping[str, Any],
        method: str | None = None,
        arguments: dict[str, Any] | None = None,
    ) -> None:
        """Run an inner operator to its end, or defer as it does; its failure is the step's."""
        from drs_provider.orchestration.steps.inner import build_operator
        from drs_provider.orchestration.steps.starts import wave_facts

        try:
            self._inner = build_operator(run.step, run.subjects[key], wave_facts(run))
            output = _call(self._inner, context, method, arguments)
        except TaskDeferred as deferral:
            run.took(key, "started", "")
            run.keep()
            self.defer(
                trigger=deferral.trigger,
                method_name="inner_resumed",
                kwargs={"key": key, "method": deferral.method_name, "arguments": dict(deferral.kwargs or {})},
                timeout=max(1.0, (run.state.deadline or run.execution.now()) - run.execution.now()),
            )
        except Exception as error:  # of somebody else's operator: any kind
            self.log.exception("%s failed", run.step.kind)
            run.took(key, "failed", f"{type(error).__name__}: {error}")
        else:
            run.took(key, "passed", "" if output is None else str(output))
        finally:
            self._inner = None
        run.keep()

    # -- people ---------------------------------------------------------------------------------------

    def based_on_waves(self, execution: Execution) -> Sequence[int]:
        """People decide on what the step keeps itself."""
        return ()

    def _begin_asking(self, run: StepRun) -> Any:
        """Ask anew: an answer to an earlier question of this attempt says nothing about this one."""
        execution = run.execution
        run.state.status = StepStatus.ASKING
        answers = Answers(execution.attempt, execution.now())
        GATE_ANSWERS.publish(execution, answers, wave=self.wave_number, attempt=execution.attempt)
        run.keep()
        return self.go_on_asking(execution)

    def request(self, execution: Execution) -> Request:
        """Ask what becomes of the failure, or whether what a manual step is about is in order."""
        run = self._open(execution)
        plan = execution.plan
        gates = [run.wave.gate] if run.wave else [wave.gate for wave in execution.waves() if wave.selected]
        title = f"{plan.execution_type} {plan.plan_title}: {run.place}"
        manual = run.asks_first
        confirming = CONFIRM if manual else ACCEPT
        message = str(filled(run.step.settings.get("message", ""), run.values))
        return Request(
            subject=f"{title}: in order?" if manual else f"{title} failed: Retry, Accept or Fail?",
            body=plain_markdown(message) if manual else _failure_body(run),
            options=(CONFIRM, FAIL) if manual else (RETRY, ACCEPT, FAIL),
            confirming=confirming,
            closing=FAIL,
            timeout_seconds=run.step.timeout_seconds
            if manual
            else max(gate.timeout_seconds for gate in gates),
            fields={"comment": hitl.text_field("Comment"), "ticket": hitl.text_field("Ticket number")},
            approvers=run.step.approvers
            or tuple(dict.fromkeys(name for gate in gates for name in gate.approvers)),
            reasoned=frozenset({confirming}),
            emergency=tuple(dict.fromkeys(name for gate in gates for name in gate.emergency_approvers)),
            initiator=plan.initiated_by,
        )

    def opened(self, execution: Execution, request: Request, answers: Answers) -> None:
        """Show the execution as PAUSED."""
        execution.view.push(keys.ASKING, True)
        execution.emit(
            Event.STEP_ASKS,
            step=self.step_name,
            place=self.place,
            waveNumber=self.wave_number,
            timeoutSeconds=request.timeout_seconds,
        )
        execution.history.people_asked()
        run = self._open(execution)
        notify(
            execution,
            "gate" if run.asks_first else "step_failed",
            request.subject,
            told_as="gate",
            deadline=answers.deadline(request),
            occurrence=len(run.state.asks) + 1,
        )

    def decided(self, execution: Execution, request: Request, option: str, answers: Answers) -> Any:
        """Try again, or end the step as people say."""
        run = self._closed(execution, answers, option)
        last = answers.accepted[-1]
        comment = last.get("comment", "")
        if last.get("emergency"):
            tell_emergency(
                execution, last, waveNumber=self.wave_number, step=self.step_name, place=self.place
            )
        if option == RETRY:
            run.again()
        elif option == ACCEPT:
            run.accepted(last["respondedBy"], comment)
        elif option == CONFIRM:
            run.confirmed(last["respondedBy"], comment)
        else:
            run.failed(f"{option} by {last['respondedBy']}" + (f": {comment}" if comment else ""))
        return self._go_on(run)

    def expired(self, execution: Execution, request: Request, answers: Answers) -> Any:
        """End it as failed: nobody accepts anything by not answering."""
        run = self._closed(execution, answers, "fail by timeout")
        run.failed(f"nobody answered within {round(request.timeout_seconds / 60)} minutes")
        return self._go_on(run)

    def _closed(self, execution: Execution, answers: Answers, outcome: str) -> StepRun:
        execution.view.push(keys.ASKING, False)
        run = self._open(execution)
        run.state.asks.append(dict(gate_row(answers, armed_by="step", outcome=outcome)))
        others = other_gates_wait(execution, execution.view.task_id)
        execution.history.people_answered(other_gates_wait=others)
        return run


def _call(operator: BaseOperator, context: Any, method: str | None, arguments: dict[str, Any] | None) -> Any:
    """Execute an operator, or resume it as its own deferral says."""
    if method is None:
        operator.render_template_fields(context)
        return operator.execute(context)
    return operator.resume_execution(method, arguments, context)


def _failure_body(run: StepRun) -> str:
    """Return the facts that people need to decide, as Markdown."""
    lines = [f"{plain_markdown(run.state.output)}"]
    lines += [
        f"- {plain_markdown(run.state.subjects[key].get('name', key))}: {plain_markdown(output)}"
        for key, output in list(run.state.failures.items())[:10]
    ]
    lines.append(
        "Retry runs it again. Accept lets the wave go on without it, needs a comment that says why, and the execution "
        "ends PARTIAL. Fail fails the wave. Servers stay launched in any case."
    )
    return "\n\n".join(lines)
