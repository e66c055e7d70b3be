"""Recovery, failure, conflict, quota, denied rights and cleanup through boto3 and aiobotocore.

Every response passes the validator (see conftest), and the trace of polls is legal.
"""

import asyncio

import aiobotocore.session
import pytest
from aiobotocore.config import AioConfig
from botocore.exceptions import ClientError

from drs_simulator.scenario import load_scenario
from drs_simulator.validation import Snapshot, check_job_log, check_trace
from tests.simulator.support import APP_1, DB_1, DB_2, JOB_1, REGION, WEB_1, WEB_2, WEB_3

pytestmark = pytest.mark.contract

SCENARIO = load_scenario("failing_servers")
SCENARIO = SCENARIO.model_copy(
    update={"quotas": SCENARIO.quotas.model_copy(update={"jobs": 2}), "visibility_delay_seconds": 0.0}
)


class Boto3:
    """The calls of the tests below, awaited for nothing: one body serves both libraries."""

    def __init__(self, sim):
        self._client = sim.client()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self._client.close()

    async def call(self, operation, **params):
        return getattr(self._client, operation)(**params)


class Aiobotocore:
    def __init__(self, sim):
        session = aiobotocore.session.get_session()
        self._context = session.create_client(
            "drs", region_name=REGION, endpoint_url=sim.url, **sim.credentials()
        )

    async def __aenter__(self):
        self._client = await self._context.__aenter__()
        return self

    async def __aexit__(self, *details):
        await self._context.__aexit__(*details)

    async def call(self, operation, **params):
        return await getattr(self._client, operation)(**params)


async def code_of(awaitable):
    with pytest.raises(ClientError) as caught:
        await awaitable
    return caught.value.response["Error"]["Code"]


def servers(*ids):
    return [{"sourceServerID": i} for i in ids]


async def poll_to_the_end(sim, drs, step_seconds=7.0):
    trace = []
    while True:
        items = (await drs.call("describe_jobs"))["items"]
        trace.append(Snapshot(sim.now, items))
        # DRS shows a job a moment after its start.
        if items and all(job["status"] == "COMPLETED" for job in items):
            return trace
        sim.advance(step_seconds)


@pytest.mark.drs_scenario(SCENARIO)
@pytest.mark.parametrize("library", [Boto3, Aiobotocore])
async def test_recovery_failure_conflict_quota_and_cleanup(drs_simulator, drs_responses, library):
    async with library(drs_simulator) as drs:
        await drs.call("start_recovery", sourceServers=servers(DB_1, DB_2), isDrill=True, tags={"a": "b"})
        busy = drs.call("start_recovery", sourceServers=servers(APP_1, DB_1), isDrill=True)
        assert await code_of(busy) == "ConflictException"
        await drs.call("start_recovery", sourceServers=servers(JOB_1, WEB_1, WEB_2, WEB_3), isDrill=False)
        full = drs.call("start_recovery", sourceServers=servers(APP_1), isDrill=True)
        assert await code_of(full) == "ServiceQuotaExceededException"

        trace = await poll_to_the_end(drs_simulator, drs)
        assert [str(v) for v in check_trace(trace)] == []
        results = {
            part["sourceServerID"]: part["launchStatus"]
            for job in trace[-1].jobs
            for part in job["participatingServers"]
        }
        assert results == {
            DB_1: "FAILED",
            DB_2: "LAUNCHED",
            JOB_1: "FAILED",
            WEB_1: "LAUNCHED",
            WEB_2: "LAUNCHED",
            WEB_3: "FAILED",
        }
        for job in trace[-1].jobs:
            log = (await drs.call("describe_job_log_items", jobID=job["jobID"]))["items"]
            assert [str(v) for v in check_job_log(job, log)] == []

        await drs.call("describe_source_servers")
        await drs.call("get_launch_configuration", sourceServerID=DB_1)
        instances = (await drs.call("describe_recovery_instances"))["items"]
        assert len(instances) == 3
        ids = [instance["recoveryInstanceID"] for instance in instances]
        job = (await drs.call("terminate_recovery_instances", recoveryInstanceIDs=ids))["job"]
        ending = await poll_to_the_end(drs_simulator, drs, 1.0)
        assert [str(v) for v in check_trace(ending)] == []
        log = (await drs.call("describe_job_log_items", jobID=job["jobID"]))["items"]
        assert [str(v) for v in check_job_log(ending[-1].jobs[0], log)] == []
        assert (await drs.call("describe_recovery_instances"))["items"] == []
    assert len(drs_responses.exchanges) > 30


@pytest.mark.drs_scenario("lagging_replication")
async def test_every_state_of_replication_is_well_formed(drs_simulator, drs_responses):
    async with Aiobotocore(drs_simulator) as drs:
        found = (await drs.call("describe_source_servers"))["items"]
        for server in found:
            await drs.call("describe_recovery_snapshots", sourceServerID=server["sourceServerID"])
    assert len(drs_responses.exchanges) == 1 + len(found)


@pytest.mark.drs_scenario("large_500")
def test_500_servers_are_launched_and_described(drs_simulator):
    drs = drs_simulator.client()
    found = [
        server["sourceServerID"]
        for page in drs.get_paginator("describe_source_servers").paginate()
        for server in page["items"]
    ]
    for first in range(0, 500, 100):
        drs.start_recovery(sourceServers=servers(*found[first : first + 100]), isDrill=True)
    drs_simulator.finish()
    jobs = drs.describe_jobs()["items"]
    states = [part["launchStatus"] for job in jobs for part in job["participatingServers"]]
    instances = [
        instance
        for page in drs.get_paginator("describe_recovery_instances").paginate()
        for instance in page["items"]
    ]
    assert len(states) == 500
    assert len(instances) == states.count("LAUNCHED") > 480
    ids = [instance["ec2InstanceID"] for instance in instances]
    paginator = drs_simulator.client("ec2").get_paginator("describe_instances")
    described = [r for page in paginator.paginate(InstanceIds=ids) for r in page["Reservations"]]
    assert len(described) == len(ids)


@pytest.mark.drs_scenario("three_tier", speed=60)
async def test_100_pollers_at_once_get_no_error(drs_simulator, drs_responses):
    # Answers to many at once are recorded in any order.
    drs_responses.transitions = False
    drs_simulator.client().start_recovery(sourceServers=servers(DB_1, DB_2), isDrill=True)
    session = aiobotocore.session.get_session()
    config = AioConfig(max_pool_connections=100, retries={"total_max_attempts": 1})
    async with session.create_client(
        "drs",
        region_name=REGION,
        endpoint_url=drs_simulator.url,
        config=config,
        **drs_simulator.credentials(),
    ) as drs:

        async def poll():
            return [len((await drs.describe_jobs())["items"]) for _ in range(3)]

        counts = await asyncio.gather(*(poll() for _ in range(100)))
    assert {count for polls in counts for count in polls} <= {0, 1}
    assert len(drs_simulator.calls("DescribeJobs")) == 300
