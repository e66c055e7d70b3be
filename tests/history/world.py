"""Frozen plans and records that the tests of records, history and reports start from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drs_provider.core.account import AwsTarget
from drs_provider.core.states import ExecutionType
from drs_provider.rules.execution.frozen import (
    FrozenGate,
    FrozenHold,
    FrozenPlan,
    FrozenServer,
    FrozenWave,
    FrozenWaveRef,
)
from drs_provider.rules.record.execution_record import initial_record
from drs_provider.rules.record.schema import ExecutionRecord, ServerRow

T0 = 1_800_000_000.0
#: DynamoDB's.
ITEM_LIMIT_BYTES = 400 * 1024
MAIN = AwsTarget("main", "aws_dr", "111122223333", "eu-west-1", own_account=True)
BRANCH = AwsTarget(
    "branch", "aws_dr", "222233334444", "eu-central-1", role="DRSOrchestrationRole", external_id="erp-dr-7f3a"
)
NAMES = ("database", "application", "web")


def server_id(wave: int, number: int) -> str:
    return f"s-{wave:04d}{number:013x}"


def frozen_wave(number: int, servers: int, *, name: str | None = None, **changes: Any) -> FrozenWave:
    fields: dict[str, Any] = {
        "number": number,
        "name": name or (NAMES[number - 1] if number <= 3 else f"wave-{number}"),
        "depends_on": (number - 1,) if number > 1 else (),
        "groups": (f"group_{number}",),
        "target": BRANCH if number == 3 else MAIN,
        "servers": tuple(
            FrozenServer(source_server_id=server_id(number, n), name=f"erp-{number}-{n}", lag_at_start="PT5S")
            for n in range(1, servers + 1)
        ),
        "post_launch_timeout_seconds": 1800,
        "timeout_seconds": 5400,
        "queue_timeout_seconds": 3600,
        "gate": FrozenGate(
            armed_by="plan" if number == 2 else None,
            message="Check the database first.",
            timeout_seconds=3600,
        ),
    }
    return FrozenWave(**(fields | changes))


def frozen_plan(waves: Sequence[FrozenWave], **changes: Any) -> FrozenPlan:
    fields: dict[str, Any] = {
        "execution_id": "1c0b0c5e-0f3a-5d77-9a55-0d6b3f3b8a01",
        "execution_type": ExecutionType.DRILL,
        "plan_name": "erp_three_tier",
        "plan_title": "ERP, three tiers",
        "plan_hash": "a" * 64,
        "dag_id": "drs_erp_three_tier",
        "dag_run_id": "manual__1",
        "run_after": T0 - 10,
        "conf": {},
        "initiated_by": "dr-lead",
        "reason": "quarterly drill",
        "started_at": T0,
        "owner": "erp-operations",
        "priority": 10,
        "tags": {"CostCenter": "4711"},
        "objectives": {"rto_minutes": 120, "rpo_minutes": 15},
        "hold": FrozenHold(enabled=True, timeout_seconds=14_400),
        "cleanup": "terminate",
        "max_age_seconds": 43_200,
        "waves": tuple(
            FrozenWaveRef(number=w.number, name=w.name, selected=w.selected, depends_on=w.depends_on)
            for w in waves
        ),
        "preflight": {"errors": 0, "warnings": 1},
    }
    return FrozenPlan(**(fields | changes))


def record_of(sizes: Sequence[int] = (2, 3, 3), *, attempt: int = 1, **changes: Any) -> ExecutionRecord:
    waves = [frozen_wave(number, size) for number, size in enumerate(sizes, start=1)]
    plan = frozen_plan(waves, **changes)
    return initial_record(plan, waves, attempt=attempt, expected_duration_seconds=1200, now=T0)


def launched_rows(record: ExecutionRecord, wave: int, **fields: Any) -> list[ServerRow]:
    rows: list[ServerRow] = []
    for number, row in enumerate(record["waves"][wave - 1]["serverStatuses"], start=1):
        instance = f"i-{wave:04d}{number:013x}"
        launched: ServerRow = {
            **row,
            "launchStatus": "LAUNCHED",
            "recoveryJobId": f"drsjob-{wave:017d}",
            "recoveryInstanceId": instance,
            "instanceId": instance,
            "privateIp": f"10.{wave}.{number // 250}.{number % 250}",
            "hostname": f"ip-10-{wave}-{number // 250}-{number % 250}.eu-west-1.compute.internal",
            "instanceType": "m6i.large",
            "launchTime": T0 + wave * 600 + 279,
            "launchedTime": T0 + wave * 600 + 529,
            "pollAttempts": 40,
            "lastPolledTime": T0 + wave * 600 + 533,
            "pointInTime": T0 - 300 - number,
            "attempts": 1,
            "phases": [
                {"name": "snapshot", "start": T0 + wave * 600 + 0.8, "end": T0 + wave * 600 + 1},
                {"name": "conversion", "start": T0 + wave * 600 + 53, "end": T0 + wave * 600 + 250.5},
                {"name": "launch", "start": T0 + wave * 600 + 250.5, "end": T0 + wave * 600 + 529},
            ],
            "transitionHistory": [
                {"status": "PENDING", "timestamp": T0 + wave * 600 + 5},
                {"status": "IN_PROGRESS", "timestamp": T0 + wave * 600 + 260},
                {"status": "LAUNCHED", "timestamp": T0 + wave * 600 + 533},
            ],
        }
        rows.append({**launched, **fields})  # type: ignore[typeddict-item]
    return rows
