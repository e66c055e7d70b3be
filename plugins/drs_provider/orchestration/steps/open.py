"""What a step is about when its task begins: its subjects, and whether it runs at all."""

from __future__ import annotations

from collections.abc import Iterable

from drs_provider import keys
from drs_provider.core.states import WaveStatus
from drs_provider.exceptions import EvidenceError, ExecutionRefusedError
from drs_provider.rules.execution.frozen import FrozenStep, FrozenWave
from drs_provider.rules.record.schema import WaveResult
from drs_provider.rules.steps.results import MANUAL, WAVE_SUBJECT, Subject
from drs_provider.rules.steps.verdict import Ended, after_steps, server_subjects
from drs_provider.runtime.channels.declared import CLEANUP, WAVE_RESULT
from drs_provider.runtime.decisions import gate_decision
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.steps import all_told
from drs_provider.runtime.watch import told_before_its_jobs


def steps_at(execution: Execution, place: str, wave: FrozenWave | None) -> tuple[FrozenStep, ...]:
    """Return the steps of a place, in their order."""
    source = execution.plan if wave is None else wave
    steps: tuple[FrozenStep, ...] = getattr(source, place)
    return steps


def find_step(execution: Execution, place: str, name: str, wave: FrozenWave | None) -> FrozenStep:
    """Return a step as it is frozen.

    :raises ExecutionRefusedError: if the frozen plan does not have it: the plan was edited while it ran
    """
    for step in steps_at(execution, place, wave):
        if step.name == name:
            return step
    raise ExecutionRefusedError(
        f"the plan's steps were edited while the execution runs: its frozen plan has no step {name} in {place}"
    )


def left_out(execution: Execution, step: FrozenStep, wave: FrozenWave | None) -> str | None:
    """Return why a step does nothing in this execution, or None if it runs.

    :raises GateClosedError: if a gate before it was rejected
    :raises EvidenceError: if a decision that it rests on does not verify
    """
    if wave is not None and not wave.selected:
        return "its wave is not selected for this run"
    if step.place == "before" and wave is not None and gate_decision(execution, wave) == "skip":
        return "its wave was skipped by decision at its gate"
    if step.place == "before_first" and (why := _nothing_first(execution)):
        return why
    if step.place == "after_last" and not _anything_completed(execution):
        return "no wave was recovered"
    if not step.selected:
        return f"its modes leave out a {execution.plan.execution_type}"
    if step.kind == MANUAL and execution.plan.conf.get("skip_gates"):
        return "nobody is asked in an unattended drill"
    return None


def root_waves(execution: Execution) -> list[FrozenWave]:
    """Return the waves that wait for no other."""
    return [execution.wave(ref.number) for ref in execution.plan.waves if not ref.depends_on]


def _nothing_first(execution: Execution) -> str | None:
    selected = [wave for wave in root_waves(execution) if wave.selected]
    if not selected:
        return "the run leaves out all waves that wait for no other"
    # Every gate is read: one that was rejected stops the step.
    decisions = [gate_decision(execution, wave) for wave in selected]
    return "all first waves were skipped by decision" if set(decisions) == {"skip"} else None


def _anything_completed(execution: Execution) -> bool:
    for ref in execution.plan.selected_waves:
        result = WAVE_RESULT.read(execution, wave=ref.number, task_id=keys.wave_end_task_id(ref)).value
        if result and result["status"] == WaveStatus.COMPLETED:
            return True
    return False


def launched(execution: Execution, wave: FrozenWave) -> WaveResult:
    """Return what `enrich` told of a wave whose steps decide it.

    :raises EvidenceError: if it did not run since the wave was started last, or does not verify
    :raises ExecutionRefusedError: if a cleanup has terminated what it launched
    """
    enrich = keys.wave_task_id(wave.number, wave.name, keys.ENRICH)
    result = WAVE_RESULT.read(execution, wave=wave.number, task_id=enrich).required()
    if result["status"] != WaveStatus.POLLING or told_before_its_jobs(execution, wave, result):
        raise EvidenceError(
            f"wave {wave.number} ({wave.name}) was not launched as its enrich says; clear the wave's group"
        )
    cleanup = CLEANUP.read(execution).value or {}
    if cleanup.get("terminated") and cleanup["attempt"] >= result["attempt"]:
        raise ExecutionRefusedError(
            f"the cleanup of attempt {cleanup['attempt']} has terminated what wave {wave.number} ({wave.name}) "
            "launched. Clear the run from its first wave on, with downstream, or start a new drill"
        )
    return result


def subjects_of(execution: Execution, step: FrozenStep, wave: FrozenWave | None) -> list[Subject]:
    """Return what a step is about: the servers that are recovered and passed the steps above it, or the wave."""
    values = {
        "execution_id": execution.plan.execution_id,
        "execution_type": str(execution.plan.execution_type),
    }
    target = wave.target if wave else step.target
    if target:
        values |= {"account_id": target.account_id, "region": target.region}
    if wave is None:
        return [Subject(WAVE_SUBJECT, execution.plan.plan_title, values)]
    values["wave_name"] = wave.name
    if step.each == "wave":
        return [Subject(WAVE_SUBJECT, f"wave {wave.number} ({wave.name})", values)]
    result = launched(execution, wave)
    return server_subjects(
        after_steps(result["serverStatuses"], above(execution, step, wave, result)), values
    )


def above(execution: Execution, step: FrozenStep, wave: FrozenWave, result: WaveResult) -> list[Ended]:
    """Return the steps above one in its wave that have ended since the wave was launched.

    :param result: from :func:`launched`
    """
    steps = wave.after[: wave.after.index(step)]
    return [
        ended
        for ended in all_told(execution, steps, wave)
        if ended.state and ended.state.over and ended.state.attempt >= result["attempt"]
    ]


def recovered_addresses(execution: Execution) -> list[str]:
    """Return the private addresses of all servers that are recovered so far, as CIDR blocks."""
    found: set[str] = set()
    for ref in execution.plan.selected_waves:
        enrich = keys.wave_task_id(ref.number, ref.name, keys.ENRICH)
        doubt = f"The addresses of wave {ref.number} are left out"
        result = WAVE_RESULT.believed(execution, doubt, wave=ref.number, task_id=enrich)
        found |= set(_addresses(result)) if result else set()
    return sorted(found)


def _addresses(result: WaveResult) -> Iterable[str]:
    return (f"{row['privateIp']}/32" for row in result.get("serverStatuses", ()) if row.get("privateIp"))
