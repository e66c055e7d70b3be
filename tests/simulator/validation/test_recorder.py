"""The recorder under the clients themselves, against a server that answers what it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from aiobotocore.session import AioSession
from botocore import handlers
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session

from drs_simulator.validation import (
    Check,
    Recorder,
    checked_responses,
    install,
    recording_everywhere,
)
from tests.simulator.validation.sample_objects import DB_1, completed_job, job
from tests.simulator.validation.samples import BUSY

Answer = tuple[int, dict[str, str], bytes]
KEYS = {"aws_access_key_id": "AKIA0000000000000000", "aws_secret_access_key": "secret"}


class CannedServer(ThreadingHTTPServer):
    """Gives its answers one after the other, whatever is asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[Answer] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def will_answer(self, status: int, body: Any, **headers: str) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append((status, named, raw))


class _Handler(BaseHTTPRequestHandler):
    server: CannedServer

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, headers, body = self.server.answers.pop(0)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[CannedServer]:
    with CannedServer() as canned:
        thread = threading.Thread(target=canned.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield canned
        canned.shutdown()
        thread.join()


def options(server: CannedServer, attempts: int = 1) -> dict[str, Any]:
    config = Config(retries={"total_max_attempts": attempts, "mode": "standard"})
    return {"region_name": "eu-west-1", "endpoint_url": server.url, "config": config, **KEYS}


def boto3_client(server: CannedServer, **more: Any) -> Any:
    return boto3.Session().client("drs", **options(server, **more))


def test_a_good_answer_is_recorded_without_violation(server: CannedServer) -> None:
    client = boto3_client(server)
    recorder = install(client)
    server.will_answer(200, {"items": [job()]})
    client.describe_jobs()
    recorder.assert_none()
    assert [(seen.operation, seen.http_status) for seen in recorder.exchanges] == [("DescribeJobs", 200)]


def test_a_bad_answer_fails_the_assertion_and_reaches_the_caller_unchanged(server: CannedServer) -> None:
    client = boto3_client(server)
    recorder = install(client)
    server.will_answer(200, {"items": [{"jobID": "drsjob-1", "status": "DONE"}], "total": 1})
    assert client.describe_jobs()["items"][0]["status"] == "DONE"
    assert {found.check for found in recorder.violations} == {
        Check.PATTERN,
        Check.LENGTH,
        Check.ENUM,
        Check.UNKNOWN,
        Check.PRESENCE,
    }
    with pytest.raises(AssertionError, match=r"items\[0\].status: enum: 'DONE' is not one of"):
        recorder.assert_none()


def test_nothing_recorded_is_no_success() -> None:
    with pytest.raises(AssertionError, match="no response was recorded"):
        Recorder().assert_none()


def make_boto3(server: CannedServer) -> tuple[Recorder, Any]:
    session = boto3.Session()
    return install(session), session.client("drs", **options(server))


def make_botocore(server: CannedServer) -> tuple[Recorder, Any]:
    session = Session()
    return install(session), session.create_client("drs", **options(server))


@pytest.mark.parametrize("make", [make_boto3, make_botocore])
def test_sessions_pass_it_on_to_their_clients(server: CannedServer, make: Any) -> None:
    recorder, client = make(server)
    server.will_answer(200, {})
    client.describe_jobs()
    assert [str(found) for found in recorder.violations] == [
        "DescribeJobs items: presence: must be present (in every state)"
    ]


@pytest.mark.parametrize("on_client", [True, False])
async def test_it_works_in_aiobotocore(server: CannedServer, on_client: bool) -> None:
    session = AioSession()
    recorder = None if on_client else install(session)
    server.will_answer(200, {"items": [job()]})
    server.will_answer(200, {"items": [job(status="DONE")]})
    async with session.create_client("drs", **options(server)) as client:
        recorder = recorder or install(client)
        await client.describe_jobs()
        assert recorder.violations == []
        await client.describe_jobs()
    assert [found.check for found in recorder.violations] == [Check.ENUM]
    assert len(recorder.exchanges) == 2


def test_every_attempt_is_recorded(server: CannedServer) -> None:
    client = boto3_client(server, attempts=2)
    recorder = install(client)
    server.will_answer(429, {"message": "Rate"}, x_amzn_errortype="ThrottlingException", retry_after="0")
    server.will_answer(200, {"items": []})
    client.describe_jobs()
    recorder.assert_none()
    assert [seen.error_code for seen in recorder.exchanges] == ["ThrottlingException", None]


@pytest.mark.parametrize(
    ("status", "headers", "body", "checks"),
    [
        (409, {"x_amzn_errortype": "ConflictException:http://internal/"}, {"message": BUSY}, set()),
        (409, {}, {"message": BUSY, "code": "aws.drs#ConflictException"}, set()),
        (409, {"x_amzn_errortype": "ConflictException"}, {}, {Check.PRESENCE}),
        (400, {"x_amzn_errortype": "ConflictException"}, {"message": BUSY}, {Check.STATUS}),
        (404, {"x_amzn_errortype": "ResourceNotFoundException"}, {"message": "m"}, {Check.ERROR}),
        (400, {}, {"message": "m"}, {Check.ERROR}),
        (503, {}, b"<html>", {Check.BODY}),
        (400, {}, b"", {Check.BODY}),
    ],
)
def test_errors(
    server: CannedServer, status: int, headers: dict[str, str], body: Any, checks: set[Check]
) -> None:
    client = boto3_client(server)
    recorder = install(client)
    server.will_answer(status, body, **headers)
    with pytest.raises(ClientError):
        client.start_recovery(sourceServers=[{"sourceServerID": DB_1}])
    assert {found.check for found in recorder.violations} == checks


@pytest.mark.parametrize(
    ("status", "body", "checks"),
    [
        (202, b'{"job": {"jobID": ', {Check.BODY}),
        (202, b"", {Check.BODY}),
        (200, {"job": job()}, {Check.STATUS}),
        (202, {"job": completed_job()}, {Check.PRESENCE}),
        (202, {"job": job()}, set()),
    ],
)
def test_bodies(server: CannedServer, status: int, body: Any, checks: set[Check]) -> None:
    client = boto3_client(server)
    recorder = install(client)
    server.will_answer(status, body)
    client.start_recovery(sourceServers=[{"sourceServerID": DB_1}])
    assert {found.check for found in recorder.violations} == checks


def test_an_answer_that_breaks_the_client_is_still_recorded(server: CannedServer) -> None:
    client = boto3_client(server)
    recorder = install(client)
    server.will_answer(200, b"[]")
    with pytest.raises(AttributeError):
        client.describe_jobs()
    assert [found.check for found in recorder.violations] == [Check.BODY]


def test_no_body_where_none_is_due(server: CannedServer) -> None:
    client = boto3_client(server)
    recorder = install(client)
    server.will_answer(204, b"")
    server.will_answer(200, b"")
    client.initialize_service()
    client.tag_resource(resourceArn="arn:aws:drs:eu-west-1:111122223333:job/x", tags={})
    recorder.assert_none()


def test_an_expected_fault_is_allowed_by_name(server: CannedServer) -> None:
    client = boto3_client(server)
    recorder = install(client)
    recorder.allow(Check.BODY, "Describe*", reason="the answer is cut off")
    server.will_answer(200, b'{"items": [')
    client.describe_jobs()
    recorder.assert_none()
    server.will_answer(202, b"{")
    client.start_recovery(sourceServers=[{"sourceServerID": DB_1}])
    assert [found.operation for found in recorder.violations] == ["StartRecovery"]


def test_an_allowance_that_nothing_needed_fails(server: CannedServer) -> None:
    client = boto3_client(server)
    recorder = install(client)
    recorder.allow(Check.BODY, reason="the answer is cut off")
    server.will_answer(200, {"items": []})
    client.describe_jobs()
    with pytest.raises(AssertionError, match="nothing needed the allowance: the answer is cut off"):
        recorder.assert_none()


@pytest.mark.parametrize("followed", [True, False])
def test_transitions_are_followed_on_demand(server: CannedServer, followed: bool) -> None:
    client = boto3_client(server)
    recorder = install(client, transitions=followed)
    server.will_answer(200, {"items": [completed_job()]})
    server.will_answer(200, {"items": [job()]})
    client.describe_jobs()
    client.describe_jobs()
    assert bool(recorder.violations) is followed
    assert {found.check for found in recorder.violations} <= {Check.TRANSITION}


def test_recording_everywhere_covers_clients_made_by_anyone_inside(server: CannedServer) -> None:
    with recording_everywhere() as recorder:
        client = boto3_client(server)
        server.will_answer(200, {})
        client.describe_jobs()
    server.will_answer(200, {})
    client.describe_jobs()
    server.will_answer(200, {})
    boto3_client(server).describe_jobs()
    assert len(recorder.exchanges) == 1
    assert not any(entry[0] == "before-parse.drs" for entry in handlers.BUILTIN_HANDLERS)


async def test_recording_everywhere_covers_aiobotocore(server: CannedServer) -> None:
    server.will_answer(200, {"items": [job()]})
    with recording_everywhere() as recorder:
        async with AioSession().create_client("drs", **options(server)) as client:
            await client.describe_jobs()
    recorder.assert_none()


def test_checked_responses_asserts_at_the_end(server: CannedServer) -> None:
    server.will_answer(200, {})
    with pytest.raises(AssertionError, match="DescribeJobs items"), checked_responses():
        boto3_client(server).describe_jobs()


def test_a_failing_test_keeps_its_own_error() -> None:
    with pytest.raises(ZeroDivisionError), checked_responses():
        raise ZeroDivisionError
