"""Task ids, XCom keys and task-state keys: written by one task, read by others, never renamed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Protocol

# Task ids
PREPARE = "prepare"
HOLD_DRILL = "hold_drill"
CLEANUP_DRILL = "cleanup_drill"
FINALIZE = "finalize"
START_RECOVERY = "start_recovery"
WAIT_FOR_RECOVERY = "wait_for_recovery"
ENRICH = "enrich"
STEP = "step"  # stands for every step's task
DECIDE = "decide"  # the last task of a wave with steps after its launches
#: A wave's tasks, in their order; steps stand before and behind them
WAVE_TASKS: Final = (START_RECOVERY, WAIT_FOR_RECOVERY, ENRICH)

# XComs of `prepare`
FROZEN_PLAN = "frozen_plan"
OUTCOME = "outcome"  # "started", "dry_run", "excluded" or "refused"
EXCLUSION = "exclusion"  # why a scheduled drill was left out
PREFLIGHT = "preflight"
PREPARED = "prepared"  # signed: the attempt in which `prepare` ran last
CLAIM = "claim"  # which servers the run holds until its end
PREEMPTION = "preemption"  # written by another run's `prepare`: a RECOVERY cancels this drill
INSTANCES_SEEN = "instances_seen"  # written by `cleanup_drill`: what of the drill was there when it began
NOTIFICATIONS = "notifications"  # the plan's, signed, for the end of a run that was refused
RUN_RECORD = "run_record"  # what is known of a run that was refused before it was frozen

# XComs of a wave's tasks
RECOVERY_JOBS = "recovery_jobs"
PROGRESS = "progress"
WATCH_MEMORY = "watch_memory"
WAVE_RESULT = "wave_result"
OVERRIDES = "overrides"  # what a later attempt overrode; the first one's are in the frozen plan
QUOTA_WAIT = "quota_wait"  # how many servers of the wave wait for quota, and since when
NOTIFICATION_FAILURES = "notification_failures"  # of any task that sends messages
EXPECTED = (
    "expected"  # of `prepare` in a dry run, of `finalize`: what is expected of the plan's next execution
)
METRICS_FAILURE = "metrics_failure"
FAILURE = "failure"  # why a task of ours failed: its absence tells that the task was killed

STEP_RESULT = "step_result"  # how far a step is, and what it came to
ASKING = "asking"  # whether a step that is deferred waits for people

# XComs of gates, cleanup and finalize
GATE_DECISION = "gate_decision"
CLEANUP = "cleanup"
EXECUTION_RECORD = "execution_record"
PLAN_RUN = "plan_run"  # which run a block that runs a plan has started
EXECUTION_RECORD_SIGNATURE = "execution_record_signature"

# The sweeper's task, its XCom, and what it keeps while it watches terminations
SWEEP = "sweep"
SWEEP_REPORT = "sweep_report"
SWEEP_UNDER_WAY = "sweep_under_way"

# The task that looks whether plans are ready, and its XCom
READINESS = "readiness"
READINESS_REPORT = "readiness_report"

# The doctor's task and its XCom
DOCTOR = "doctor"
EVIDENCE = "evidence"
DOCTOR_REPORT = "doctor_report"

# Task state store
PREEMPTED_DRILLS = "preempted_drills"
RTO_AT_RISK = "rto_at_risk"  # with the attempt: that people were told
START_INTENTS = "start_intents"
FIRST_STARTED = "first_started"
QUEUED_SINCE = "queued_since"
GATE_ANSWERS = "gate_answers"
FAILED_TRIES = "failed_tries"
CLEANUP_TARGETS = "cleanup_targets"
CLEANUP_SINCE = "cleanup_since"
CLEANUP_REFUSED = "cleanup_refused"
EARLIER_ATTEMPTS = "earlier_attempts"
ENDED_AT = "ended_at"
METRICS_SENT = "metrics_sent"
OUTAGE_SINCE = "outage_since"  # when AWS was first not reachable, until it is again

# Task state store of building blocks
BLOCK_WAVE = "block_wave"  # what it launches, from its first call on
WATCH_SINCE = "watch_since"  # when a sensor, of an attempt, began to wait

# Airflow Variables: what is kept of a plan from execution to execution, as JSON. Behind the first three: its DAG's id
PLAN_STATE = "drs_plan_state__"
PLAN_FAILOVER = "drs_failover__"
PLAN_DURATIONS = "drs_durations__"
ESTATE_DURATIONS = "drs_durations"  # of the newest waves of all plans

_WAVE_GROUP = re.compile(r"wave_(\d+)_(.+)")
_GATE = re.compile(r"gate_(\d+)")
_STEP = re.compile(r"(before|after)_(.+)")
#: Places of steps around all waves; the groups of their tasks are called so
AROUND: Final = ("before_first", "after_last")


def gate_task_id(wave_number: int) -> str:
    """Return the task id of the gate before a wave (1-based)."""
    return f"gate_{wave_number}"


def wave_group_id(wave_number: int, wave_name: str) -> str:
    """Return the task group id of a wave (1-based)."""
    return f"wave_{wave_number}_{wave_name}"


def wave_task_id(wave_number: int, wave_name: str, task: str) -> str:
    """Return the full task id of one of a wave's tasks."""
    return f"{wave_group_id(wave_number, wave_name)}.{task}"


