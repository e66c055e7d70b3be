from __future__ import annotations

import json
import threading
from collections import Counter

import pytest

from drs_provider.preflight.aws import each
from drs_provider.preflight.findings import MAX_REPORT_BYTES
from tests.preflight.world import (
    MAIN,
    SUBNET,
    FakeAws,
    check,
    instance,
    plan,
    replication,
    server,
    wave,
)

COUNT = 4000
TEN_WAVES = plan(
    protection_groups={f"g{n}": {"target": "main", "tags": {"Wave": str(n)}} for n in range(10)},
    waves=[wave(f"w{n}", [f"g{n}"]) for n in range(10)],
)


def _world() -> FakeAws:
    return FakeAws([server(f"s-{n:017d}", f"server-{n}", tags={"Wave": str(n % 10)}) for n in range(COUNT)])


# What a run of any size asks; the launch settings, which DRS tells of one server at a time, come on top.
BULK = Counter(
    source_servers=1,
    recovery_instances=1,
    active_jobs=1,
    quotas=1,
    launch_templates=1,
    subnets=1,
    running_instances=1,
    default_vcpus=1,
    vcpu_quotas=1,
    simulate=4,
)


@pytest.mark.parametrize("conf", [{}, {"execution_type": "RECOVERY", "source_state": "lost"}])
def test_calls_of_4000_servers(conf: dict[str, str]) -> None:
    aws = _world()
    result = check(aws, TEN_WAVES, **conf)
    assert result.report.ok
    assert result.report.server_count == COUNT
    assert aws.calls == BULK + Counter(launch_configuration=COUNT)


def test_calls_of_4000_servers_over_ten_waves_and_three_accounts() -> None:
    accounts = {f"a{n}": {**MAIN, "account_id": str(n) * 12} for n in range(1, 4)}
    of_plan = plan(
        targets=accounts,
        protection_groups={f"g{n}": {"target": f"a{n % 3 + 1}", "tags": {"Wave": str(n)}} for n in range(10)},
        waves=[wave(f"w{n}", [f"g{n}"]) for n in range(10)],
    )
    worlds = {name: FakeAws() for name in accounts}
    for number in range(COUNT):
        home = worlds[f"a{number % 10 % 3 + 1}"]
        home.servers.append(server(f"s-{number:017d}", tags={"Wave": str(number % 10)}))
        home.free_addresses[SUBNET] = COUNT
    result = check(worlds, of_plan)
    assert result.report.ok, result.report.text()
    assert result.report.server_count == COUNT
    for world in worlds.values():
        assert world.calls == BULK + Counter(launch_configuration=len(world.servers))


def test_trap_26_a_report_of_4000_servers_in_trouble_stays_small() -> None:
    aws = _world()
    aws.servers = [
        {**row, "dataReplicationInfo": replication("STALLED", f"PT{number}S")}
        for number, row in enumerate(aws.servers)
    ]
    aws.recovered = [instance(row["sourceServerID"]) for row in aws.servers]
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
