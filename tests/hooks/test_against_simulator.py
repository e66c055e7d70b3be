"""The calls of a whole recovery over HTTP against the simulated DRS, EC2, STS and Service Quotas."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from drs_provider.core.account import AwsTarget
from drs_provider.core.times import parse_time
from drs_provider.exceptions import (
    DrsAccessDeniedError,
    DrsIdentityError,
    DrsIncompleteAnswerError,
    DrsNotInitializedError,
)
from drs_provider.hooks.aws.clients import AwsClients
from drs_provider.hooks.aws.errors import is_conflict, is_outcome_unknown, is_throttle, retry_after_seconds
from drs_provider.hooks.drs.drs_api import DrsApi
from drs_provider.hooks.ec2.ec2_api import Ec2Api
from drs_provider.triggers.cadence import PollSettings
from drs_provider.triggers.poller import watch_jobs
from tests.hooks.conftest import SESSION_NAME

pytestmark = [
    pytest.mark.integration,
    pytest.mark.drs_scenario("shop_two_regions"),
]

DATABASE = {"s-5555555555555555a": None, "s-5555555555555555b": None}
FRONTEND_CENTRAL = {"s-7777777777777777a": None, "s-7777777777777777b": None}
QUICK = PollSettings(interval_seconds=0.01, waiting_factor=1, min_gap_seconds=0, max_backoff_seconds=0.01)


@pytest.fixture
def hub(connect_hub):
    connect_hub()


def api_of(target):
    return DrsApi(AwsClients(target, SESSION_NAME))


@pytest.fixture
def west(hub, own):
    return api_of(own)


@pytest.fixture
def central(hub, remote):
    return api_of(remote)


def test_tags_resolve_in_each_targets_own_account_and_region(west, central):
    def names(api, tier):
        wanted = {"App": "shop", "Tier": tier}.items()
        return {row["sourceServerID"] for row in api.source_servers() if wanted <= row["tags"].items()}

    assert names(west, "db") == set(DATABASE)
    assert names(west, "web") == {"s-6666666666666666a", "s-6666666666666666b"}
    assert names(central, "web") == set(FRONTEND_CENTRAL)
    assert names(central, "db") == set()


def test_trap_01_every_call_of_the_remote_target_is_made_in_its_role(drs_simulator, central):
    central.source_servers()
    calls = drs_simulator.calls()
    assert {(call.account_id, call.region, call.session_name) for call in calls} == {
        ("222233334444", "eu-central-1", SESSION_NAME)
    }


@pytest.mark.parametrize("external_id", [None, "guessed"])
def test_wrong_external_id_is_an_identity_error(hub, remote, external_id):
    with pytest.raises(DrsIdentityError, match="role/DRSOrchestrationRole"):
        api_of(replace(remote, external_id=external_id)).source_servers()


def test_role_that_does_not_exist_is_an_identity_error(hub, remote):
    with pytest.raises(DrsIdentityError, match="role/Misspelt"):
        api_of(replace(remote, role="Misspelt")).source_servers()


def test_trap_38_own_account_that_is_another(drs_simulator, hub):
    target = AwsTarget("main", "aws_dr", "222233334444", "eu-central-1", own_account=True)
    with pytest.raises(DrsIdentityError, match="leads to account 111122223333"):
        api_of(target).source_servers()
    assert drs_simulator.calls() == []


def test_region_that_was_never_initialized(hub, own):
    with pytest.raises(DrsNotInitializedError, match="us-west-2"):
        api_of(replace(own, region="us-west-2")).source_servers()


def test_a_drill_from_start_to_cleanup(drs_simulator, central, remote):
    job = central.start_recovery(FRONTEND_CENTRAL, is_drill=True, tags={"ExecutionId": "e-1"})
    assert [row["status"] for row in central.jobs([job["jobID"]])] in ([], ["PENDING"])
    drs_simulator.advance(5)
    assert [row["jobID"] for row in central.active_jobs()] == [job["jobID"]]
    drs_simulator.finish()
    (done,) = central.jobs([job["jobID"]])
    assert done["status"] == "COMPLETED"
    assert done["tags"]["ExecutionId"] == "e-1"
    assert {row["launchStatus"] for row in done["participatingServers"]} == {"LAUNCHED"}
    assert central.active_jobs() == []
    assert central.job_log(job["jobID"])[-1]["event"] in ("JOB_END", "JOB_START")

    instances = central.recovery_instances(source_server_ids=FRONTEND_CENTRAL)
    assert {row["jobID"] for row in instances} == {job["jobID"]}
    ids = [row["ec2InstanceID"] for row in instances]
    assert {row["recoveryInstanceID"] for row in central.recovery_instances(instance_ids=ids)} == set(ids)
    ec2 = Ec2Api(AwsClients(remote, SESSION_NAME))
    assert {row["State"]["Name"] for row in ec2.instances(ids).values()} == {"running"}

    (terminate,) = central.terminate_recovery_instances(ids)
    drs_simulator.finish()
    assert central.jobs([terminate["jobID"]])[0]["status"] == "COMPLETED"
    assert central.recovery_instances(instance_ids=ids) == []
    assert {row["State"]["Name"] for row in ec2.instances(ids).values()} == {"terminated"}


@pytest.mark.parametrize("kind", ["reset", "truncate"])
def test_trap_16_start_whose_answer_is_lost_starts_one_job(drs_simulator, west, kind):
    drs_simulator.inject("StartRecovery", kind=kind, after=True, times=1)
    with pytest.raises((BotoCoreError, DrsIncompleteAnswerError)) as caught:
        west.start_recovery(DATABASE, is_drill=True, tags={"ExecutionId": "e-1"})
    assert is_outcome_unknown(caught.value)
    assert len(drs_simulator.calls("StartRecovery")) == 1
    drs_simulator.advance(5)
    assert [row["tags"]["ExecutionId"] for row in west.active_jobs()] == ["e-1"]


def test_trap_29_busy_server_is_a_conflict(west):
    west.start_recovery({"s-5555555555555555a": None}, is_drill=True, tags={})
    with pytest.raises(ClientError) as caught:
        west.start_recovery(DATABASE, is_drill=True, tags={})
    assert is_conflict(caught.value)


def test_throttled_start_is_the_callers_and_tells_how_long_to_wait(drs_simulator, west):
    drs_simulator.inject("StartRecovery", code="ThrottlingException", retry_after=4)
    with pytest.raises(ClientError) as caught:
        west.start_recovery(DATABASE, is_drill=True, tags={})
    assert is_throttle(caught.value)
    assert retry_after_seconds(caught.value) == 4.0
    assert len(drs_simulator.calls("StartRecovery")) == 1


def test_throttled_read_is_repeated_by_the_client(drs_simulator, west):
    drs_simulator.inject("DescribeJobs", code="ThrottlingException", times=1)
    assert west.active_jobs() == []
    assert len(drs_simulator.calls("DescribeJobs")) == 2


def test_trap_04_cut_answer_is_no_empty_list(drs_simulator, west):
    drs_simulator.inject("DescribeSourceServers", kind="truncate", after=True)
    with pytest.raises(DrsIncompleteAnswerError):
        west.source_servers()


def test_denied_right_names_operation_and_role(drs_simulator, central):
    drs_simulator.inject("DescribeRecoveryInstances", code="AccessDeniedException")
    with pytest.raises(
        DrsAccessDeniedError, match=r"DescribeRecoveryInstances was denied to .*DRSOrchestrationRole"
    ):
        central.recovery_instances()


def test_launch_settings_lead_to_the_drill_network(west, own):
    ec2 = Ec2Api(AwsClients(own, SESSION_NAME))
    configuration = west.launch_configuration("s-5555555555555555a")
    template = configuration["ec2LaunchTemplateID"]
    networks = ec2.launch_templates([template])[template]
    assert networks.subnet_ids == ("subnet-0d5111a1",)
    assert networks.security_group_ids == ("sg-0d5111aa",)
    assert ec2.subnets(networks.subnet_ids)["subnet-0d5111a1"].vpc_id == "vpc-0d5111aa"


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("count", [8, 9, 201])
def test_trap_05_launch_templates_are_read_in_bulk_and_in_pages(drs_simulator, own, count):
    client = drs_simulator.client("ec2")
    made = [
        client.create_launch_template(
            LaunchTemplateName=f"bulk-{number}", LaunchTemplateData={"InstanceType": "t3.large"}
        )["LaunchTemplate"]["LaunchTemplateId"]
        for number in range(count)
    ]
    unknown = "lt-0123456789abcdef0"
    drs_simulator.clear_calls()
    found = Ec2Api(AwsClients(own, SESSION_NAME)).launch_templates([*made, unknown])
    assert found.keys() == set(made)
    assert {template.instance_type for template in found.values()} == {"t3.large"}
    calls = drs_simulator.calls("DescribeLaunchTemplateVersions", service="ec2")
    assert len(calls) <= 4, "one or two pages, and the template that they lack"


def test_points_in_time_newest_first_and_within_limits(west):
    def taken(**limits):
        rows = west.recovery_snapshots("s-5555555555555555a", **limits)
        return [row["timestamp"] for row in rows if "timestamp" in row]

    times = taken()
    assert len(times) > 2
    assert times == sorted(times, reverse=True)
    middle = parse_time(times[len(times) // 2])
    older, newer = taken(to_epoch=middle), taken(from_epoch=middle)
    assert (older[-1], newer[0]) == (times[-1], times[0])
    assert times[0] not in older
    assert times[-1] not in newer


def test_jobs_since_leaves_out_what_is_older(drs_simulator, west):
    old = west.start_recovery({"s-5555555555555555a": None}, is_drill=True, tags={})
    drs_simulator.finish()
    drs_simulator.advance(60)
    between = drs_simulator.now
    new = west.start_recovery({"s-5555555555555555b": None}, is_drill=True, tags={})
    drs_simulator.advance(5)
    assert [row["jobID"] for row in west.jobs_since(between)] == [new["jobID"]]
    assert {row["jobID"] for row in west.jobs_since(0)} == {old["jobID"], new["jobID"]}


def test_quotas_are_read_from_the_account(west):
    quotas = west.quotas()
    assert quotas.source in ("service-quotas", "defaults")
    assert quotas.batch_size <= 200


@pytest.mark.drs_scenario("large_500")
def test_trap_05_more_servers_than_a_page(hub, own):
    assert len(api_of(own).source_servers()) == 500


async def test_waiters_of_two_waves_share_one_poller(drs_simulator, hub, own):
    api = api_of(own)
    jobs = [
        await asyncio.to_thread(api.start_recovery, {server: None}, is_drill=True, tags={})
        for server in DATABASE
    ]
    drs_simulator.advance(5)
    drs_simulator.clear_calls()
    first, second = (job["jobID"] for job in jobs)

    async def finished(job_id):
        async with watch_jobs(own, [job_id], settings=QUICK) as watch:
            async for snapshot in watch:
                if snapshot.jobs[job_id]["status"] == "COMPLETED":
                    return snapshot, await watch.job_log(job_id)
                drs_simulator.advance(60)
        raise AssertionError("the watch ended")

    (snapshot, log), (other, _) = await asyncio.gather(finished(first), finished(second))
    assert snapshot.jobs.keys() == {first}
    assert other.jobs.keys() == {second}
    assert {"JOB_START", "JOB_END"} <= {item["event"] for item in log}
    asked = [tuple(call.params["filters"]["jobIDs"]) for call in drs_simulator.calls("DescribeJobs")]
    assert tuple(sorted((first, second))) in asked
    assert all(ids for ids in asked)


@pytest.mark.parametrize(
    "fault",
    [
        {"code": "ThrottlingException", "retry_after": 0},
        {"code": "ExpiredTokenException", "status": 403},
        {"code": "InternalServerException", "status": 500},
        {"kind": "reset"},
        {"kind": "truncate", "after": True},
    ],
    ids=lambda fault: fault.get("code") or fault["kind"],
)
async def test_trap_09_watch_outlives_faults(drs_simulator, hub, remote, fault):
    api = api_of(remote)
    job = await asyncio.to_thread(api.start_recovery, FRONTEND_CENTRAL, is_drill=True, tags={})
    drs_simulator.advance(5)
    async with watch_jobs(remote, [job["jobID"]], settings=QUICK) as watch:
        assert (await asyncio.wait_for(anext(watch), 30)).missing == frozenset()
        drs_simulator.inject("DescribeJobs", times=4, **fault)
        drs_simulator.finish()
        async for snapshot in watch:
            if snapshot.errors_since_last:
                break
    assert snapshot.jobs[job["jobID"]]["status"] == "COMPLETED"


async def test_trap_10_job_that_drs_does_not_know_is_missing(hub, own):
    async with watch_jobs(own, ["drsjob-11111111111111111"], settings=QUICK) as watch:
        snapshot = await asyncio.wait_for(anext(watch), 30)
    assert snapshot.missing == {"drsjob-11111111111111111"}


async def test_watch_of_a_region_that_was_never_initialized(hub, own):
    async with watch_jobs(
        replace(own, region="us-west-2"), ["drsjob-11111111111111111"], settings=QUICK
    ) as watch:
        with pytest.raises(DrsNotInitializedError, match="us-west-2"):
            await asyncio.wait_for(anext(watch), 30)
