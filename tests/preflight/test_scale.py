from __future__ import annotations

import json
import threading
from collections import Counter

import pytest

from drs_provider.preflight.aws import each
from drs_provider.preflight.findings import MAX_REPORT_BYTES
from tests.preflight.world import FakeAws, check, instance, plan, replication, server, wave

COUNT = 4000
TEN_WAVES = plan(
    protection_groups={f"g{n}": {"target": "main", "tags": {"Wave": str(n)}} for n in range(10)},
    waves=[wave(f"w{n}", [f"g{n}"]) for n in range(10)],
)


def _world() -> FakeAws:
    return FakeAws([server(f"s-{n:017d}", f"server-{n}", tags={"Wave": str(n % 10)}) for n in range(COUNT)])


def test_calls_of_a_recovery_of_4000_servers() -> None:
    aws = _world()
    result = check(aws, TEN_WAVES, execution_type="RECOVERY", source_state="lost")
    assert result.report.ok
    assert result.report.server_count == COUNT
    assert aws.calls == Counter(source_servers=1, recovery_instances=1, active_jobs=1, quotas=1)


def test_calls_of_a_drill_of_4000_servers() -> None:
    aws = _world()
    assert check(aws, TEN_WAVES).report.ok
    assert aws.calls == Counter(
        source_servers=1,
        recovery_instances=1,
        active_jobs=1,
        quotas=1,
        launch_configuration=COUNT,
        launch_template_networks=COUNT,
        subnets=1,
    )


def test_trap_26_a_report_of_4000_servers_in_trouble_stays_small() -> None:
    aws = _world()
    aws.servers = [
        {**row, "dataReplicationInfo": replication("STALLED", f"PT{number}S")}
        for number, row in enumerate(aws.servers)
    ]
    aws.instances = [instance(row["sourceServerID"]) for row in aws.servers]
    report = check(aws, TEN_WAVES).report
    assert len(report.blocking) == 2
    assert len(json.dumps(report.to_dict())) <= MAX_REPORT_BYTES
    assert len(report.text()) < 10_000
    assert "and 3990 more" in report.text()


def test_each_asks_once_per_key_and_keeps_the_order() -> None:
    asked: list[str] = []

    def call(key: str) -> str:
        asked.append(key)
        return key.upper()

    keys = [f"k{n}" for n in range(50)]
    assert list(each([*keys, "k0"], call).items()) == [(key, key.upper()) for key in keys]
    assert sorted(asked) == sorted(keys)
    assert each([], call) == {}


def test_the_first_error_stops_what_has_not_begun() -> None:
    asked: list[str] = []
    never = threading.Event()

    def call(key: str) -> str:
        asked.append(key)
        if key == "k0":
            raise ValueError(key)
        never.wait(0.02)
        return key

    with pytest.raises(ValueError, match="k0"):
        each([f"k{n}" for n in range(1000)], call)
    assert len(asked) < 1000