class NamedWave(Protocol):
    """A wave, as frozen plans and their headers have it."""

    @property
    def number(self) -> int:
        """Its number, from 1."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def decided_by_steps(self) -> bool:
        """Whether `decide` decides it, and not `enrich`."""


def wave_end_task_id(wave: NamedWave) -> str:
    """Return the id of a wave's last task, which tells its result."""
    return wave_task_id(wave.number, wave.name, DECIDE if wave.decided_by_steps else ENRICH)


def step_task(place: str, name: str) -> str:
    """Return the id of a step's task in its group."""
    return name if place in AROUND else f"{place}_{name}"


def step_task_id(place: str, name: str, wave_number: int = 0, wave_name: str = "") -> str:
    """Return the full task id of a step of a wave, or of one around all waves."""
    group = place if place in AROUND else wave_group_id(wave_number, wave_name)
    return f"{group}.{step_task(place, name)}"


def frozen_wave_key(wave_number: int) -> str:
    """Return the XCom and task-state key of a frozen wave."""
    return f"frozen_wave_{wave_number}"


def state_copy_key(task_id: str, key: str) -> str:
    """Return the XCom key on `prepare` of the copy of a value in a task's state store."""
    return f"state_of__{task_id}__{key}"


def server_rows_key(chunk: int) -> str:
    """Return the XCom key of a chunk of a wave's server rows."""
    return f"server_rows_{chunk}"


def pause_key(wave_number: int) -> str:
    """Return the XCom key on `prepare` with which people pause a running execution before a wave."""
    return f"pause_{wave_number}"


#: XCom key on `prepare` with which people give a drill that holds more time, in epoch seconds
HOLD_UNTIL: Final = "hold_until"

#: Airflow's task logs have a folder ``run_id=…``, and file systems bound a name to 255 bytes: of a longer id no task
#: starts, not even the one that could say why, nor the ones that end the run after it is stopped.
MOST_RUN_ID: Final = 255 - len("run_id=")


def waits_for_people(task_id: str, state: str | None) -> bool:
    """Whether a task is a gate, or a drill's hold, that waits for an answer."""
    return state == "deferred" and (task_id == HOLD_DRILL or _GATE.fullmatch(task_id) is not None)


def may_wait_for_people(task_id: str, state: str | None) -> bool:
    """Whether a task waits for an answer, or is a step that is deferred and may: its request, or ASKING, tells."""
    return waits_for_people(task_id, state) or (state == "deferred" and is_step(task_id))


def is_step(task_id: str) -> bool:
    """Whether a task is a step's."""
    group_id, _, task = task_id.partition(".")
    return bool(task) and (
        group_id in AROUND
        or (_WAVE_GROUP.fullmatch(group_id) is not None and _STEP.fullmatch(task) is not None)
    )


@dataclass(frozen=True)
class TaskRole:
    """What a task id of a plan's DAG stands for.

    :param task: one of the task id constants of this module, ``gate``, or ``step``
    :param wave_number: 1-based number of the wave, or 0
    :param wave_name: name of the wave, or an empty text
    :param place: of a step: ``before``, ``after``, ``before_first`` or ``after_last``
    :param step_name: name of a step
    """

    task: str
    wave_number: int = 0
    wave_name: str = ""
    place: str = ""
    step_name: str = ""


def role_of(task_id: str) -> TaskRole:
    """Tell what a task id stands for.

    :raises ValueError: if no DAG of this provider has such a task
    """
    if task_id in (PREPARE, HOLD_DRILL, CLEANUP_DRILL, FINALIZE):
        return TaskRole(task_id)
    if gate := _GATE.fullmatch(task_id):
        return TaskRole("gate", int(gate[1]))
    group_id, _, task = task_id.partition(".")
    if group_id in AROUND and task:
        return TaskRole(STEP, place=group_id, step_name=task)
    if wave := _WAVE_GROUP.fullmatch(group_id):
        if task in (*WAVE_TASKS, DECIDE):
            return TaskRole(task, int(wave[1]), wave[2])
        if step := _STEP.fullmatch(task):
            return TaskRole(STEP, int(wave[1]), wave[2], step[1], step[2])
    raise ValueError(f"no recovery plan's DAG has a task {task_id!r}")
