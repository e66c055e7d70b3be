"""How a wave ended in an attempt: by its own result, by a failure it told, or killed without a word."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from drs_provider import keys
from drs_provider.core.states import WaveOutcome, WaveStatus
from drs_provider.core.task_states import TASK_NOT_BEGUN
from drs_provider.core.texts import message, named
from drs_provider.exceptions import DrsError, EvidenceError, GateClosedError, PreemptedError
from drs_provider.hooks.aws.errors import AWS_ERRORS
from drs_provider.orchestration.steps.ends import end_of_steps
from drs_provider.orchestration.wave.result import completed_wave, gather, judge, wave_result
from drs_provider.orchestration.wave.started_jobs import Begun, begun
from drs_provider.rules.execution.frozen import FrozenWave, FrozenWaveRef
from drs_provider.rules.record.schema import UNKNOWN_JOB, GateRow, JobRow, WaveResult
from drs_provider.rules.steps.verdict import acceptances, after_steps, of_steps
from drs_provider.rules.wave.watch import JobsToFollow
from drs_provider.runtime.channels.declared import CLEANUP, GATE_DECISION, WAVE_RESULT
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.jobs import start_task_id
from drs_provider.runtime.steps import believed, task_of
from drs_provider.runtime.watch import open_watch, told_before_its_jobs

log = logging.getLogger(__name__)

#: A person closed the gate, or a RECOVERY took the servers: nothing failed.
_STOPS = (GateClosedError.__name__, PreemptedError.__name__)


@dataclass(frozen=True)
class WaveEnd:
    """A wave at the end of an attempt.

    :param result: the wave's record fields
    :param stopped_by_person: its gate was closed, or its tasks were stopped with the run
    :param error: why it did not complete, or None
    :param told: whether it told its result when it ended; else it was made out now
    :param launched: whether its start began jobs, or may have
    """

    result: WaveResult
    outcome: WaveOutcome
    stopped_by_person: bool = False
    error: str | None = None
    told: bool = False
    launched: bool = False


def wave_end(execution: Execution, wave: FrozenWave, states: Mapping[str, str | None]) -> WaveEnd:
    """Tell how a wave ended.

    :param states: Airflow's state of every task of the run
    """
    try:
        result, problem = told_result(execution, wave, states), None
    except EvidenceError as error:
        result, problem = None, str(error)
    if problem:
        end = _end(execution, wave, states, WaveStatus.FAILED, problem)
    elif result is None:
        end = _without_result(execution, wave, states)
    else:
        if result.get("enrichmentIncomplete"):
            result = _enriched_again(execution, wave, result)
        end = WaveEnd(result, outcome_of(wave, result), error=result.get("errorMessage"), told=True)
    if gate := _gate(execution, wave, states):
        end = replace(end, result={**end.result, "gate": gate})
    return _with_steps(execution, wave, end)


def _with_steps(execution: Execution, wave: FrozenWave, end: WaveEnd) -> WaveEnd:
    """Return the end of a wave with its steps; remote work of a step that was stopped is stopped, or named."""
    if not (wave.before or wave.after) or not wave.selected:
        return end
    steps = [*end_of_steps(execution, wave, "before"), *end_of_steps(execution, wave, "after")]
    if not steps:
        return end
    end = replace(
        end,
        result={**end.result, "steps": steps},
        outcome=replace(end.outcome, accepted=bool(acceptances(steps))),
    )
    if not (running := [text for step in steps for text in step.get("stillRunning", ())]):
        return end
    error = message("; ".join(filter(None, (end.error, *running))))
    return replace(end, result={**end.result, "errorMessage": error}, error=error)


def broken_end(execution: Execution, ref: FrozenWaveRef, problem: EvidenceError) -> WaveEnd:
    """Return the end of a wave whose frozen form does not verify: FAILED, with the rows that it told and that do.

    :param problem: what is wrong; it names the wave
    """
    status = WaveStatus.FAILED if ref.selected else WaveStatus.SKIPPED
    result: WaveResult = {"waveNumber": ref.number, "attempt": execution.attempt, "status": status.value}
    enrich = keys.wave_task_id(ref.number, ref.name, keys.ENRICH)
    doubt = f"What wave {ref.number} told does not verify either"
    told = WAVE_RESULT.believed(execution, doubt, wave=ref.number, task_id=enrich) or result
    result = {**told, **result, "errorMessage": str(problem)}
    total, recovered = told.get("serversTotal", 0), told.get("serversRecovered", 0)
    return WaveEnd(
        result, WaveOutcome(ref.number, ref.selected, status, total, recovered), error=str(problem)
    )


def told_result(
    execution: Execution, wave: FrozenWave, states: Mapping[str, str | None]
) -> WaveResult | None:
    """Return the result that the wave's tasks told when they last ran, not one of an attempt before.

    :raises EvidenceError: if it was changed since
    """
    ends = [keys.wave_end_task_id(wave), keys.wave_task_id(wave.number, wave.name, keys.ENRICH)]
    for task_id in dict.fromkeys(ends):
        if states.get(task_id) in TASK_NOT_BEGUN:
            continue
        result = WAVE_RESULT.read(execution, wave=wave.number, task_id=task_id).value
        if result is None or result["status"] == WaveStatus.POLLING:
            return None  # its steps have not decided it
        if result["attempt"] == execution.attempt:
            return result
        return None if told_before_its_jobs(execution, wave, result) else result
    skipped = states.get(start_task_id(wave)) == "skipped"
    if skipped and states.get(keys.gate_task_id(wave.number)) == "success":
        return WAVE_RESULT.read(execution, wave=wave.number, task_id=start_task_id(wave)).value
    return None


def outcome_of(wave: FrozenWave, result: WaveResult) -> WaveOutcome:
    """Return what the attempt's end needs to know of a wave that told its result."""
    return WaveOutcome(
        number=wave.number,
        selected=wave.selected,
        status=WaveStatus(result["status"]),
        servers_total=result.get("serversTotal", len(wave.servers)),
        servers_recovered=result.get("serversRecovered", 0),
        skipped_by_decision=result.get("skippedByDecision", False),
        accepted=bool(acceptances(result.get("steps", ()))),
    )


