from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from drs_provider.exceptions import DrsIncompleteAnswerError, DrsNotInitializedError
from drs_provider.hooks.drs.async_drs_api import async_drs_api
from tests.hooks.conftest import SESSION_NAME
from tests.hooks.scripted_aws import Raw, Refusal

JOB_ID = "drsjob-11111111111111111"


async def test_trap_05_every_page_is_read(aws, connect, remote):
    connect()
    aws.answer(
        "DescribeJobs", {"items": [{"jobID": JOB_ID}], "nextToken": "n"}, {"items": [{"jobID": "drsjob-2"}]}
    )
    async with async_drs_api(remote, session_name=SESSION_NAME) as api:
        assert [job["jobID"] for job in await api.jobs([JOB_ID])] == [JOB_ID, "drsjob-2"]
    assert aws.calls[-1].region == "eu-central-1"


async def test_trap_42_empty_lists_call_nothing(aws, connect, own):
    connect()
    async with async_drs_api(own, session_name=SESSION_NAME) as api:
        assert await api.jobs([]) == []
        assert await api.recovery_instances(source_server_ids=[]) == []
    assert aws.operations("drs") == []


async def test_job_log_and_recovery_instances(aws, connect, own):
    connect()
    aws.answer("DescribeJobLogItems", {"items": [{"event": "JOB_START"}]})
    aws.answer("DescribeRecoveryInstances", {"items": [{"recoveryInstanceID": "i-1"}]})
    async with async_drs_api(own, session_name=SESSION_NAME) as api:
        assert await api.job_log(JOB_ID) == [{"event": "JOB_START"}]
        assert await api.recovery_instances(["s-00000000000000001"]) == [{"recoveryInstanceID": "i-1"}]


async def test_a_job_that_drs_does_not_know_has_an_empty_log(aws, connect, own):
    connect()
    aws.answer("DescribeJobLogItems", Refusal("ResourceNotFoundException", status=404), Refusal("Throttled"))
    async with async_drs_api(own, session_name=SESSION_NAME) as api:
        assert await api.job_log(JOB_ID) == []
        with pytest.raises(ClientError, match="Throttled"):
            await api.job_log(JOB_ID)


async def test_errors_are_those_of_the_synchronous_api(aws, connect, own):
    connect()
    aws.answer("DescribeJobs", Refusal("UninitializedAccountException"), Raw(b'{"items": ['))
    async with async_drs_api(own, session_name=SESSION_NAME) as api:
        with pytest.raises(DrsNotInitializedError, match="eu-west-1"):
            await api.jobs([JOB_ID])
        with pytest.raises(DrsIncompleteAnswerError):
            await api.jobs([JOB_ID])


async def test_trap_28_each_opening_reads_the_connection_and_proves_the_identity_anew(aws, connect, own):
    connect()
    for _ in range(2):
        async with async_drs_api(own, session_name=SESSION_NAME):
            pass
    assert aws.operations() == ["GetCallerIdentity", "GetCallerIdentity"]
