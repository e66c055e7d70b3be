"""Thousands of servers in ten waves over three accounts and Regions: a whole drill, and what it takes of everything.

A thousand by default, so that the tests stay quick; the limits are those of 4,000. ``make scale`` plays all 4,000.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import Any

import pytest

from drs_provider.history.values import size_of
from tests.harness.plan_run import PlanRun
from tests.harness.stage import TABLE, Stage
from tests.history.world import ITEM_LIMIT_BYTES
from tests.scale.estate import SITES, estate_plan, scenario

FULL = 400
SERVERS_PER_WAVE = int(os.environ.get("DRS_TEST_SERVERS_PER_WAVE", "100"))
WAVES = 10
SERVERS = WAVES * SERVERS_PER_WAVE
#: A job holds a hundred servers.
JOBS = WAVES * -(-SERVERS_PER_WAVE // 100)
#: One XCom, and one value of the task state store: Airflow's API server and database take them in one piece.
MOST_BYTES_OF_A_VALUE = 256 * 1024
#: Rows of servers are cut into pieces; other values grow with the servers, and must fit at the full number, too.
IN_PIECES = ("server_rows", "wave_result")
#: The report of a run as one file each of JSON and HTML, for each server.
MOST_REPORT_BYTES_OF_A_SERVER = 3000
#: Each operation's calls in a whole run: what is asked for every server, for every job and look, for every wave.
#: A server's launch configuration is looked at by preflight, before its launch and before its instance is terminated.
PER_SERVER = {"drs:GetLaunchConfiguration": 3}
#: A job's log is read at each look until its launches begin, then when a state changes, and at its end by three tasks;
#: that of a hundred servers is one page.
PER_JOB = {"drs:StartRecovery": 1, "drs:TerminateRecoveryInstances": 2, "drs:DescribeJobLogItems": 8}
#: Tasks of a wave, gates, polls and pages: a few calls each, whatever the number of servers.
MOST_OTHER_CALLS = 60 * WAVES


def calls_of(play: Stage) -> Counter[str]:
    """Return how often each operation was called.

    The stage's polls follow each other in real time, however long simulated time stands still: the same question about
    jobs in the same moment counts once.
    """
    calls = play.simulator.calls(service="*")
    polls = [call for call in calls if call.operation == "DescribeJobs"]
    counts = Counter(f"{call.service}:{call.operation}" for call in calls)
    counts["drs:DescribeJobs"] = len(
        {(call.at, call.account_id, call.region, str(call.params)) for call in polls}
    )
    return counts


def items_of(play: Stage) -> list[dict[str, Any]]:
    """Return every item of the history table, as Python values."""
    table = play.simulator.client("dynamodb")
    pages = table.get_paginator("scan").paginate(TableName=TABLE)
    return [item for page in pages for item in page["Items"]]


@pytest.mark.drs_scenario(scenario(SERVERS_PER_WAVE))
def test_trap_26_thousands_of_servers(play: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    run = play.plan_run(estate_plan(), {"skip_gates": True}, step_seconds=7200)
    assert run.go() == "success", {task: str(row.error) for task, row in run.rows.items() if row.error}
    figures = {
        "servers": SERVERS,
        "calls": dict(calls_of(play)),
        "largest XComs": largest(run.xcoms.sizes()),
        "largest states": largest(states(run)),
        "largest items": sorted((len(json.dumps(item)) for item in items_of(play)), reverse=True)[:3],
        "report": {path.suffix: path.stat().st_size for path in play.reports.rglob("report-1.*")},
    }
    with capsys.disabled():
        print("\n" + json.dumps(figures, indent=1))
    everything_recovered_and_cleaned_up(play, run)
    values_stay_small(play, run)
    calls_stay_few(play)


def states(run: PlanRun) -> dict[tuple[str, str], int]:
    """Return the bytes of every value of the task state stores."""
    return {
        (task_id, key): len(json.dumps(value))
        for task_id, kept in run.stores.items()
        for key, value in kept.items()
    }


def largest(sizes: dict[tuple[str, str], int]) -> dict[str, int]:
    found = sorted(sizes.items(), key=lambda item: item[1], reverse=True)[:4]
    return {f"{task_id}.{key}": size for (task_id, key), size in found}


def everything_recovered_and_cleaned_up(play: Stage, run: PlanRun) -> None:
    record = run.stored
    assert record["status"] == "COMPLETED"
    rows = [row for wave in record["waves"] for row in wave["serverStatuses"]]
    assert len({row["sourceServerId"] for row in rows}) == len(rows) == SERVERS
    assert all(row["instanceId"].startswith("i-") and row["privateIp"] for row in rows)
    for account, region, _, waves in SITES.values():
        place = {"account": account, "region": region}
        launched = play.launched_servers(**place)
        assert len(set(launched)) == len(launched) == len(waves) * SERVERS_PER_WAVE
        instances = play.simulator.region(account, region).instances.values()
        assert list(instances) == []


def values_stay_small(play: Stage, run: PlanRun) -> None:
    growth = FULL / SERVERS_PER_WAVE
    for address, size in {**run.xcoms.sizes(), **states(run)}.items():
        full = size if address[1].startswith(IN_PIECES) else size * growth
        assert full < MOST_BYTES_OF_A_VALUE, address
    items = items_of(play)
    assert items
    assert max(size_of(item) for item in items) < ITEM_LIMIT_BYTES
    for path in play.reports.rglob("report-1.*"):
        assert path.stat().st_size < SERVERS * MOST_REPORT_BYTES_OF_A_SERVER


def calls_stay_few(play: Stage) -> None:
    calls = calls_of(play)
    for operation, most in PER_SERVER.items():
        assert 0 < calls.pop(operation) <= most * SERVERS
    for operation, most in PER_JOB.items():
        assert 0 < calls.pop(operation) <= most * JOBS
    for operation, count in calls.items():
        assert count <= MOST_OTHER_CALLS, operation
