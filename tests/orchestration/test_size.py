"""A wave of hundreds of servers: what travels through Airflow stays small."""

from __future__ import annotations

import pytest

from drs_provider import keys
from tests.harness.plans import plan
from tests.harness.stage import Stage
from tests.harness.worlds import world

#: One XCom; Airflow's default backend keeps them in its database
MOST_BYTES = 200 * 1024
SERVERS = (
    240  # more than one piece of rows, more than one job; a run of 500 takes twice as long and tells the same
)
FARM = {"generate": SERVERS, "name": "farm-{n}", "tags": {"App": "farm"}, "instance_id_in_job": "10%"}


@pytest.mark.drs_scenario(world() | {"servers": {"all": FARM}})
def test_trap_26_a_wave_of_hundreds_of_servers(play: Stage) -> None:
    made = plan(
        {"name": "everything", "groups": ["farm"], "timeout_minutes": 1440},
        protection_groups={"farm": {"target": "main", "tags": {"App": "farm"}}},
    )
    run = play.plan_run(made, {"skip_gates": True, "cleanup": "keep"}, step_seconds=7200)
    assert run.go() == "success"
    rows = run.wave("everything", run.stored)["serverStatuses"]
    assert len({row["sourceServerId"] for row in rows}) == SERVERS
    assert all(row["instanceId"].startswith("i-") for row in rows)
    assert [len(job.servers) for job in play.jobs()] == [100, 100, 40]
    sizes = run.xcoms.sizes()
    largest = max(sizes, key=lambda address: sizes[address])
    assert sizes[largest] < MOST_BYTES, largest
    assert sizes["prepare", keys.frozen_wave_key(1)] * 500 / SERVERS < MOST_BYTES
    enrich = "wave_1_everything.enrich"
    assert len([key for task, key in sizes if task == enrich and key.startswith("server_rows")]) == 2
    assert "serverStatuses" not in run.record["waves"][0]
