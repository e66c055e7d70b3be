"""What an attempt came to: the record built from the frozen plan and from what every task left behind."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drs_provider import keys
from drs_provider.airflow_api.run import RunFacts, RunView
from drs_provider.core.identity import plan_name_of
from drs_provider.core.states import ExecutionStatus, run_is_green, terminal_status
from drs_provider.core.texts import cause, message, named
from drs_provider.exceptions import EvidenceError
from drs_provider.orchestration.cleanup.leftovers import drill_end, left_text
from drs_provider.orchestration.end.outside_changes import with_outside_changes
from drs_provider.orchestration.end.steps_around import steps_around
from drs_provider.orchestration.wave.end import WaveEnd, broken_end, wave_end
from drs_provider.plan.conf.overrides import shown_conf
from drs_provider.rules.concurrency.preemption import Override, Preemption
from drs_provider.rules.gate import GateDecision
from drs_provider.rules.record.merging import apply_wave_result, close_attempt
from drs_provider.rules.record.outside_changes import without_ground
from drs_provider.rules.record.schema import ExecutionRecord, record_fields
from drs_provider.rules.record.servers import impaired_servers
from drs_provider.rules.steps.verdict import acceptances
from drs_provider.runtime.channels.declared import OVERRIDES
from drs_provider.runtime.decisions import decision_of
from drs_provider.runtime.execution import Execution, execution_id_of
from drs_provider.runtime.expected_duration import took_text
from drs_provider.runtime.notifications import failures

log = logging.getLogger(__name__)

#: Why a run is red if none of its waves has an error.
_WITHOUT_ERRORS = {ExecutionStatus.CANCELLED: "stopped by a person"}


@dataclass(frozen=True)
class FinalRecord:
    """An ended attempt.

    :param problem: why the DAG run must be red; None if it is green
    :param summary: one sentence for messages
    :param left: one about instances that the drill's cleanup left, else empty
    """

    record: ExecutionRecord
    problem: str | None
    summary: str
    left: str = ""


def final_record(
    execution: Execution, *, ended_at: float, earlier: Sequence[Mapping[str, Any]]
) -> FinalRecord:
    """Return the record of an attempt that ends now.

    :param ended_at: epoch seconds
    :param earlier: rows of earlier attempts, which keep their own times, status and report
    """
    states = execution.view.task_states()
    ends, lost, broken = _ends(execution, states)
    outcomes = [end.outcome for end in ends]
    hold, hold_problem = _hold(execution, states)
    notice = _preemption(execution)
    if notice and (hold_problem is None or notice.text() in hold_problem):
        hold_problem = None
    stopped = any(end.stopped_by_person for end in ends) or _hold_stopped(states, hold_problem)
    drill = drill_end(execution, ends)
    around = steps_around(execution, states)
    after = [problem for problem in (around.problem, hold_problem, drill.problem) if problem]
    status = terminal_status(
        outcomes,
        stopped_by_person=stopped,
        started=True,
        ended_well=not after,
        accepted=bool(acceptances(around.rows)),
    )
    if broken:
        status = ExecutionStatus.FAILED  # whatever the other waves came to: what was frozen has been touched
    problems: list[str] = []
    if not run_is_green(status, outcomes, ended_well=not after):
        problems = [end.error for end in ends if end.error]
        if not problems and status is not ExecutionStatus.PARTIAL:
            problems = [
                _prepare_problem(execution, states) or _WITHOUT_ERRORS.get(status, "no wave completed")
            ]
    record = _record(execution, ends, earlier)
    record["overrides"] = [*record.get("overrides", []), *_later_overrides(execution)]
    if notice and status is ExecutionStatus.CANCELLED:
        problems = _without_repetition(notice, problems)
        record["overrides"].append(notice.override())
    record |= around.fields
    if undelivered := failures(execution.view, _telling_tasks(execution)):
        record["notificationFailures"] = undelivered
    if "verdict" in hold:
        hold = {**hold, "verdict": without_ground(hold["verdict"], lost)}
    if "hold" in hold:
        record["hold"] = hold["hold"]
    # Red, exactly if there is a message: whoever reads the record alone knows the run's colour.
    error = message("; ".join([*problems, *after]))
    record = close_attempt(
        record,
        status,
        ended_at=ended_at,
        error_message=error or None,
        verdict=hold.get("verdict"),
        cleanup=drill.report,
    )
    recovered = sum(outcome.servers_recovered for outcome in outcomes)
    total = sum(outcome.servers_total for outcome in outcomes if outcome.selected)
    plan = execution.plan
    summary = (
        f"{plan.execution_type} {plan.plan_title}: {status}, {recovered} of {total} servers recovered, "
        f"{took_text(execution, record)}{_impaired_text(record)}{_accepted_text(record)}"
    )
    if rows := (drill.report or {}).get("left"):
        left = f"instances of the drill are left: {cause(left_text(rows))}"
        summary += f"; {left}"
        return FinalRecord(record, error or None, summary, f"{plan.execution_type} {plan.plan_title}: {left}")
    return FinalRecord(record, error or None, summary)


def _preemption(execution: Execution) -> Preemption | None:
    """Return the notice with which a RECOVERY cancelled the drill; one that does not verify was told by the tasks."""
    try:
        return execution.preemption()
    except EvidenceError as error:
        log.warning("%s", error)
        return None


def _without_repetition(notice: Preemption, problems: Sequence[str]) -> list[str]:
    """Return why a drill was cancelled: the notice first and once, then what else its waves tell."""
    rest = (problem.replace(notice.message(), "").lstrip("; ") for problem in problems)
    return [notice.text(), *(problem for problem in rest if problem)]


def _prepare_problem(execution: Execution, states: Mapping[str, str | None]) -> str | None:
    """Return why `prepare` refused a later attempt, if it did: then no wave has anything to tell."""
    if states.get(keys.PREPARE) != "failed":
        return None
    failure = execution.view.pull(keys.PREPARE, keys.FAILURE) or {}
    return failure.get("message")


def _later_overrides(execution: Execution) -> list[Override]:
    """Return what later attempts overrode; the first one's overrides are in the frozen plan."""
    told: dict[str, Override] = {}
    starts = [keys.wave_task_id(ref.number, ref.name, keys.START_RECOVERY) for ref in execution.plan.waves]
    for task_id in (keys.PREPARE, *starts):
        doubt = f"What {task_id} overrode is left out"
        for item in OVERRIDES.believed(execution, doubt, task_id=task_id) or ():
            told[item["what"]] = item
    return list(told.values())


