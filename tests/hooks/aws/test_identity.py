"""Whatever goes wrong before GetCallerIdentity has answered names the connection, the real cause and the remedy."""

from __future__ import annotations

import pickle
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from drs_provider.core.account import AwsTarget
from drs_provider.exceptions import DrsError, DrsIdentityError, DrsIdentityUnprovenError
from drs_provider.hooks.aws import identity
from drs_provider.hooks.aws.clients import AwsClients
from drs_provider.hooks.aws.errors import is_outcome_unknown, is_transient
from drs_provider.hooks.aws.identity import Proof
from tests.hooks.conftest import SESSION_NAME

pytestmark = pytest.mark.drs_scenario("shop_two_regions")

LATE = "Signature expired: 20261127T101500Z is now earlier than 20261127T102500Z (20261127T103000Z - 5 min.)"


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[str]:
    """Answer over TLS with a certificate that nobody knows, as an inspecting proxy does."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "proxy")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "proxy.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler, bind_and_activate=True)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def problem_of(target: AwsTarget) -> DrsIdentityError | DrsIdentityUnprovenError:
    with pytest.raises(DrsError) as caught:
        AwsClients(target, SESSION_NAME).client("drs")
    assert isinstance(caught.value, (DrsIdentityError, DrsIdentityUnprovenError))
    return caught.value


# code and message of STS -> what is said, what is to be done, and whether AWS's "no" is final
REFUSALS = [
    ("SignatureDoesNotMatch", LATE, "clock of machine", "Set the clock", False),
    ("RequestExpired", "Request has expired.", "clock of machine", "Set the clock", False),
    ("SignatureDoesNotMatch", "The request signature does not match.", "secret key", "Renew", True),
    (
        "RegionDisabledException",
        "STS is not activated in this region",
        "not enabled",
        "Enable the Region",
        True,
    ),
    (
        "InvalidClientTokenId",
        "The security token is invalid.",
        "not know there",
        "Region is not enabled",
        True,
    ),
    ("UnrecognizedClientException", "The token is invalid.", "not know there", "another partition", True),
    ("ExpiredToken", "The security token is expired", "have expired", "Renew the connection's keys", False),
    ("AccessDenied", "explicit deny in a service control policy", "may not call", "service control", True),
    ("SomethingNew", "no", "is refused by GetCallerIdentity", "Correct the target", True),
]


@pytest.mark.parametrize(("code", "message", "said", "remedy", "final"), REFUSALS)
def test_each_refusal_of_sts_has_its_own_cause_and_remedy(
    drs_simulator: Any,
    connect_hub: Any,
    own: AwsTarget,
    code: str,
    message: str,
    said: str,
    remedy: str,
    final: bool,
) -> None:
    connect_hub()
    drs_simulator.inject("GetCallerIdentity", service="sts", code=code, message=message, status=403)
    problem = problem_of(own)
    for part in (
        "Connection 'aws_dr'",
        "'main'",
        "111122223333",
        "eu-west-1",
        code,
        message.rstrip("."),
        said,
    ):
        assert part in problem.message
    assert remedy in problem.remedy
    assert isinstance(problem, DrsIdentityError) is final
    assert is_transient(problem) is not final
    assert not getattr(problem, "passing", False)
    assert not is_outcome_unknown(problem)


def test_how_late_the_clock_is_comes_from_the_answers_date(
    drs_simulator: Any, connect_hub: Any, own: AwsTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_hub()
    drs_simulator.inject("GetCallerIdentity", service="sts", code="SignatureDoesNotMatch", message=LATE)
    monkeypatch.setattr(identity, "time", SimpleNamespace(time=lambda: time.time() - 15 * 60))
    assert "is 15 minutes behind AWS's" in problem_of(own).message


@pytest.mark.parametrize(
    "message",
    [
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    ],
)
def test_a_role_session_that_is_too_long_is_told_as_such(
    drs_simulator: Any, connect_hub: Any, own: AwsTarget, message: str
) -> None:
    role = "arn:aws:iam::222233334444:role/DRSOrchestrationRole"
    connect_hub(role_arn=role, assume_role_kwargs={"ExternalId": "erp-dr-7f3a", "DurationSeconds": 3600})
    drs_simulator.inject("AssumeRole", service="sts", code="ValidationError", message=message, status=400)
    problem = problem_of(own)
    assert isinstance(problem, DrsIdentityError)
    assert "longer role session" in problem.message
    assert "Remove DurationSeconds" in problem.remedy
    assert "3600" in problem.remedy


@pytest.mark.parametrize("fault", [{"kind": "raw"}, {"kind": "reset"}, {"code": "Throttling", "status": 400}])
@pytest.mark.parametrize("operation", ["AssumeRole", "GetCallerIdentity"])
def test_an_answer_that_does_not_come_may_come_later(
    drs_simulator: Any, connect_hub: Any, remote: AwsTarget, fault: dict[str, Any], operation: str
) -> None:
    connect_hub()
    drs_simulator.inject(operation, service="sts", **fault)
    problem = problem_of(remote)
    assert isinstance(problem, DrsIdentityUnprovenError)
    assert problem.passing
    assert is_transient(problem)


def test_an_endpoint_that_is_not_there_is_a_matter_of_the_network(connect_hub: Any, own: AwsTarget) -> None:
    connect_hub(service_config={"sts": {"endpoint_url": "http://127.0.0.1:9"}})
    problem = problem_of(own)
    assert isinstance(problem, DrsIdentityUnprovenError)
    assert problem.passing
    assert "does not reach AWS STS" in problem.message
    assert "VPC endpoint" in problem.remedy


def test_a_certificate_that_is_not_trusted_is_told_apart_from_the_network(
    connect_hub: Any, own: AwsTarget, tls_server: str
) -> None:
    connect_hub(service_config={"sts": {"endpoint_url": tls_server}})
    problem = problem_of(own)
    assert "certificate" in problem.message
    assert "AWS_CA_BUNDLE" in problem.remedy
    assert not getattr(problem, "passing", True)


def test_a_proxy_that_is_not_there_is_named(
    connect_hub: Any, own: AwsTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    connect_hub(service_config={"sts": {"endpoint_url": "https://sts.example.invalid"}})
    problem = problem_of(own)
    assert "does not get through the proxy" in problem.message
    assert "HTTPS_PROXY" in problem.remedy


def test_a_region_of_no_partition_is_refused_before_any_call(drs_simulator: Any, connect_hub: Any) -> None:
    connect_hub()
    target = AwsTarget("main", "aws_dr", "111122223333", "xx-west-1", own_account=True)
    assert "in no AWS partition" in problem_of(target).message
    assert drs_simulator.calls(service="*") == []


async def test_the_asynchronous_way_tells_the_same(
    drs_simulator: Any, connect_hub: Any, own: AwsTarget
) -> None:
    connect_hub()
    drs_simulator.inject("GetCallerIdentity", service="sts", code="SignatureDoesNotMatch", message=LATE)
    with pytest.raises(DrsIdentityUnprovenError, match="clock of machine"):
        async with AwsClients(own, SESSION_NAME).async_client("drs"):
            pass


def botocore_errors() -> list[Exception]:
    """Return one of each error of botocore that can come of getting credentials or reaching STS."""
    return [
        boto.CredentialRetrievalError(provider="container-role", error_msg="timed out"),
        boto.MetadataRetrievalError(error_msg="503"),
        boto.NoCredentialsError(),
        boto.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
        boto.ProfileNotFound(profile="dr"),
        boto.ConfigNotFound(path="/etc/aws"),
        boto.ConfigParseError(path="/etc/aws"),
        boto.InvalidConfigError(error_msg="both source_profile and credential_source"),
        boto.InfiniteLoopConfigError(source_profile="a", visited_profiles=["a", "b"]),
        boto.RefreshWithMFAUnsupportedError(),
        boto.SSOTokenLoadError(error_msg="Token for https://sso does not exist"),
        boto.UnauthorizedSSOTokenError(),
        boto.TokenRetrievalError(provider="sso", error_msg="Token has expired and refresh failed"),
        boto.NoAuthTokenError(),
        boto.LoginRefreshRequired(),
        boto.LoginTokenLoadError(error_msg="no token"),
        boto.LoginInsufficientPermissions(),
        boto.LoginAuthorizationCodeError(error_msg="expired"),
        boto.MissingDependencyException(msg="awscrt"),
        boto.InvalidIMDSEndpointError(endpoint="x"),
        boto.InvalidIMDSEndpointModeError(mode="ipv5", valid_modes=["ipv4"]),
        boto.UnknownCredentialError(name="x"),
        boto.UnknownTokenProviderError(name="x"),
        boto.NoRegionError(),
        boto.UnknownEndpointError(service_name="sts", region_name="x"),
        boto.EndpointConnectionError(endpoint_url="https://sts"),
        boto.ConnectTimeoutError(endpoint_url="https://sts"),
        boto.ReadTimeoutError(endpoint_url="https://sts"),
        boto.ConnectionClosedError(endpoint_url="https://sts"),
        boto.ProxyConnectionError(proxy_url="http://proxy"),
        boto.SSLError(endpoint_url="https://sts", error="EOF occurred"),
        ResponseParserError("not XML"),
        RuntimeError("Credentials were refreshed, but the refreshed credentials are still expired."),
        FileNotFoundError(2, "No such file or directory", "/var/run/token"),
        KeyError("AccessKeyId"),
        EOFError(),
    ]


@pytest.mark.parametrize("error", botocore_errors(), ids=lambda error: type(error).__name__)
def test_no_failure_to_get_credentials_is_final_once_a_run_has_begun(
    own: AwsTarget, error: Exception
) -> None:
    with pytest.raises(DrsIdentityUnprovenError) as caught, Proof(own).explained():
        raise error
    problem = caught.value
    assert is_transient(problem)
    assert not is_outcome_unknown(problem)  # nothing was sent, so no job can have begun
    assert "Connection 'aws_dr' of target 'main'" in problem.message
    assert problem.remedy.endswith(".")
    again = pickle.loads(pickle.dumps(problem))
    assert (again.message, again.remedy, again.passing) == (problem.message, problem.remedy, problem.passing)
    assert str(again) == str(problem)


def test_a_long_text_of_aws_is_cut(own: AwsTarget) -> None:
    with pytest.raises(DrsIdentityUnprovenError) as caught, Proof(own).explained():
        raise boto.CredentialRetrievalError(provider="custom-process", error_msg="line\n" * 1000)
    assert len(caught.value.message) < 800
    assert "\n" not in caught.value.message
