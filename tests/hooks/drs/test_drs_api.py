from __future__ import annotations

import pickle

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from drs_provider.exceptions import (
    DrsAccessDeniedError,
    DrsIncompleteAnswerError,
    DrsNotInitializedError,
    DrsTerminateIncompleteError,
)
from drs_provider.hooks.aws.errors import is_conflict, is_outcome_unknown, is_throttle, retry_after_seconds
from drs_provider.hooks.drs.drs_api import DrsApi
from tests.hooks.scripted_aws import LOST, Raw, Refusal


@pytest.fixture
def api(own_clients):
    return DrsApi(own_clients)


def job(number, status="STARTED"):
    return {"jobID": f"drsjob-{number:017d}", "status": status}


def server(number, **tags):
    return {"sourceServerID": f"s-{number:017d}", "tags": tags}


def instance_id(number):
    return f"i-{number:017x}"


def test_trap_05_every_page_is_read(aws, api):
    aws.answer(
        "DescribeSourceServers",
        {"items": [server(1)], "nextToken": "second"},
        {"items": [], "nextToken": "third"},
        {"items": [server(2)]},
    )
    assert [row["sourceServerID"][-1] for row in api.source_servers()] == ["1", "2"]
    assert [call.body.get("nextToken") for call in aws.calls_of("DescribeSourceServers")] == [
        None,
        "second",
        "third",
    ]


def test_servers_by_id_are_asked_for_in_chunks(aws, api):
    aws.answer("DescribeSourceServers", {"items": []})
    api.source_servers(server(number)["sourceServerID"] for number in range(401))
    sizes = [len(call.body["filters"]["sourceServerIDs"]) for call in aws.calls_of("DescribeSourceServers")]
    assert sizes == [200, 200, 1]


def test_trap_42_empty_lists_call_nothing(aws, api):
    assert api.jobs([]) == []
    assert api.source_servers([]) == []
    assert api.recovery_instances(source_server_ids=[]) == []
    assert api.recovery_instances(instance_ids=[]) == []
    assert api.terminate_recovery_instances([]) == []
    assert aws.operations("drs") == []


def test_jobs_are_asked_for_in_chunks_of_a_thousand(aws, api):
    aws.answer("DescribeJobs", {"items": [job(1)]}, {"items": [job(2)]})
    assert len(api.jobs(job(number)["jobID"] for number in range(1001))) == 2
    assert [len(call.body["filters"]["jobIDs"]) for call in aws.calls_of("DescribeJobs")] == [1000, 1]


def test_jobs_since_a_time(aws, api):
    aws.answer("DescribeJobs", {"items": [job(1)]})
    assert api.jobs_since(1669870146.9) == [job(1)]
    assert aws.calls[-1].body == {"filters": {"fromDate": "2022-12-01T04:49:06Z"}}


def test_active_jobs_are_those_not_completed(aws, api):
    aws.answer("DescribeJobs", {"items": [job(1, "PENDING"), job(2, "COMPLETED"), job(3)]})
    assert [row["jobID"][-1] for row in api.active_jobs()] == ["1", "3"]
    assert aws.calls[-1].body == {}


def test_job_log(aws, api):
    aws.answer(
        "DescribeJobLogItems",
        {"items": [{"event": "JOB_START"}], "nextToken": "n"},
        {"items": [{"event": "JOB_END"}]},
    )
    assert [item["event"] for item in api.job_log("drsjob-11111111111111111")] == ["JOB_START", "JOB_END"]


def test_a_job_that_drs_does_not_know_has_an_empty_log(aws, api):
    aws.answer("DescribeJobLogItems", Refusal("ResourceNotFoundException", status=404), Refusal("Throttled"))
    assert api.job_log("drsjob-11111111111111111") == []
    with pytest.raises(ClientError, match="Throttled"):
        api.job_log("drsjob-11111111111111111")


def test_recovery_instances_by_either_id(aws, api):
    aws.answer("DescribeRecoveryInstances", {"items": []})
    api.recovery_instances(source_server_ids=["s-00000000000000001"])
    api.recovery_instances(instance_ids=[instance_id(number) for number in range(201)])
    api.recovery_instances()
    bodies = [call.body for call in aws.calls_of("DescribeRecoveryInstances")]
    assert bodies[0] == {"filters": {"sourceServerIDs": ["s-00000000000000001"]}, "maxResults": 1000}
    assert [len(body["filters"]["recoveryInstanceIDs"]) for body in bodies[1:3]] == [200, 1]
    assert bodies[3] == {"maxResults": 1000}


def test_recovery_snapshots_newest_first_within_limits(aws, api):
    aws.answer("DescribeRecoverySnapshots", {"items": [{"snapshotID": "pit-1"}]})
    assert api.recovery_snapshots("s-00000000000000001", to_epoch=0.0) == [{"snapshotID": "pit-1"}]
    api.recovery_snapshots("s-00000000000000001")
    first, second = (call.body for call in aws.calls_of("DescribeRecoverySnapshots"))
    assert first == {
        "sourceServerID": "s-00000000000000001",
        "order": "DESC",
        "filters": {"toDateTime": "1970-01-01T00:00:00Z"},
        "maxResults": 1000,
    }
    assert "filters" not in second


def test_launch_configuration(aws, api):
    configuration = {"sourceServerID": "s-00000000000000001", "ec2LaunchTemplateID": "lt-1"}
    aws.answer("GetLaunchConfiguration", configuration, Raw(b'{"sourceSer'))
    assert api.launch_configuration("s-00000000000000001")["ec2LaunchTemplateID"] == "lt-1"
    with pytest.raises(DrsIncompleteAnswerError):
        api.launch_configuration("s-00000000000000001")