def _without_result(execution: Execution, wave: FrozenWave, states: Mapping[str, str | None]) -> WaveEnd:
    end = partial(_end, execution, wave, states)
    gate_id = keys.gate_task_id(wave.number)
    task_ids = [gate_id, *_tasks_of(execution, wave)]
    if not wave.selected:
        return end(WaveStatus.SKIPPED, None)
    for task_id in task_ids:
        failure = execution.view.pull(task_id, keys.FAILURE) if states.get(task_id) == "failed" else None
        if failure:
            closed = failure["errorType"] in _STOPS
            status = WaveStatus.CANCELLED if closed else WaveStatus.FAILED
            return end(status, failure["message"], stopped=closed)
    of_wave = [states.get(task_id) for task_id in task_ids]
    killed = [task_id for task_id, state in zip(task_ids, of_wave, strict=True) if state == "failed"]
    # None of our tasks skips without telling: Airflow skips what has not begun when a run is marked failed. Of a wave
    # whose last task ran just then, only the hold tells.
    if "skipped" in of_wave or (killed and states.get(keys.HOLD_DRILL) == "skipped"):
        return end(WaveStatus.CANCELLED, _stopped_text(wave, of_wave), stopped=True)
    if killed:
        return end(WaveStatus.FAILED, f"task {killed[0]} was killed")
    if None in of_wave or "removed" in of_wave:
        text = (
            f"wave {wave.number} ({wave.name}) is not in the DAG any more: the plan was edited while it ran"
        )
        return end(WaveStatus.FAILED, text)
    if of_wave[-1] == "success":
        text = f"wave {wave.number} ({wave.name}) told no result: its tasks were marked as success, and did not run"
        return end(WaveStatus.FAILED, text)
    return end(WaveStatus.CANCELLED, "not started: a wave before it did not complete", quiet=True)


def _tasks_of(execution: Execution, wave: FrozenWave) -> list[str]:
    """Return the tasks between a wave's gate and its end, in their order."""
    first = () if wave.depends_on else execution.plan.before_first
    return [
        *(task_of(step, None) for step in first),
        *(task_of(step, wave) for step in wave.before),
        *(keys.wave_task_id(wave.number, wave.name, task) for task in keys.WAVE_TASKS),
        *(task_of(step, wave) for step in wave.after),
        *([keys.wave_end_task_id(wave)] if wave.after else []),
    ]


def _stopped_text(wave: FrozenWave, states: list[str | None]) -> str:
    began = "failed" in states or "success" in states
    return f"wave {wave.number} ({wave.name}) was stopped" if began else "not started: the run was stopped"