def _impaired_text(record: Mapping[str, Any]) -> str:
    impaired = impaired_servers(record)
    return f"; EC2's status checks fail: {named(impaired)}" if impaired else ""


def _accepted_text(record: ExecutionRecord) -> str:
    """Return which failures of steps were accepted in this attempt, by whom and why."""
    texts = [
        *(
            f"{text} (wave {wave['waveName']})"
            for wave in record["waves"]
            for text in acceptances(wave.get("steps", ()))
        ),
        *acceptances(record.get("steps", ())),
    ]
    return f"; accepted: {'; '.join(texts)}" if texts else ""


def _ends(execution: Execution, states: Mapping[str, str | None]) -> tuple[list[WaveEnd], list[str], bool]:
    """Return how the waves ended, by number, lost instances, and whether a wave's frozen form does not verify."""
    intact, broken = execution.intact_waves()
    waves = {wave.number: wave for wave in intact}
    refs = sorted(execution.plan.waves, key=lambda ref: ref.number)
    ends = [
        wave_end(execution, waves[ref.number], states)
        if ref.number in waves
        else broken_end(execution, ref, broken[ref.number])
        for ref in refs
    ]
    ends, lost = with_outside_changes(execution, ends, waves)
    return ends, lost, bool(broken)


def _telling_tasks(execution: Execution) -> list[str]:
    """Return the tasks that may have sent messages before this one."""
    waves = execution.plan.selected_waves
    gates = [keys.gate_task_id(wave.number) for wave in waves]
    ends = [
        keys.wave_task_id(wave.number, wave.name, task)
        for wave in waves
        for task in (keys.START_RECOVERY, keys.ENRICH)
    ]
    decided = [keys.wave_end_task_id(wave) for wave in waves if wave.decided_by_steps]
    steps = [task_id for task_id in execution.view.task_states() if keys.is_step(task_id)]
    return [keys.PREPARE, *gates, *ends, *decided, *steps, keys.HOLD_DRILL]


