"""Real credential providers of botocore: nobody is asked, and what goes wrong is told."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drs_provider.core.account import AwsTarget
from drs_provider.exceptions import DrsError, DrsIdentityError, DrsIdentityUnprovenError
from drs_provider.hooks.aws import credentials as credentials_module
from drs_provider.hooks.aws.clients import AwsClients
from drs_provider.hooks.aws.errors import is_outcome_unknown, is_transient
from drs_provider.hooks.aws.target_hook import TargetHook
from tests.harness.metadata import Metadata, renew_always
from tests.hooks.conftest import SESSION_NAME
from tests.hooks.scripted_aws import HUB_KEY, Refusal, ScriptedAws

ROLE = "arn:aws:iam::111122223333:role/DrHub"


@pytest.fixture
def metadata() -> Iterator[Metadata]:
    running = Metadata(HUB_KEY)
    yield running
    running.close()


@pytest.fixture
def container(metadata: Metadata, monkeypatch: pytest.MonkeyPatch) -> Metadata:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{metadata.url}/credentials")
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    return metadata


@pytest.fixture
def instance(metadata: Metadata, monkeypatch: pytest.MonkeyPatch) -> Metadata:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url)
    return metadata


@pytest.fixture
def renewed_always(monkeypatch: pytest.MonkeyPatch) -> None:
    renew_always(monkeypatch)


@pytest.fixture
def machine(aws: ScriptedAws, set_connection: Callable[..., None]) -> None:
    """A connection without keys: the machine's own credentials count."""
    set_connection(extra={"endpoint_url": aws.url, "service_config": {"sts": {"endpoint_url": aws.url}}})


