from __future__ import annotations

import asyncio
import os
import pickle
import re
import threading
from pathlib import Path

import pytest

import drs_provider
from drs_provider.core.account import AwsTarget
from drs_provider.exceptions import DrsConnectionMissingError, DrsIdentityError
from drs_provider.hooks.aws import clients as clients_module
from drs_provider.hooks.aws.clients import AwsClients, aws_clients, forget_clients
from drs_provider.hooks.aws.sessions import TargetRole
from drs_provider.partitions import role_arn
from tests.hooks.conftest import SESSION_NAME
from tests.hooks.scripted_aws import LOST, Refusal

PACKAGE = Path(drs_provider.__file__).parent
MAKES_CLIENTS = re.compile(
    r"boto3\.(client|resource|Session)\b|session\.(client|resource)\(|\bget_client_type\(|\bcreate_client\("
    r"|\bget_resource_type\(|\bget_async_conn\(|aiobotocore\.session|boto3\.session"
)


def test_trap_03_only_the_hooks_make_clients():
    allowed = {
        PACKAGE / "hooks" / "aws" / name
        for name in ("clients.py", "target_hook.py", "sessions.py", "async_sessions.py")
    }
    sources = [
        path
        for path in PACKAGE.rglob("*.py")
        if path not in allowed and "simulator" not in path.relative_to(PACKAGE).parts
    ]
    assert len(sources) > 10
    assert [str(path) for path in sources if MAKES_CLIENTS.search(path.read_text())] == []


def test_trap_38_identity_is_proven_once_and_first(aws, own_clients):
    aws.answer("DescribeJobs", {"items": []})
    own_clients.client("drs").describe_jobs()
    own_clients.client("ec2")
    own_clients.single_attempt_client("drs").describe_jobs()
    assert own_clients.caller_arn == "arn:aws:iam::111122223333:user/airflow"
    assert aws.operations() == ["GetCallerIdentity", "DescribeJobs", "DescribeJobs"]


def test_trap_38_no_client_of_any_kind_in_another_account(aws, connect):
    connect()
    clients = AwsClients(
        AwsTarget("main", "aws_dr", "444455556666", "eu-west-1", own_account=True), SESSION_NAME
    )
    for give in (clients.client, clients.single_attempt_client):
        with pytest.raises(DrsIdentityError):
            give("drs")
    assert set(aws.operations()) == {"GetCallerIdentity"}


async def test_trap_38_no_asynchronous_client_in_another_account(aws, connect):
    connect()
    clients = AwsClients(
        AwsTarget("main", "aws_dr", "444455556666", "eu-west-1", own_account=True), SESSION_NAME
    )
    with pytest.raises(DrsIdentityError, match="444455556666"):
        async with clients.async_client("drs"):
            pass
    assert set(aws.operations()) == {"GetCallerIdentity"}


def test_clients_are_kept(own_clients):
    assert own_clients.client("drs") is own_clients.client("drs")
    assert own_clients.client("drs") is not own_clients.single_attempt_client("drs")


