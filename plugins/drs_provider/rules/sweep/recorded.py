"""What a cleanup needs of a frozen plan, from the execution's record: when its run is gone, so is the signed plan."""

from __future__ import annotations

from drs_provider.core.account import AwsTarget
from drs_provider.core.states import ExecutionType
from drs_provider.rules.execution.frozen import FrozenGate, FrozenHold, FrozenPlan, FrozenServer, FrozenWave
from drs_provider.rules.record.schema import ExecutionRecord, WaveRow

# An execution that is over waits for nothing any more.
_NO_TIME = 1


def recorded_plan(record: ExecutionRecord, *, max_age_seconds: float) -> FrozenPlan:
    """Return a header by a record; it is unsigned, and good for no start.

    :raises KeyError: if the record does not tell its run
    """
    return FrozenPlan(
        execution_id=record["executionId"],
        execution_type=ExecutionType(record["executionType"]),
        plan_name=record["planId"],
        plan_title=record.get("planName", record["planId"]),
        plan_hash=record.get("planHash", "unknown"),
        dag_id=record["dagId"],
        dag_run_id=record["dagRunId"],
        run_after=record["triggerTime"],
        conf={},
        started_at=min(attempt["startTime"] for attempt in record["attempts"]),
        priority=1,
        tags={},
        objectives={},
        hold=FrozenHold(enabled=False, timeout_seconds=_NO_TIME),
        cleanup="terminate",
        max_age_seconds=round(max_age_seconds),
        waves=(),
    )


def recorded_wave(wave: WaveRow, target: AwsTarget) -> FrozenWave:
    """Return a wave with its servers by a record."""
    servers = (
        FrozenServer(source_server_id=row["sourceServerId"], name=row.get("serverName", ""))
        for row in wave.get("serverStatuses", ())
    )
    return FrozenWave(
        number=wave["waveNumber"],
        name=wave["waveName"],
        groups=(),
        target=target,
        servers=tuple(servers),
        post_launch_timeout_seconds=_NO_TIME,
        timeout_seconds=_NO_TIME,
        queue_timeout_seconds=_NO_TIME,
        gate=FrozenGate(timeout_seconds=_NO_TIME),
    )
