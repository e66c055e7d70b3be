"""Statuses of executions, waves and servers, and the only moves allowed between them.

The tables are the whole state machine: history writes along them (``allowed_from`` is the condition of
the conditional write), and the functions below compute a status from the waves. Nothing else decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import overload


class ExecutionType(StrEnum):
    """Kind of an execution; open to failback."""

    DRILL = "DRILL"
    RECOVERY = "RECOVERY"

    @property
    def is_drill(self) -> bool:
        """Value of ``isDrill`` in StartRecovery."""
        return self is ExecutionType.DRILL

    @property
    def initiated_by(self) -> str:
        """Value of ``initiatedBy`` that DRS gives to the jobs of this kind."""
        return "START_DRILL" if self.is_drill else "START_RECOVERY"


class ExecutionStatus(StrEnum):
    """Status of an execution's current attempt.

    ``CANCELLING`` is only shown: the command line derives it from Airflow's task states. No task writes it, since one
    that could is killed with the run; a record that has it all the same can be ended.
    """

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    POLLING = "POLLING"
    PAUSED = "PAUSED"
    CANCELLING = "CANCELLING"
    COMPLETED = "COMPLETED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class WaveStatus(StrEnum):
    """Status of a wave in the execution's current attempt."""

    PENDING = "PENDING"
    LAUNCHING = "LAUNCHING"
    POLLING = "POLLING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"