@pytest.fixture
def profile(
    aws: ScriptedAws, set_connection: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[str], None]:
    """Write the AWS config file; the connection names its profile `dr`."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", aws.url)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("botocore.tokens.SSOTokenProvider._SSO_TOKEN_CACHE_DIR", str(tmp_path / "sso"))
    monkeypatch.setattr("botocore.credentials.SSOProvider._SSO_TOKEN_CACHE_DIR", str(tmp_path / "sso"))

    def write(text: str) -> None:
        path = tmp_path / "config"
        path.write_text(text)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(path))
        sts = {"sts": {"endpoint_url": aws.url}}
        set_connection(extra={"endpoint_url": aws.url, "service_config": sts, "profile_name": "dr"})

    return write


def problem_of(target: AwsTarget) -> DrsIdentityError | DrsIdentityUnprovenError:
    with pytest.raises(DrsError) as caught:
        AwsClients(target, SESSION_NAME).client("drs")
    assert isinstance(caught.value, (DrsIdentityError, DrsIdentityUnprovenError))
    assert "Connection 'aws_dr'" in caught.value.message
    return caught.value


def script(tmp_path: Path, python: str) -> str:
    """Return a credential_process that runs some Python."""
    path = tmp_path / "process.py"
    path.write_text(python)
    return f"{sys.executable} {path}"


# -- profiles ------------------------------------------------------------------------------------------

BAD_PROFILES = {
    "keys in part": (
        "[profile dr]\naws_access_key_id = AKIA\n",
        "only a part of its credentials",
        "complete the profile",
    ),
    "a loop": (
        f"[profile dr]\nrole_arn = {ROLE}\nsource_profile = b\n[profile b]\nrole_arn = {ROLE}\nsource_profile = dr\n",
        "leads back to themselves",
        "end in a profile with keys",
    ),
    "no source": (
        f"[profile dr]\nrole_arn = {ROLE}\nsource_profile = nobody\n",
        'source_profile "nobody"',
        "Correct what the message names in the AWS config file",
    ),
    "no file": (
        "no section at all",
        "config file or profile that cannot be used",
        "Correct what the message",
    ),
    "no token file": (
        f"[profile dr]\nrole_arn = {ROLE}\nweb_identity_token_file = /nowhere/token\n",
        "/nowhere/token",
        "Mount it at this path",
    ),
    "no process": (
        "[profile dr]\ncredential_process = /nowhere/vault\n",
        "/nowhere/vault",
        "correct the path",
    ),
    "sign-in never made": (
        "[profile dr]\nsso_start_url = https://sso\nsso_region = eu-west-1\nsso_account_id = 1\nsso_role_name = dr\n",
        "sign-in of IAM Identity Center",
        "aws sso login --profile dr",
    ),
}


@pytest.mark.parametrize("name", BAD_PROFILES)
def test_a_profile_that_cannot_be_used_is_told_with_its_remedy(
    profile: Callable[[str], None], own: AwsTarget, name: str
) -> None:
    text, said, remedy = BAD_PROFILES[name]
    profile(text)
    problem = problem_of(own)
    assert said in problem.message
    assert remedy in problem.remedy
    assert not getattr(problem, "passing", True)  # final in `prepare`
    assert is_transient(problem)  # borne later on


@pytest.mark.parametrize("name", ["config file gone", "profile not found"])
def test_a_profile_that_this_machine_does_not_have(
    profile: Callable[[str], None], own: AwsTarget, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    profile("[profile other]\nregion = eu-west-1\n")
    if name == "config file gone":
        monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere/config")
    problem = problem_of(own)
    assert "(profile 'dr') of target 'main'" in problem.message
    assert "does not have" in problem.message
    assert "on every worker and triggerer" in problem.remedy


def test_a_sign_in_that_is_over_is_told_with_its_command(
    profile: Callable[[str], None], own: AwsTarget, tmp_path: Path
) -> None:
    profile(
        "[profile dr]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = dr\n"
        "[sso-session corp]\nsso_start_url = https://sso\nsso_region = eu-west-1\n"
    )
    (tmp_path / "sso").mkdir()
    from hashlib import sha1

    token = {"startUrl": "https://sso", "accessToken": "old", "expiresAt": "2026-01-01T00:00:00Z"}
    name = sha1(b"corp").hexdigest()  # botocore's name of the file
    (tmp_path / "sso" / f"{name}.json").write_text(json.dumps(token))
    problem = problem_of(own)
    assert "sign-in of IAM Identity Center that is over" in problem.message
    assert "aws sso login --profile dr" in problem.remedy


@pytest.mark.parametrize("nested", [False, True])
def test_a_profile_that_wants_an_mfa_code_asks_nobody(
    profile: Callable[[str], None],
    own: AwsTarget,
    aws: ScriptedAws,
    monkeypatch: pytest.MonkeyPatch,
    nested: bool,
) -> None:
    keys = f"aws_access_key_id = {HUB_KEY}\naws_secret_access_key = x\n"
    wants = f"role_arn = {ROLE}\nmfa_serial = arn:aws:iam::111122223333:mfa/me\nsource_profile = base\n"
    middle = f"[profile dr]\nrole_arn = {ROLE}\nsource_profile = middle\n[profile middle]\n{wants}"
    profile(f"[profile base]\n{keys}" + (middle if nested else f"[profile dr]\n{wants}"))
    asked: list[str] = []
    monkeypatch.setattr("getpass.getpass", asked.append)
    monkeypatch.setattr("builtins.input", asked.append)
    problem = problem_of(own)
    assert "arn:aws:iam::111122223333:mfa/me" in problem.message
    assert "MFA code" in problem.message
    assert "need no MFA" in problem.remedy
    assert asked == []
    assert aws.calls == []


def test_without_a_target_nobody_is_asked_either(
    profile: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    profile(
        f"[profile base]\naws_access_key_id = {HUB_KEY}\naws_secret_access_key = x\n"
        f"[profile dr]\nrole_arn = {ROLE}\nmfa_serial = arn:aws:iam::1:mfa/me\nsource_profile = base\n"
    )
    with pytest.raises(credentials_module.MfaWantedError):
        TargetHook(aws_conn_id="aws_dr", region_name="eu-west-1").conn.describe_jobs()


def test_the_role_of_the_profile_is_not_taken_for_the_targets(
    profile: Callable[[str], None], aws: ScriptedAws, remote: AwsTarget
) -> None:
    profile(
        f"[profile base]\naws_access_key_id = {HUB_KEY}\naws_secret_access_key = x\n"
        f"[profile dr]\nrole_arn = {ROLE}\nsource_profile = base\n"
    )
    aws.refusals[ROLE] = Refusal("AccessDenied", 403, f"not authorized to perform sts:AssumeRole on {ROLE}")
    problem = problem_of(remote)
    assert isinstance(problem, DrsIdentityError)
    assert "its own role" in problem.message
    assert ROLE in problem.message
    assert "DRSOrchestrationRole" not in problem.message


# -- credential_process ----------------------------------------------------------------------------------

KEYS = json.dumps({"Version": 1, "AccessKeyId": HUB_KEY, "SecretAccessKey": "x"})


@pytest.mark.parametrize(
    ("python", "said"),
    [
        ("raise SystemExit('the vault is sealed')", "the vault is sealed"),
        ("print('Please sign in')", "not the JSON"),
        ("print('[1]')", "not the JSON"),
        ("print('{\"Version\": 3}')", "Unsupported version '3'"),
        ("print('{\"Version\": 1}')", "AccessKeyId"),
        ("import sys; sys.stdout.buffer.write(bytes([255]))", "not the JSON"),
    ],
)
def test_a_credential_process_that_fails_is_told(
    profile: Callable[[str], None], own: AwsTarget, tmp_path: Path, python: str, said: str
) -> None:
    profile(f"[profile dr]\ncredential_process = {script(tmp_path, python)}\n")
    problem = problem_of(own)
    assert isinstance(problem, DrsIdentityUnprovenError)
    assert problem.passing
    assert "credential_process" in problem.message
    assert said in problem.message


def test_a_credential_process_has_no_input_and_no_terminal(
    profile: Callable[[str], None], own: AwsTarget, tmp_path: Path
) -> None:
    python = f"import os, sys\nassert sys.stdin.read() == ''\nassert os.getsid(0) == os.getpid()\nprint('''{KEYS}''')"
    profile(f"[profile dr]\ncredential_process = {script(tmp_path, python)}\n")
    AwsClients(own, SESSION_NAME).client("drs")


@pytest.mark.parametrize("nested", [False, True])
def test_a_credential_process_that_hangs_is_ended(
    profile: Callable[[str], None],
    own: AwsTarget,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    nested: bool,
) -> None:
    monkeypatch.setattr(credentials_module, "PROCESS_SECONDS", 0.5)
    pid = tmp_path / "pid"
    python = (
        f"import os, pathlib, time\npathlib.Path({str(pid)!r}).write_text(str(os.getpid()))\ntime.sleep(600)"
    )
    process = f"credential_process = {script(tmp_path, python)}\n"
    outer = f"[profile dr]\nrole_arn = {ROLE}\nsource_profile = base\n[profile base]\n{process}"
    profile(outer if nested else f"[profile dr]\n{process}")
    assert "it did not end within" in problem_of(own).message
    if pid.exists():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid.read_text()), 0)


# -- instance metadata, container and pod identity ----------------------------------------------------------


def test_a_container_identity_that_does_not_answer_may_answer_later(
    container: Metadata, machine: None, own: AwsTarget
) -> None:
    container.works = False
    problem = problem_of(own)
    assert isinstance(problem, DrsIdentityUnprovenError)
    assert problem.passing
    assert "the container's or pod's identity" in problem.message
    container.works = True
    AwsClients(own, SESSION_NAME).client("drs")


def test_a_pods_token_file_that_is_not_there(
    container: Metadata, machine: None, own: AwsTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nowhere/eks-pod-identity-token")
    assert "/nowhere/eks-pod-identity-token" in problem_of(own).message


def test_an_instance_without_metadata_gives_no_credentials(
    instance: Metadata, machine: None, own: AwsTarget
) -> None:
    instance.works = False
    problem = problem_of(own)
    assert "gives no credentials, and neither does this machine" in problem.message
    assert "instance metadata" in problem.remedy
    assert is_transient(problem)
    assert not getattr(problem, "passing", True)  # `prepare` says at once that there are none
    instance.works = True
    AwsClients(own, SESSION_NAME).client("drs")


@pytest.mark.parametrize("kind", ["instance", "container"])
def test_credentials_that_cannot_be_renewed_in_mid_run_are_borne(
    request: pytest.FixtureRequest,
    aws: ScriptedAws,
    machine: None,
    own: AwsTarget,
    renewed_always: None,
    kind: str,
) -> None:
    metadata: Metadata = request.getfixturevalue(kind)
    clients = AwsClients(own, SESSION_NAME)
    aws.answer("StartRecovery", {"job": {"jobID": "drsjob-1", "type": "LAUNCH"}})
    drs = clients.single_attempt_client("drs")
    metadata.works = False
    with pytest.raises(DrsIdentityUnprovenError) as caught:
        drs.start_recovery(sourceServers=[{"sourceServerID": "s-11111111111111111"}])
    assert "Connection 'aws_dr' of target 'main'" in str(caught.value)
    assert is_transient(caught.value)
    assert not is_outcome_unknown(caught.value)
    assert "StartRecovery" not in aws.operations()
    metadata.works = True
    drs.start_recovery(sourceServers=[{"sourceServerID": "s-11111111111111111"}])


async def test_credentials_that_cannot_be_renewed_in_the_triggerer_are_borne(
    container: Metadata, aws: ScriptedAws, machine: None, own: AwsTarget, renewed_always: None
) -> None:
    aws.answer("DescribeJobs", {"items": []})
    async with AwsClients(own, SESSION_NAME).async_client("drs") as drs:
        container.works = False
        with pytest.raises(DrsIdentityUnprovenError):
            await drs.describe_jobs()
        container.works = True
        assert (await drs.describe_jobs())["items"] == []