def _end(
    execution: Execution,
    wave: FrozenWave,
    states: Mapping[str, str | None],
    status: WaveStatus,
    error: str | None,
    *,
    stopped: bool = False,
    quiet: bool = False,
) -> WaveEnd:
    result: WaveResult = {"waveNumber": wave.number, "attempt": execution.attempt, "status": status.value}
    found = begun(execution, wave, states)
    if found.started:
        result = _what_runs(execution, wave, result, found.started)
    if error:
        texts = [_with_running_jobs(error, found, result), *found.doubts]
        result["errorMessage"] = message("; ".join(texts))
    outcome = WaveOutcome(
        wave.number, wave.selected, status, len(wave.servers), result.get("serversRecovered", 0)
    )
    told = None if quiet and not found.doubts else result.get("errorMessage")
    return WaveEnd(result, outcome, stopped, told, launched=bool(found.jobs or found.doubts))


def _with_running_jobs(error: str, found: Begun, result: WaveResult) -> str:
    ended = {job["jobId"] for job in result.get("jobs", []) if job["status"] == "COMPLETED"}
    # A job that DRS does not show yet, or that cannot be read now, runs as far as anybody knows.
    running = [job["jobId"] for job in found.jobs if job["jobId"] not in ended]
    return f"{error}; DRS jobs cannot be cancelled, still running: {named(running)}" if running else error


def _what_runs(execution: Execution, wave: FrozenWave, bare: WaveResult, started: JobsToFollow) -> WaveResult:
    """Return what DRS says now of a wave that started jobs but never came to its end; each of its jobs is named."""
    result: WaveResult = {**bare, "jobs": []}
    try:
        watch = open_watch(execution, wave, started)
        evidence = gather(execution, watch)
    except (*AWS_ERRORS, DrsError) as error:
        log.warning("The jobs of wave %s cannot be read: %s", wave.number, error)
    else:
        verdict = judge(watch, evidence, now=execution.now(), cleaned_up=_cleaned_up(execution))
        result = wave_result(execution, watch, evidence, verdict, status=bare["status"], error=None)
    shown = {row["jobId"] for row in result["jobs"]}
    unknown: list[JobRow] = [
        {"jobId": job["jobId"], "status": UNKNOWN_JOB, "attempt": job["attempt"]}
        for job in started["jobs"]
        if job["jobId"] not in shown
    ]
    return {**result, "jobs": [*result["jobs"], *unknown]}


def _enriched_again(execution: Execution, wave: FrozenWave, result: WaveResult) -> WaveResult:
    """Complete a result whose instances could not be looked at; a wave that turns out to lack them has failed."""
    cleaned_up = _cleaned_up(execution)
    try:
        fresh = completed_wave(execution, open_watch(execution, wave), cleaned_up=cleaned_up)
    except (*AWS_ERRORS, DrsError) as error:
        log.warning("The instances of wave %s cannot be read: %s", wave.number, error)
        return result
    if fresh.get("enrichmentIncomplete"):
        return result
    # Said, not left out: the stored record has the flag, and fields are merged into it. What was cleaned up cannot be
    # known any more.
    again: WaveResult = {
        **fresh,
        "attempt": result["attempt"],
        "enrichmentIncomplete": bool(cleaned_up),
    }
    if wave.after:
        # What its steps came to stays, also where instance data are read again.
        rows = after_steps(fresh["serverStatuses"], believed(execution, wave.after, wave))
        again = {**again, **of_steps(result), "serverStatuses": rows}
    if result["status"] != WaveStatus.COMPLETED:
        again["status"] = result["status"]
        if "errorMessage" in result:
            again["errorMessage"] = result["errorMessage"]
    return again


def _cleaned_up(execution: Execution) -> list[str]:
    """Return the instances that the drill's cleanup found."""
    report = CLEANUP.believed(execution, "What the cleanup told does not verify") or {}
    return [*report.get("terminated", ()), *report.get("remaining", ())]


def _gate(execution: Execution, wave: FrozenWave, states: Mapping[str, str | None]) -> GateRow | None:
    gate_id = keys.gate_task_id(wave.number)
    if states.get(gate_id) in TASK_NOT_BEGUN:
        return None
    try:
        return (GATE_DECISION.read(execution, wave=wave.number, task_id=gate_id).value or {}).get("gate")
    except EvidenceError as error:
        log.warning("The decision of gate %s does not verify: %s", wave.number, error)
        return {"outcome": "does not verify", "responses": []}