def test_start_recovery_sends_servers_snapshots_mode_and_tags(aws, api):
    aws.answer("StartRecovery", {"job": job(1, "PENDING")})
    servers = {"s-00000000000000001": None, "s-00000000000000002": "pit-00000000000000001"}
    assert api.start_recovery(servers, is_drill=True, tags={"ExecutionId": "e"}) == job(1, "PENDING")
    assert aws.calls[-1].body == {
        "sourceServers": [
            {"sourceServerID": "s-00000000000000001"},
            {"sourceServerID": "s-00000000000000002", "recoverySnapshotID": "pit-00000000000000001"},
        ],
        "isDrill": True,
        "tags": {"ExecutionId": "e"},
    }


@pytest.mark.parametrize("count", [0, 201])
def test_start_recovery_takes_what_the_api_takes(aws, api, count):
    with pytest.raises(ValueError, match="1 to 200 servers"):
        api.start_recovery({f"s-{n:017d}": None for n in range(count)}, is_drill=True, tags={})
    assert aws.calls == []


def start(api):
    return api.start_recovery({"s-00000000000000001": None}, is_drill=True, tags={})


def test_trap_16_lost_answer_is_not_followed_by_a_second_start(aws, api):
    aws.answer("StartRecovery", LOST, Refusal("ConflictException", 409))
    with pytest.raises(ConnectionClosedError) as caught:
        start(api)
    assert is_outcome_unknown(caught.value)
    assert len(aws.calls_of("StartRecovery")) == 1


@pytest.mark.parametrize(
    "answer",
    [Raw(b'{"job": {"jobI'), Raw(b"{}"), Raw(b'{"job": {}}'), Refusal("InternalServerException", 500)],
)
def test_trap_16_doubtful_answers_are_unknown_outcomes(aws, api, answer):
    aws.answer("StartRecovery", answer)
    with pytest.raises((DrsIncompleteAnswerError, ClientError)) as caught:
        start(api)
    assert is_outcome_unknown(caught.value)
    assert len(aws.calls_of("StartRecovery")) == 1


def test_trap_16_throttled_start_comes_to_the_caller_with_its_waiting_time(aws, api):
    aws.answer("StartRecovery", Refusal("ThrottlingException", 429, headers={"Retry-After": "3"}))
    with pytest.raises(ClientError) as caught:
        start(api)
    assert is_throttle(caught.value)
    assert not is_outcome_unknown(caught.value)
    assert retry_after_seconds(caught.value) == 3.0
    assert len(aws.calls_of("StartRecovery")) == 1


def test_trap_29_conflict_comes_to_the_caller(aws, api):
    aws.answer("StartRecovery", Refusal("ConflictException", 409))
    with pytest.raises(ClientError) as caught:
        start(api)
    assert is_conflict(caught.value)


def test_uninitialized_region_is_explained(aws, api):
    aws.answer("DescribeJobs", Refusal("UninitializedAccountException"))
    with pytest.raises(DrsNotInitializedError, match=r"111122223333, Region eu-west-1"):
        api.active_jobs()


def test_denied_operation_is_explained(aws, api):
    aws.answer("StartRecovery", Refusal("AccessDeniedException", 403))
    with pytest.raises(
        DrsAccessDeniedError, match=r"StartRecovery was denied to arn:aws:iam::111122223333:user/airflow"
    ):
        start(api)


def test_trap_04_cut_answer_is_no_empty_list(aws, api):
    aws.answer("DescribeJobs", Raw(b'{"items": [{"jobID"'))
    with pytest.raises(DrsIncompleteAnswerError):
        api.jobs(["drsjob-11111111111111111"])


def test_terminate_in_chunks(aws, api):
    aws.answer("TerminateRecoveryInstances", {"job": job(1)}, {"job": job(2)})
    jobs = api.terminate_recovery_instances(instance_id(number) for number in range(201))
    assert jobs == [job(1), job(2)]
    sizes = [len(call.body["recoveryInstanceIDs"]) for call in aws.calls_of("TerminateRecoveryInstances")]
    assert sizes == [200, 1]


def test_terminate_keeps_to_the_quota_of_a_job(aws, api):
    aws.answer("TerminateRecoveryInstances", {"job": job(1)}, {"job": job(2)})
    api.terminate_recovery_instances((instance_id(number) for number in range(101)), most=100)
    sizes = [len(call.body["recoveryInstanceIDs"]) for call in aws.calls_of("TerminateRecoveryInstances")]
    assert sizes == [100, 1]


def test_terminate_that_fails_at_once_raises_the_error_itself(aws, api):
    aws.answer("TerminateRecoveryInstances", Refusal("ConflictException", 409))
    with pytest.raises(ClientError) as caught:
        api.terminate_recovery_instances([instance_id(1)])
    assert is_conflict(caught.value)


def test_terminate_that_fails_later_keeps_the_jobs_it_started(aws, api):
    aws.answer("TerminateRecoveryInstances", {"job": job(1)}, LOST)
    with pytest.raises(DrsTerminateIncompleteError) as caught:
        api.terminate_recovery_instances(instance_id(number) for number in range(401))
    assert caught.value.jobs == [job(1)]
    assert caught.value.remaining == [instance_id(number) for number in range(200, 401)]
    assert len(aws.calls_of("TerminateRecoveryInstances")) == 2
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.jobs, copy.remaining, str(copy)) == (
        caught.value.jobs,
        caught.value.remaining,
        str(caught.value),
    )
