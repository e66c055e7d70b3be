"""The object that tests hold."""

import pytest

from drs_simulator.testing import simulator
from tests.simulator.support import DB_1, start


def test_the_clock_can_be_set_going_and_read(drs_in_process):
    before = drs_in_process.now
    assert drs_in_process.now == before
    assert drs_in_process.now_text.endswith("+00:00")
    drs_in_process.set_speed(1000)
    assert drs_in_process.now > before


def test_finish_stops_at_its_limit(drs_in_process):
    job = start(drs_in_process.client(), DB_1)
    drs_in_process.finish(limit_seconds=30)
    (shown,) = drs_in_process.client().describe_jobs(filters={"jobIDs": [job["jobID"]]})["items"]
    assert shown["status"] == "STARTED"


def test_calls_can_be_forgotten(drs_in_process):
    drs_in_process.client().describe_jobs()
    assert [call.operation for call in drs_in_process.calls()] == ["DescribeJobs"]
    drs_in_process.clear_calls()
    assert drs_in_process.calls() == []


@pytest.mark.drs_scenario(speed=0, seed=3, start=1_790_000_000.0)
def test_the_mark_may_name_options_only(drs_in_process):
    assert drs_in_process.now == 1_790_000_000.0
    assert drs_in_process.world.seed == 3


def test_one_server_after_the_other_on_the_same_port():
    with simulator() as first:
        port = int(first.url.rpartition(":")[2])
    with simulator(port=port) as second:
        assert second.url == first.url
        assert second.client().describe_source_servers()["items"]