class LaunchStatus(StrEnum):
    """DRS's own ``launchStatus`` of a server in a job."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    LAUNCHED = "LAUNCHED"
    FAILED = "FAILED"
    TERMINATED = "TERMINATED"


_E = ExecutionStatus
_W = WaveStatus

LIVE_EXECUTION = frozenset({_E.PENDING, _E.IN_PROGRESS, _E.POLLING, _E.PAUSED})
TERMINAL_EXECUTION = frozenset({_E.COMPLETED, _E.PARTIAL, _E.FAILED, _E.CANCELLED})
LIVE_WAVE = frozenset({_W.PENDING, _W.LAUNCHING, _W.POLLING})
TERMINAL_WAVE = frozenset({_W.COMPLETED, _W.FAILED, _W.CANCELLED, _W.SKIPPED})

_LOST = "the write in between was lost while the table could not be reached"

# target -> {source: why the move exists}
EXECUTION_TRANSITIONS: Mapping[ExecutionStatus, Mapping[ExecutionStatus, str]] = MappingProxyType(
    {
        _E.PENDING: {},
        _E.IN_PROGRESS: {_E.PENDING: "the first wave may begin"},
        _E.POLLING: {
            _E.IN_PROGRESS: "the first jobs run",
            _E.PAUSED: "the last waiting gate was answered",
            _E.PENDING: _LOST,
        },
        _E.PAUSED: {
            _E.POLLING: "an armed gate waits",
            _E.IN_PROGRESS: "the gate before the first wave waits",
            _E.PENDING: _LOST,
        },
        _E.COMPLETED: {
            _E.POLLING: "every server of every selected wave recovered",
            _E.IN_PROGRESS: "every selected wave resolved to no servers, as its plan allows",
            _E.PENDING: _LOST,
            _E.PAUSED: _LOST,
        },
        _E.PARTIAL: {
            _E.POLLING: "some of it recovered",
            _E.IN_PROGRESS: _LOST,
            _E.PENDING: _LOST,
            _E.PAUSED: "finalize found the parallel waves' result while a gate still waited",
        },
        _E.FAILED: {
            _E.PENDING: "preflight stopped it",
            _E.IN_PROGRESS: "the first wave could not be started",
            _E.POLLING: "no wave completed",
            _E.PAUSED: "evidence did not verify behind a gate",
        },
        _E.CANCELLED: {
            _E.CANCELLING: "whoever wrote it, a cancel was asked for",
            **{status: "a person stopped the run, or a gate was rejected" for status in LIVE_EXECUTION},
        },
    }
)

WAVE_TRANSITIONS: Mapping[WaveStatus, Mapping[WaveStatus, str]] = MappingProxyType(
    {
        _W.PENDING: {},
        _W.LAUNCHING: {_W.PENDING: "its gate is open"},
        _W.POLLING: {_W.LAUNCHING: "its jobs are started or adopted", _W.PENDING: _LOST},
        _W.COMPLETED: {
            _W.POLLING: "its criteria are met and its instances are known",
            _W.LAUNCHING: "it resolved to no servers, as its plan allows",
            _W.PENDING: _LOST,
        },
        _W.FAILED: {
            _W.POLLING: "its criteria are not met",
            _W.LAUNCHING: "StartRecovery failed, or its queue timeout passed",
            _W.PENDING: "the execution ended in failure before it began",
        },
        _W.CANCELLED: {status: "a person stopped the run, or its gate was rejected" for status in LIVE_WAVE},
        _W.SKIPPED: {_W.PENDING: "not selected, or left out by decision at its gate"},
    }
)

#: Statuses of an attempt that a later one (Airflow's clear) opens again: it is over, or was killed before it could end.
NEW_ATTEMPT_EXECUTION_SOURCES = TERMINAL_EXECUTION | {_E.CANCELLING}


@overload
def allowed_from(target: ExecutionStatus) -> frozenset[ExecutionStatus]: ...
@overload
def allowed_from(target: WaveStatus) -> frozenset[WaveStatus]: ...
def allowed_from(
    target: ExecutionStatus | WaveStatus,
) -> frozenset[ExecutionStatus] | frozenset[WaveStatus]:
    """Return the stored statuses from which ``target`` may be written within an attempt.

    The target itself is not among them: whoever finds it stored already has nothing to do.
    """
    if isinstance(target, ExecutionStatus):
        return frozenset(EXECUTION_TRANSITIONS.get(target, ()))
    return frozenset(WAVE_TRANSITIONS[target])


@dataclass(frozen=True)
class WaveOutcome:
    """What the end of an attempt needs to know of a wave.

    :param selected: False if the run's ``waves`` left it out; such a wave counts for nothing
    :param servers_recovered: servers that this execution launched and that are in order
    :param skipped_by_decision: somebody answered its gate with "skip wave"
    :param accepted: the failure of one of its steps was accepted by a person
    """

    number: int
    selected: bool
    status: WaveStatus
    servers_total: int
    servers_recovered: int
    skipped_by_decision: bool = False
    accepted: bool = False

    @property
    def completed(self) -> bool:
        """Whether the wave met its criteria."""
        return self.status is WaveStatus.COMPLETED

    @property
    def skipped(self) -> bool:
        """Whether a person left it out; a wave skipped because another failed does not count."""
        return self.status is WaveStatus.SKIPPED and self.skipped_by_decision


def running_status(*, gate_waiting: bool) -> ExecutionStatus:
    """Return the status of an execution that runs: PAUSED while any armed gate waits."""
    return ExecutionStatus.PAUSED if gate_waiting else ExecutionStatus.POLLING


def terminal_status(
    waves: Sequence[WaveOutcome],
    *,
    stopped_by_person: bool,
    started: bool,
    ended_well: bool = True,
    accepted: bool = False,
) -> ExecutionStatus:
    """Return how an attempt ended.

    :param stopped_by_person: stopped or rejected by a person, or a gate timed out on ``reject``
    :param started: False if it ended before its first wave (conf, identity or preflight stopped it)
    :param ended_well: False if what comes after the waves did not end well: instances of a drill are left and are not
        kept on purpose, or its hold failed. What was recovered stays recovered, so this is PARTIAL, with a red run
    :param accepted: a person accepted that a step around all waves failed
    """
    if stopped_by_person:
        return ExecutionStatus.CANCELLED
    selected = [wave for wave in waves if wave.selected]
    completed = [wave for wave in selected if wave.completed]
    if not started or not completed:
        # Also when every wave was skipped by decision: nothing was recovered.
        return ExecutionStatus.FAILED
    all_recovered = all(
        wave.servers_recovered >= wave.servers_total and not wave.accepted for wave in completed
    )
    if len(completed) == len(selected) and all_recovered and ended_well and not accepted:
        return ExecutionStatus.COMPLETED
    return ExecutionStatus.PARTIAL


def run_is_green(status: ExecutionStatus, waves: Sequence[WaveOutcome], *, ended_well: bool = True) -> bool:
    """Return whether the DAG run ends in success: COMPLETED, or PARTIAL in which nothing failed.

    The record says the same: a red run has an ``errorMessage``, a green one has none.
    """
    if not ended_well:
        return False
    if status is ExecutionStatus.COMPLETED:
        return True
    if status is not ExecutionStatus.PARTIAL:
        return False
    return all(wave.completed or wave.skipped for wave in waves if wave.selected)