def test_identity_is_proven_once_by_many_threads(aws, own_clients):
    threads = [threading.Thread(target=own_clients.client, args=("drs",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert aws.operations() == ["GetCallerIdentity"]


def test_failed_proof_is_tried_again(aws, own_clients):
    identities = dict(aws.identities)
    aws.identities.clear()
    with pytest.raises(DrsIdentityError):
        own_clients.client("drs")
    aws.identities.update(identities)
    assert own_clients.client("drs").meta.region_name == "eu-west-1"


def test_calls_go_to_the_targets_region_with_the_roles_keys(aws, connect, remote):
    connect(region_name="us-east-1")
    aws.answer("DescribeJobs", {"items": []})
    AwsClients(remote, SESSION_NAME).client("drs").describe_jobs()
    call = aws.calls[-1]
    assert (call.region, aws.identities[call.access_key][0]) == ("eu-central-1", "222233334444")
    assert "airflow-provider-drs/" in call.user_agent
    assert "Airflow/" in call.user_agent


@pytest.mark.parametrize("name", ["", "x", "a b", "a/b", "a" * 65, "umläut-name"])
def test_session_name_that_sts_would_refuse(own, name):
    with pytest.raises(ValueError, match="role session name"):
        AwsClients(own, name)


def test_single_attempt_client_never_repeats(aws, own_clients):
    aws.answer("DescribeJobs", Refusal("InternalServerException", 500))
    with pytest.raises(own_clients.client("drs").exceptions.InternalServerException):
        own_clients.single_attempt_client("drs").describe_jobs()
    assert len(aws.calls_of("DescribeJobs")) == 1


def test_connection_cannot_switch_the_single_attempt_off(aws, connect, own):
    connect(config_kwargs={"retries": {"mode": "standard", "max_attempts": 5}})
    clients = AwsClients(own, SESSION_NAME)
    assert clients.single_attempt_client("drs").meta.config.retries["total_max_attempts"] == 1
    assert clients.client("drs").meta.config.retries["total_max_attempts"] == 6


def test_ordinary_client_repeats_a_lost_answer(aws, own_clients):
    aws.answer("DescribeJobs", LOST, {"items": []})
    assert own_clients.client("drs").describe_jobs()["items"] == []
    assert len(aws.calls_of("DescribeJobs")) == 2


def test_trap_28_expired_role_session_is_renewed_before_the_next_call(aws, connect, remote):
    connect()
    aws.session_seconds = 60  # inside botocore's mandatory renewal window from the start
    aws.answer("DescribeJobs", {"items": []})
    client = AwsClients(remote, SESSION_NAME).client("drs")
    client.describe_jobs()
    first = aws.calls[-1].access_key
    client.describe_jobs()
    assert aws.calls[-1].access_key != first
    assert all(call.body["RoleArn"] == role_arn(remote) for call in aws.calls_of("AssumeRole"))


def test_role_denied_at_renewal_is_explained(aws, connect, remote):
    connect()
    aws.session_seconds = 60
    client = AwsClients(remote, SESSION_NAME).client("drs")
    aws.refusals[role_arn(remote)] = Refusal("AccessDenied", 403)
    with pytest.raises(DrsIdentityError, match="trust policy"):
        client.describe_jobs()


async def test_trap_28_asynchronous_client_renews_its_role_session_off_the_loop(
    aws, connect, remote, monkeypatch
):
    connect()
    aws.session_seconds = 60
    aws.answer("DescribeJobs", {"items": []})
    assumed_in: list[int] = []
    assume = TargetRole.credentials
    monkeypatch.setattr(
        TargetRole, "credentials", lambda role: assumed_in.append(threading.get_ident()) or assume(role)
    )
    async with AwsClients(remote, SESSION_NAME).async_client("drs") as client:
        await client.describe_jobs()
        await client.describe_jobs()
    assert len(assumed_in) >= 3
    assert threading.get_ident() not in assumed_in
    assert len({call.access_key for call in aws.calls_of("DescribeJobs")}) == 2


async def test_asynchronous_clients_prove_once_and_serve_several_services(aws, connect, own):
    connect()
    aws.answer("DescribeJobs", {"items": [{"jobID": "drsjob-11111111111111111"}]})
    clients = AwsClients(own, SESSION_NAME)
    async with clients.async_client("drs") as first, clients.async_client("drs") as second:
        answers = await asyncio.gather(first.describe_jobs(), second.describe_jobs())
    assert [answer["items"][0]["jobID"] for answer in answers] == ["drsjob-11111111111111111"] * 2
    assert aws.operations("sts") == ["GetCallerIdentity"]


async def test_asynchronous_client_of_a_missing_connection(own):
    with pytest.raises(DrsConnectionMissingError):
        async with AwsClients(own, SESSION_NAME).async_client("drs"):
            pass


def test_cache_gives_the_same_clients_for_the_same_key(connect, own, remote):
    connect()
    assert aws_clients(own, session_name=SESSION_NAME) is aws_clients(own, session_name=SESSION_NAME)
    assert aws_clients(own, session_name=SESSION_NAME) is not aws_clients(own, session_name="another-name")
    assert aws_clients(own, session_name=SESSION_NAME) is not aws_clients(remote, session_name=SESSION_NAME)


def test_trap_03_targets_of_one_account_with_different_roles_share_nothing(connect, remote):
    other = AwsTarget(
        remote.name, remote.connection, remote.account_id, remote.region, role="AnotherRole", external_id="x"
    )
    assert other.key == remote.key
    assert aws_clients(other, session_name=SESSION_NAME) is not aws_clients(remote, session_name=SESSION_NAME)


def test_forgotten_and_old_clients_are_made_anew(connect, own, monkeypatch):
    connect()
    first = aws_clients(own, session_name=SESSION_NAME)
    forget_clients()
    second = aws_clients(own, session_name=SESSION_NAME)
    assert second is not first
    monkeypatch.setattr(clients_module, "MAX_AGE_SECONDS", -1.0)
    assert aws_clients(own, session_name=SESSION_NAME) is not second


def test_cache_is_bounded(own):
    first = aws_clients(own, session_name="execution-0")
    for number in range(1, clients_module._MAX_CACHED + 1):
        aws_clients(own, session_name=f"execution-{number}")
    assert aws_clients(own, session_name="execution-0") is not first


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_forked_process_makes_its_own_clients(own):
    before = aws_clients(own, session_name=SESSION_NAME)
    child = os.fork()
    if child == 0:
        os._exit(0 if aws_clients(own, session_name=SESSION_NAME) is not before else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_trap_28_clients_cannot_be_serialized(own_clients):
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(own_clients)


def test_service_models_are_parsed_once_for_all_targets(connect, own, remote):
    connect()
    loaders = set()
    for target in (own, remote):
        hook = AwsClients(target, SESSION_NAME)._hook
        loaders.add(id(hook.get_session()._session.get_component("data_loader")))
        loaders.add(id(hook.get_session(deferrable=True).get_component("data_loader")))
    assert len(loaders) == 1


def test_trap_32_what_a_recovery_does_not_depend_on_soon_gives_up_proving_its_account_too(connect, own):
    connect()
    patient = AwsClients(own, SESSION_NAME)
    impatient = AwsClients(own, SESSION_NAME, fail_fast=True)
    configs = [clients._hook.client_arguments("sts")["config"] for clients in (patient, impatient)]
    assert [config.connect_timeout for config in configs] == [10, 2]
    assert [config.read_timeout for config in configs] == [30, 5]
    assert configs[1].retries["total_max_attempts"] == 2
    assert impatient.client("sts").meta.config.connect_timeout == 2
    both = [aws_clients(own, session_name=SESSION_NAME, fail_fast=flag) for flag in (True, False)]
    assert both[0] is not both[1]