def _record(
    execution: Execution, ends: Sequence[WaveEnd], earlier: Sequence[Mapping[str, Any]]
) -> ExecutionRecord:
    attempt = execution.attempt
    record = execution.new_record()
    before = [dict(row) for row in earlier if row["attempt"] < attempt]
    record["attempts"] = [*before, *record["attempts"]]  # type: ignore[list-item]
    for end in ends:
        record = apply_wave_result(record, record_fields(end.result))
    return record


def _hold(execution: Execution, states: Mapping[str, str | None]) -> tuple[GateDecision, str | None]:
    """Return the verdict on a drill, and why there is none if the hold failed."""
    if not execution.plan.is_drill:
        return {}, None
    problem = None
    if states.get(keys.HOLD_DRILL) == "success":
        try:
            based_on_waves = [ref.number for ref in execution.plan.waves]
            return decision_of(execution, keys.HOLD_DRILL, 0, based_on_waves), None
        except EvidenceError as error:
            problem = str(error)
    elif states.get(keys.HOLD_DRILL) == "failed":
        problem = (execution.view.pull(keys.HOLD_DRILL, keys.FAILURE) or {}).get("message")
    notes = {"notes": problem} if problem else {}
    return {"verdict": {"result": "not verified", **notes}}, f"hold_drill: {problem}" if problem else None


def _hold_stopped(states: Mapping[str, str | None], problem: str | None) -> bool:
    """Whether the run was marked failed before or while the drill was held: the hold never fails without a word."""
    state = states.get(keys.HOLD_DRILL)
    return state == "skipped" or (state == "failed" and problem is None)


def refused_record(run: RunFacts, view: RunView, *, evidence: str | None = None) -> ExecutionRecord:
    """Return the record of a run without a frozen plan: conf, identity or preflight stopped it.

    :param evidence: what is wrong with the frozen plan, if there is one that cannot be believed
    """
    known: dict[str, Any] = view.pull(keys.PREPARE, keys.RUN_RECORD) or {}
    failure = view.pull(keys.PREPARE, keys.FAILURE) or {}
    message = failure.get("message") or "prepare was stopped before it had decided anything"
    if evidence:
        failure = {"message": evidence}
        message = f"{evidence} No cleanup was possible: instances of a drill may still exist."
    now = known.get("startTime") or run.started_at or run.run_after
    status = ExecutionStatus.FAILED if failure else ExecutionStatus.CANCELLED
    record: ExecutionRecord = {
        "executionId": execution_id_of(run),
        "planId": plan_name_of(run.dag_id) or run.dag_id,
        "planName": plan_name_of(run.dag_id) or run.dag_id,
        "executionType": cause(str(run.conf.get("execution_type", "DRILL")), 40),
        "status": ExecutionStatus.PENDING.value,
        "attempt": run.attempt,
        "attempts": [{"attempt": run.attempt, "status": ExecutionStatus.PENDING.value, "startTime": now}],
        "triggerTime": run.run_after,
        "startTime": now,
        "initiatedBy": run.initiated_by,
        "dagId": run.dag_id,
        "dagRunId": run.run_id,
        "conf": shown_conf(run.conf),
        "totalWaves": 0,
        "completedWaves": 0,
        "failedWaves": 0,
        "currentWave": 0,
        "waves": [],
    }
    record.update(known)  # type: ignore[typeddict-item]
    return close_attempt(record, status, ended_at=time.time(), error_message=message)
