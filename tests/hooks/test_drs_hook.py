"""The hook that any DAG may use: typed, whole, proven, either way; it changes nothing."""

from __future__ import annotations

import asyncio

import pytest

from drs_provider.core.states import LaunchStatus
from drs_provider.exceptions import DrsIdentityError
from drs_provider.hooks.drs_hook import DrsHook
from tests.harness.fixtures import play, pytest_configure
from tests.harness.plans import WIKI
from tests.harness.stage import Stage

__all__ = ["play", "pytest_configure"]

pytestmark = pytest.mark.drs_scenario("three_tier", history=False)


def hook(account_id: str = "111122223333") -> DrsHook:
    return DrsHook(aws_conn_id="aws_dr", region_name="eu-west-1", account_id=account_id, own_account=True)


def test_it_tells_what_drs_says(play: Stage) -> None:
    servers = [{"sourceServerID": server} for server in WIKI]
    job_id = play.simulator.client().start_recovery(sourceServers=servers, isDrill=True)["job"]["jobID"]
    play.simulator.advance(3600)
    drs = hook()
    (job,) = drs.jobs([job_id])
    assert (job.completed, job.server_ids) == (True, frozenset(WIKI))
    assert {row.launch_status for row in job.servers} == {LaunchStatus.LAUNCHED}
    assert [found.job_id for found in drs.jobs_since(play.now() - 7200)] == [job_id]
    assert drs.active_jobs() == ()
    assert drs.job_log(job_id)[-1].event == "JOB_END"
    views = drs.recovery_instances(source_server_ids=WIKI)
    assert {(view.job_id, view.is_drill) for view in views} == {(job_id, True)}
    assert drs.ec2_instances(view.instance_id for view in views).keys() == play.instances().keys()
    assert len(drs.source_servers(WIKI)) == 2
    assert drs.recovery_snapshots(WIKI[0])
    assert drs.launch_configuration(WIKI[0])["sourceServerID"] == WIKI[0]
    assert drs.quotas().concurrent_jobs
    assert asyncio.run(drs.ajobs([job_id])) == (job,)
    assert asyncio.run(drs.ajob_log(job_id)) == drs.job_log(job_id)
    assert asyncio.run(drs.arecovery_instances(WIKI)) == views


def test_trap_38_nothing_is_asked_in_another_account(play: Stage) -> None:
    with pytest.raises(DrsIdentityError, match="222233334444"):
        hook("222233334444").jobs(["drsjob-1111111111111111a"])
    assert play.simulator.calls("DescribeJobs") == []


def test_it_says_where_it_works() -> None:
    with pytest.raises(TypeError, match="account_id"):
        DrsHook(aws_conn_id="aws_dr", region_name="eu-west-1")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="own_account"):
        DrsHook(aws_conn_id="aws_dr", region_name="eu-west-1", account_id="111122223333")
