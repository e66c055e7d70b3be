"""Faults as clients see them, over HTTP and in process."""

import time
from http.client import HTTPConnection, IncompleteRead
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from drs_simulator.testing import in_process, simulator
from drs_simulator.validation import Check
from tests.simulator.support import ACCOUNT, DB_1, REGION, refused, start


@pytest.fixture(params=[simulator, in_process], ids=["http", "in_process"])
def sim(request):
    with request.param() as running:
        yield running


def test_trap_16_a_lost_answer_leaves_a_job_and_the_retry_gets_a_conflict(sim):
    sim.inject("StartRecovery", kind="reset", after=True, times=1)
    with refused("ConflictException", 409):
        start(sim.client(retries=3), DB_1)
    assert len(sim.region(ACCOUNT, REGION).jobs) == 1
    statuses = [(call.status, call.fault) for call in sim.calls("StartRecovery")]
    assert statuses == [(None, "reset"), (409, None)]


def test_a_reset_before_the_call_takes_no_effect(sim):
    sim.inject("StartRecovery", kind="reset", times=1)
    with pytest.raises(ConnectionClosedError):
        start(sim.client(), DB_1)
    assert sim.region(ACCOUNT, REGION).jobs == {}
    assert start(sim.client(), DB_1)["status"] == "PENDING"


def test_throttling_tells_when_to_come_back(sim):
    sim.inject("Describe*", code="ThrottlingException", retry_after=2, times=1)
    with refused("ThrottlingException", 429) as caught:
        sim.client().describe_jobs()
    headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert {key.lower(): value for key, value in headers.items()}["retry-after"] == "2"
    assert sim.client().describe_jobs()["items"] == []


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ConflictException", 409),
        ("ServiceQuotaExceededException", 402),
        ("InternalServerException", 500),
        ("ExpiredTokenException", 403),
    ],
)
def test_errors_have_the_status_of_the_model(sim, code, status):
    sim.inject("StartRecovery", code=code)
    with refused(code, status):
        start(sim.client(), DB_1)


def test_an_error_may_come_after_the_call_took_effect(sim):
    sim.inject("StartRecovery", code="InternalServerException", after=True, times=1)
    with refused("InternalServerException", 500):
        start(sim.client(), DB_1)
    assert len(sim.region(ACCOUNT, REGION).jobs) == 1


def test_a_front_end_may_answer_no_json(sim, drs_responses):
    sim.inject("DescribeJobs", kind="raw", status=503, times=1)
    with pytest.raises(ClientError) as caught:
        sim.client().describe_jobs()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    drs_responses.allow(Check.BODY, "DescribeJobs", reason="an HTML page of a load balancer")


def test_a_truncated_body_is_a_success_without_items(sim, drs_responses):
    """To botocore, which does not ask whether a body is as long as it was announced."""
    sim.inject("DescribeSourceServers", kind="truncate", times=1)
    answer = sim.client().describe_source_servers()
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert "items" not in answer
    drs_responses.allow(Check.BODY, "DescribeSourceServers", reason="half a body")


def test_a_truncated_answer_breaks_the_connection(drs_simulator):
    """Full length is announced, half is sent, the connection is closed: for everybody who asks."""
    drs_simulator.inject("*", kind="truncate", service="*", times=1)
    where = urlsplit(drs_simulator.url)
    connection = HTTPConnection(where.hostname, where.port, timeout=30)
    key = f"AWS4-HMAC-SHA256 Credential=AKIA{ACCOUNT}DRSS/20261127/{REGION}/drs/aws4_request, Signature=none"
    connection.request("POST", "/DescribeSourceServers", "{}", {"Authorization": key})
    answer = connection.getresponse()
    with pytest.raises(IncompleteRead) as caught:
        answer.read()
    announced = int(answer.headers["Content-Length"])
    assert len(caught.value.partial) == announced // 2
    assert caught.value.expected == announced - announced // 2
    assert answer.isclosed()
    connection.close()


def test_every_answer_has_a_request_id_of_its_own(sim):
    drs, seen = sim.client(), []
    for _ in range(2):
        answer = drs.describe_jobs()["ResponseMetadata"]
        assert answer["HTTPHeaders"]["x-amzn-requestid"] == answer["RequestId"]
        seen.append(answer["RequestId"])
        with refused("ResourceNotFoundException") as caught:
            drs.get_launch_configuration(sourceServerID="s-00000000000000000")
        seen.append(caught.value.response["ResponseMetadata"]["RequestId"])
    assert len(set(seen)) == 4


def test_a_delay_holds_up_only_its_own_call(sim):
    sim.inject("DescribeJobs", kind="delay", delay_seconds=0.3, times=1)
    client = sim.client()
    begin = time.monotonic()
    assert client.describe_jobs()["items"] == []
    assert time.monotonic() - begin >= 0.3
    (call,) = sim.calls("DescribeJobs")
    assert (call.fault, call.status) == ("delay", 200)


@pytest.mark.parametrize(
    ("service", "method", "code", "status"),
    [
        ("ec2", "describe_instances", "RequestLimitExceeded", 503),
        ("dynamodb", "list_tables", "ProvisionedThroughputExceededException", 400),
        ("sts", "get_caller_identity", "ExpiredToken", 403),
        ("sns", "list_topics", "InternalError", 500),
        ("ssm", "describe_parameters", "ThrottlingException", 400),
        ("cloudwatch", "list_metrics", "Throttling", 400),
    ],
)
def test_other_services_have_faults_too(sim, service, method, code, status):
    sim.inject("*", service=service, code=code, times=1)
    with refused(code, status):
        getattr(sim.client(service), method)()
    assert getattr(sim.client(service), method)()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_fault_may_be_about_one_region_only(sim):
    sim.inject("DescribeJobs", region="us-east-1", code="InternalServerException")
    assert sim.client().describe_jobs()["items"] == []
    with refused("InternalServerException"):
        sim.client(region="us-east-1").describe_jobs()


@pytest.mark.drs_scenario("unreliable_api")
def test_the_unreliable_scenario_can_be_polled_with_patience(drs_simulator):
    drs = drs_simulator.client(retries=8)
    for _ in range(10):
        assert len(drs.describe_source_servers()["items"]) == 10
    assert {call.fault for call in drs_simulator.calls("Describe*")} >= {None, "error"}
