"""What an ended execution is measured by, as data points for a metrics service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from drs_provider.core.states import WaveStatus
from drs_provider.rules.record.merging import recovered
from drs_provider.rules.record.schema import ExecutionRecord, ServerRow, WaveRow

EXECUTIONS: Final = "Executions"
EXECUTION_DURATION: Final = "ExecutionDuration"
WAITING_DURATION: Final = "WaitingDuration"
WAVE_DURATION: Final = "WaveDuration"
LAUNCH_SUCCESS: Final = "ServerLaunchSuccess"
LAUNCH_FAILURE: Final = "ServerLaunchFailure"
RTO_USED: Final = "RtoUsed"
RTO_USED_SHARE: Final = "RtoUsedPercent"
RPO_WORST: Final = "RpoWorst"

_NOT_BEGUN: Final = (WaveStatus.PENDING, WaveStatus.SKIPPED)

Unit = Literal["Count", "Percent", "Seconds"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One data point.

    :param dimensions: name → value; an execution's own id is none of them, or every execution would be a metric
    """

    name: str
    value: float
    unit: Unit
    dimensions: tuple[tuple[str, str], ...]


def execution_metrics(
    record: ExecutionRecord, *, rto: Mapping[str, Any], rpo: Mapping[str, Any]
) -> tuple[Metric, ...]:
    """Return the data points of an attempt that has ended; what is not known is left out.

    :param rto: the recovery time as the report has it (``usedSeconds``, ``objectiveSeconds``)
    :param rpo: the data loss as the report has it (``worstSeconds``)
    """
    own = (("PlanName", record["planId"]), ("ExecutionType", record["executionType"]))
    return (
        Metric(EXECUTIONS, 1, "Count", (*own, ("Status", record["status"]))),
        *_times(record, rto, rpo, own),
        *_launches(list(_rows(record["waves"])), own),
        *(metric for wave in record["waves"] for metric in _wave(record, wave, own)),
    )


def _times(
    record: ExecutionRecord,
    rto: Mapping[str, Any],
    rpo: Mapping[str, Any],
    own: tuple[tuple[str, str], ...],
) -> Iterator[Metric]:
    if "durationSeconds" in record:
        yield Metric(EXECUTION_DURATION, record["durationSeconds"], "Seconds", own)
        yield Metric(WAITING_DURATION, record.get("waitingSeconds", 0.0), "Seconds", own)
    if not any(wave["status"] not in _NOT_BEGUN for wave in record["waves"]):
        return  # nothing was recovered, and nothing tried: there is no recovery time
    yield Metric(RTO_USED, rto["usedSeconds"], "Seconds", own)
    if objective := rto.get("objectiveSeconds"):
        yield Metric(RTO_USED_SHARE, round(100 * rto["usedSeconds"] / objective, 1), "Percent", own)
    if "worstSeconds" in rpo:
        yield Metric(RPO_WORST, rpo["worstSeconds"], "Seconds", own)


def _wave(record: ExecutionRecord, wave: WaveRow, own: tuple[tuple[str, str], ...]) -> Iterator[Metric]:
    """Yield the data points of a wave that ran in this attempt; another one has its own already."""
    if wave["status"] in _NOT_BEGUN or wave["attempt"] != record["attempt"]:
        return
    dimensions = (*own, ("WaveName", wave["waveName"]))
    if "startTime" in wave and "endTime" in wave:
        yield Metric(WAVE_DURATION, max(0.0, wave["endTime"] - wave["startTime"]), "Seconds", dimensions)
    yield from _launches(wave.get("serverStatuses", []), dimensions)


def _launches(rows: list[ServerRow], dimensions: tuple[tuple[str, str], ...]) -> Iterator[Metric]:
    if rows:
        good = sum(recovered(row) for row in rows)
        yield Metric(LAUNCH_SUCCESS, good, "Count", dimensions)
        yield Metric(LAUNCH_FAILURE, len(rows) - good, "Count", dimensions)


def _rows(waves: list[WaveRow]) -> Iterator[ServerRow]:
    for wave in waves:
        if wave["status"] not in _NOT_BEGUN:
            yield from wave.get("serverStatuses", ())
