"""Whether a wave may start where it stands in the run: the DAG's edges may have been edited, or cleared in part."""

from __future__ import annotations

from collections.abc import Mapping

from drs_provider import keys
from drs_provider.core.states import WaveStatus
from drs_provider.core.task_states import TASK_OVER
from drs_provider.exceptions import ExecutionRefusedError
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.rules.steps.state import StepStatus
from drs_provider.runtime.channels.declared import CLEANUP, WAVE_RESULT
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.jobs import start_task_id
from drs_provider.runtime.steps import all_told
from drs_provider.runtime.watch import told_before_its_jobs


def check_preconditions(execution: Execution, wave: FrozenWave) -> None:
    """Refuse to start a wave that is not where its frozen plan puts it.

    :raises ExecutionRefusedError: if the plan's waves were edited meanwhile, if a wave before it has not come to its
        end, if nothing would clean up and record what it launches, or if the drill's other waves were cleaned up
    """
    states = execution.view.task_states()
    problem = (
        _renamed(execution, wave)
        or _too_early(execution, wave, states)
        or _too_late(states)
        or _steps_open(execution, wave)
        or _cleaned_up_since(execution, wave, states)
    )
    if problem:
        raise ExecutionRefusedError(f"wave {wave.number} ({wave.name}) starts nothing: {problem}")


def _renamed(execution: Execution, wave: FrozenWave) -> str | None:
    task_id = execution.context["ti"].task_id
    if task_id == start_task_id(wave):
        return None
    return f"the plan's waves were edited while the execution runs: {task_id} is not its task"


def _too_early(execution: Execution, wave: FrozenWave, states: Mapping[str, str | None]) -> str | None:
    refs = {ref.number: ref for ref in execution.plan.waves}
    names = {number: ref.name for number, ref in refs.items()}
    for number in wave.depends_on:
        end = keys.wave_end_task_id(refs[number])
        state = states.get(end)
        if state == "skipped" and _skipped_by_us(execution, number, names[number]):
            continue
        if state == "success":
            result = WAVE_RESULT.read(execution, wave=number, task_id=end).value
            if (
                result is not None
                and result["status"] == WaveStatus.COMPLETED
                and not told_before_its_jobs(execution, execution.wave(number), result)
            ):
                continue
            return (
                f"wave {number} ({names[number]}), which it depends on, has not completed, although its task "
                "was marked as success: what happened counts, not the colour. Clear that wave's group"
            )
        return f"wave {number} ({names[number]}), which it depends on, has not come to its end ({state})"
    return None


def _skipped_by_us(execution: Execution, number: int, name: str) -> bool:
    """Whether a wave was left out: Airflow also skips what has not begun when a run is marked failed."""
    start = keys.wave_task_id(number, name, keys.START_RECOVERY)
    return WAVE_RESULT.read(execution, wave=number, task_id=start).value is not None


def _steps_open(execution: Execution, wave: FrozenWave) -> str | None:
    """Tell which step before the wave has not passed, whatever its task's colour says."""
    told = all_told(execution, wave.before, wave)
    if not wave.depends_on:
        told += all_told(execution, execution.plan.before_first, None)
    for step, state in told:
        if state is None or not state.over:
            return f"its step {step.name} has not come to its end. Clear that step"
        if state.status == StepStatus.FAILED and step.on_failure != "continue":
            return f"its step {step.name} failed. Clear that step"
    return None


def _too_late(states: Mapping[str, str | None]) -> str | None:
    for task_id in (keys.CLEANUP_DRILL, keys.FINALIZE):
        if states.get(task_id) in TASK_OVER:
            return f"{task_id} is over, and would not see what it launches; clear the wave's group with downstream"
    return None


def _cleaned_up_since(execution: Execution, wave: FrozenWave, states: Mapping[str, str | None]) -> str | None:
    """Tell which other waves' instances an earlier attempt's cleanup has terminated.

    Started alone, the wave would end a drill as COMPLETED of which only a part existed at any time.
    """
    if (
        not execution.plan.is_drill
        or not (report := CLEANUP.read(execution).value)
        or not report.get("terminated")
    ):
        return None
    gone = []
    for ref in execution.plan.selected_waves:
        enrich = keys.wave_task_id(ref.number, ref.name, keys.ENRICH)
        result = (
            WAVE_RESULT.read(execution, wave=ref.number, task_id=enrich).value
            if states.get(enrich) == "success"
            else None
        )
        if (
            ref.number != wave.number
            and result
            and result.get("jobs")
            and result["attempt"] <= report["attempt"]
        ):
            gone.append(f"{ref.number} ({ref.name})")
    if not gone:
        return None
    return (
        f"the cleanup of attempt {report['attempt']} has terminated the drill, with it wave {', wave '.join(gone)}. "
        "Clear the run from its first wave on, with downstream, or start a new drill; to retry single waves of a "
        "drill, keep its instances (cleanup: keep)"
    )
