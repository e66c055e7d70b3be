"""What was expected of an execution, and when it will have recovered everything, as it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from drs_provider import keys
from drs_provider.airflow_rest.client import Api
from drs_provider.airflow_rest.executions import Execution
from drs_provider.airflow_rest.plans import Plans
from drs_provider.airflow_rest.texts import epoch
from drs_provider.core.states import ExecutionType, WaveStatus
from drs_provider.rules.eta import Eta, WaveNow, eta
from drs_provider.rules.execution.expectation import CHECKS, NOTHING, Expectation, Range
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.rules.record.estimate import estimate
from drs_provider.snapshot.model import WAITING, Question, Rto, WaveSnapshot
from drs_provider.snapshot.wave_reader import Task, task_state

_MOST_RUNS: Final = 10
_NEVER: Final = (WaveStatus.FAILED, WaveStatus.CANCELLED)


def expectation_of(header: Mapping[str, Any], frozen: Mapping[int, FrozenWave]) -> Expectation | None:
    """Return what was frozen as expected; the documented profile for a plan that an older version froze."""
    told = None
    # One that another version of the provider froze in another form: its estimates are missing here, nothing else.
    with suppress(ValidationError):
        told = Expectation.model_validate(header["expected"]) if header.get("expected") else None
    if told is not None and told.waves:
        return told
    if not header or len(frozen) != len(header["waves"]):
        return told
    profile = estimate(ExecutionType(header["execution_type"]), list(frozen.values()))
    # The whole as it was told to people; only what is behind it is made up.
    return profile if told is None else profile.model_copy(update={"seconds": told.seconds})


@dataclass(frozen=True)
class Foreseen:
    """What is expected of a plan's next execution.

    :param run_id: the run that told it
    :param execution_type: of that run; phases of launches are the same for both
    """

    expectation: Expectation
    run_id: str
    execution_type: str


def foreseen(api: Api, dag_id: str, execution_type: str) -> Foreseen | None:
    """Return what the newest run of a plan tells of the next one; None if no run has told anything.

    The newest of the type goes before newer ones of the other: steps and gates may differ.

    :raises RefusedError: if Airflow refuses
    """
    found: Foreseen | None = None
    for run in Plans(api).newest([dag_id], _MOST_RUNS):
        kind = str((run.get("conf") or {}).get("execution_type") or "DRILL")
        if found is not None and kind != execution_type:
            continue
        told = _told(Execution(api, run))
        if told is not None:
            found = Foreseen(told, str(run["dag_run_id"]), kind)
        if told is not None and kind == execution_type:
            break
    return found


def _told(execution: Execution) -> Expectation | None:
    """Return what a run tells: at its end, in a dry run, or when it was frozen."""
    for value in (
        execution.facts(keys.FINALIZE, keys.EXPECTED),
        execution.facts(keys.PREPARE, keys.EXPECTED),
        (execution.header or {}).get("expected"),
    ):
        with suppress(ValidationError):
            if value and (read := Expectation.model_validate(value)).waves:
                return read
    return None


def running_eta(
    expectation: Expectation | None,
    frozen: Mapping[int, FrozenWave],
    waves: Sequence[WaveSnapshot],
    tasks: Mapping[str, Task],
    *,
    questions: Sequence[Question],
    rto: Rto | None,
    now: float,
) -> Eta | None:
    """Return when everything will be recovered; None before that is known, where it will not be, and afterwards."""
    if expectation is None or not waves or any(wave.status in _NEVER for wave in waves):
        return None
    after = _after_last(expectation, tasks, now)
    if after == NOTHING and all(wave.status in (WaveStatus.COMPLETED, WaveStatus.SKIPPED) for wave in waves):
        return None
    opened = {question.wave_number: question.opened_at for question in questions if question.is_gate}
    rto_at = None
    if rto is not None and rto.remaining_seconds is not None:
        rto_at = now + rto.remaining_seconds
    return eta(
        expectation,
        [_now(wave, frozen.get(wave.number), tasks, opened.get(wave.number), now) for wave in waves],
        now=now,
        rto_at=rto_at,
        after=after,
    )


def _now(
    wave: WaveSnapshot,
    frozen: FrozenWave | None,
    tasks: Mapping[str, Task],
    opened: float | None,
    now: float,
) -> WaveNow:
    if wave.status in (WaveStatus.COMPLETED, WaveStatus.SKIPPED):
        return WaveNow(wave.number, ready=True)
    start, _, enrich = (
        tasks.get(keys.wave_task_id(wave.number, wave.name, task)) for task in keys.WAVE_TASKS
    )
    begun = epoch(start["end_date"]) if start is not None and task_state(start) == "success" else None
    return WaveNow(
        wave.number,
        elapsed=None if begun is None else max(0.0, now - begun),
        phase=CHECKS if task_state(enrich) == "success" else wave.phase,
        waiting=None if opened is None else max(0.0, now - opened),
        gated=wave.status == WAITING
        or (wave.status == WaveStatus.PENDING and frozen is not None and frozen.gate.armed_by is not None),
    )


def _after_last(expectation: Expectation, tasks: Mapping[str, Task], now: float) -> Range:
    """Return what remains of the steps behind all waves."""
    if expectation.after is None:
        return NOTHING
    own = [task for task_id, task in tasks.items() if task_id.startswith(f"{keys.AROUND[1]}.")]
    if own and all(task["state"] in ("success", "skipped") for task in own):
        return NOTHING
    begun = [moment for task in own if task["state"] and (moment := epoch(task["start_date"]))]
    gone = max(0.0, now - min(begun)) if begun else 0.0
    return Range(*(max(each - gone, 0.05 * each) for each in expectation.after.range))
