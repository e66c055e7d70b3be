from __future__ import annotations

import pytest
from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

from drs_provider.core.account import AwsTarget
from drs_provider.exceptions import (
    DrsConnectionInvalidError,
    DrsConnectionMissingError,
    DrsIdentityError,
    DrsIdentityUnprovenError,
)
from drs_provider.hooks.aws.target_hook import TargetHook
from drs_provider.partitions import role_arn
from tests.hooks.conftest import SESSION_NAME
from tests.hooks.scripted_aws import HUB_KEY, Refusal


def test_missing_connection_is_an_error_that_names_connection_target_and_remedy(own, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAAMBIENT000000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ambient")
    with pytest.raises(DrsConnectionMissingError) as caught:
        TargetHook(target=own).get_session()
    for part in ("'aws_dr'", "'main'", "111122223333", "eu-west-1", "Create it", "secrets backend"):
        assert part in str(caught.value)


@pytest.mark.parametrize("conn_id", [None, ""])
def test_no_connection_id_never_means_ambient_credentials(conn_id):
    with pytest.raises(DrsConnectionMissingError):
        _ = TargetHook(aws_conn_id=conn_id, region_name="eu-west-1").conn


async def test_missing_connection_is_an_error_for_asynchronous_code(own):
    with pytest.raises(DrsConnectionMissingError, match="'aws_dr'"):
        await TargetHook(target=own).aload_connection()


def test_connection_of_another_type_is_refused(own, set_connection):
    set_connection(conn_type="postgres", host="db")
    with pytest.raises(DrsConnectionInvalidError, match="has type 'postgres'"):
        TargetHook(target=own).get_session()


def test_connection_without_keys_uses_the_default_chain_but_proves_the_account(
    aws, connect, own, set_connection, monkeypatch
):
    aws.identities["AKIAMACHINE000000000"] = (
        "999988887777",
        "arn:aws:sts::999988887777:assumed-role/Worker/i-0",
    )
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAMACHINE000000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "machine")
    set_connection(extra={"endpoint_url": aws.url})
    with pytest.raises(DrsIdentityError, match="account 999988887777"):
        TargetHook(target=own).get_session()


def test_machine_without_identity_is_named(aws, own, set_connection):
    set_connection(extra={"endpoint_url": aws.url})
    with pytest.raises(DrsIdentityUnprovenError, match="gives no credentials"):
        TargetHook(target=own).get_session()
    assert aws.calls == []


def test_profile_that_does_not_exist_is_named(own, set_connection):
    set_connection(extra={"profile_name": "no-such-profile"})
    with pytest.raises(DrsIdentityUnprovenError, match="no-such-profile"):
        TargetHook(target=own).get_session()


def test_trap_01_own_account_assumes_no_role(aws, connect, own):
    connect()
    hook = TargetHook(target=own, session_name=SESSION_NAME)
    assert hook.caller_arn == "arn:aws:iam::111122223333:user/airflow"
    assert aws.operations() == ["GetCallerIdentity"]


def test_trap_01_remote_target_assumes_exactly_its_role(aws, connect, remote):
    connect()
    hook = TargetHook(target=remote, session_name=SESSION_NAME)
    assert hook.caller_arn == f"arn:aws:sts::222233334444:assumed-role/DRSOrchestrationRole/{SESSION_NAME}"
    assume, identity = aws.calls
    assert assume.operation == "AssumeRole"
    assert assume.region == "eu-central-1"
    assert assume.access_key == HUB_KEY
    assert assume.body["RoleArn"] == "arn:aws:iam::222233334444:role/DRSOrchestrationRole"
    assert assume.body["ExternalId"] == "erp-dr-7f3a"
    assert assume.body["RoleSessionName"] == SESSION_NAME
    assert identity.operation == "GetCallerIdentity"


def test_role_without_external_id_sends_none(aws, connect):
    connect()
    target = AwsTarget("branch", "aws_dr", "222233334444", "eu-central-1", role="DrRole")
    TargetHook(target=target, session_name=SESSION_NAME).get_session()
    assert "ExternalId" not in aws.calls_of("AssumeRole")[0].body


def test_connection_with_its_own_role_is_chained_first(aws, connect, remote):
    hub_role = "arn:aws:iam::111122223333:role/DrHub"
    connect(role_arn=hub_role, assume_role_kwargs={"ExternalId": "hub-id"})
    TargetHook(target=remote, session_name=SESSION_NAME).get_session()
    first, second = aws.calls_of("AssumeRole")
    assert (first.body["RoleArn"], first.body["ExternalId"]) == (hub_role, "hub-id")
    assert first.access_key == HUB_KEY
    assert second.body["RoleArn"] == "arn:aws:iam::222233334444:role/DRSOrchestrationRole"
    assert (
        aws.identities[second.access_key][1] == f"arn:aws:sts::111122223333:assumed-role/DrHub/{SESSION_NAME}"
    )


def test_own_account_goes_no_further_than_the_connections_own_role(aws, connect, own):
    connect(role_arn="arn:aws:iam::111122223333:role/DrHub")
    hook = TargetHook(target=own, session_name=SESSION_NAME)
    assert hook.caller_arn == f"arn:aws:sts::111122223333:assumed-role/DrHub/{SESSION_NAME}"
    assert aws.operations() == ["AssumeRole", "GetCallerIdentity"]


def test_session_name_that_the_connection_fixes_stays(aws, connect, own):
    connect(
        role_arn="arn:aws:iam::111122223333:role/DrHub", assume_role_kwargs={"RoleSessionName": "fixed-name"}
    )
    TargetHook(target=own, session_name=SESSION_NAME).get_session()
    assert aws.calls_of("AssumeRole")[0].body["RoleSessionName"] == "fixed-name"


def test_trap_38_another_account_is_refused_and_both_are_named(aws, connect):
    connect()
    target = AwsTarget("main", "aws_dr", "444455556666", "eu-west-1", own_account=True)
    with pytest.raises(DrsIdentityError) as caught:
        TargetHook(target=target, session_name=SESSION_NAME).get_session()
    for part in ("444455556666", "111122223333", "'aws_dr'", "Correct the plan's account_id"):
        assert part in str(caught.value)
    assert aws.operations() == ["GetCallerIdentity"]


def test_denied_role_names_the_role_and_what_to_check(aws, connect, remote):
    connect()
    aws.refusals[role_arn(remote)] = Refusal("AccessDenied", 403, "not authorized to perform sts:AssumeRole")
    with pytest.raises(DrsIdentityError) as caught:
        TargetHook(target=remote, session_name=SESSION_NAME).get_session()
    for part in (role_arn(remote), "not authorized", "trust policy", "external ID", "'branch'"):
        assert part in str(caught.value)
    assert "erp-dr-7f3a" not in str(caught.value)


def test_denied_role_of_the_connection_itself_is_told_apart(aws, connect, remote):
    hub_role = "arn:aws:iam::111122223333:role/DrHub"
    connect(role_arn=hub_role)
    aws.refusals[hub_role] = Refusal("AccessDenied", 403)
    with pytest.raises(
        DrsIdentityError, match="may not assume its own role arn:aws:iam::111122223333:role/DrHub"
    ):
        TargetHook(target=remote, session_name=SESSION_NAME).get_session()


def test_rejected_keys_are_named(aws, connect, own):
    connect()
    aws.identities.clear()
    with pytest.raises(
        DrsIdentityError,
        match="has credentials that AWS does not know there",
    ):
        TargetHook(target=own).get_session()


def test_sts_endpoint_for_roles_comes_from_the_service_configuration(aws, connect, remote):
    connect(endpoint_url="http://127.0.0.1:9")
    TargetHook(target=remote, session_name=SESSION_NAME).get_session()
    assert aws.operations() == ["AssumeRole", "GetCallerIdentity"]


def test_defaults_bound_retries_and_timeouts(connect, own):
    connect()
    config = TargetHook(target=own).config
    assert config.retries == {"mode": "adaptive", "total_max_attempts": 6}
    assert config.connect_timeout == 10
    assert config.read_timeout == 30
    assert "airflow-provider-drs/" in config.user_agent_extra


def test_connections_own_configuration_wins_key_by_key(connect, own):
    connect(config_kwargs={"retries": {"max_attempts": 2}, "read_timeout": 7})
    config = TargetHook(target=own).config
    assert config.retries == {"mode": "adaptive", "max_attempts": 2}
    assert config.read_timeout == 7
    assert config.connect_timeout == 10


def test_configuration_of_the_hook_wins_over_the_connections(connect):
    connect(config_kwargs={"read_timeout": 7})
    hook = TargetHook(aws_conn_id="aws_dr", region_name="eu-west-1", config={"read_timeout": 3})
    assert hook.config.read_timeout == 3
    assert hook.config.retries["mode"] == "adaptive"


def test_without_target_it_is_an_ordinary_hook(aws, connect):
    connect()
    aws.answer("DescribeJobs", {"items": []})
    hook = TargetHook(aws_conn_id="aws_dr", region_name="eu-west-1")
    assert hook.conn.describe_jobs()["items"] == []
    assert aws.calls[0].region == "eu-west-1"
    with pytest.raises(ValueError, match="without a target"):
        _ = hook.caller_arn


def test_client_of_a_target_comes_from_a_proven_session(aws, connect, own):
    connect()
    aws.answer("DescribeJobs", {"items": []})
    TargetHook(target=own).conn.describe_jobs()
    assert aws.operations() == ["GetCallerIdentity", "DescribeJobs"]


async def test_asynchronous_client_of_a_target_comes_from_a_proven_session(aws, connect, remote):
    connect()
    aws.answer("DescribeJobs", {"items": []})
    async with await TargetHook(target=remote, session_name=SESSION_NAME).get_async_conn() as client:
        await client.describe_jobs()
    assert aws.operations() == ["AssumeRole", "GetCallerIdentity", "DescribeJobs"]
    assert aws.calls[-1].access_key.startswith("ASIA")


def test_target_excludes_another_connection_or_region(own, connect):
    connect()
    with pytest.raises(ValueError, match="already says"):
        TargetHook(target=own, aws_conn_id="other")
    with pytest.raises(ValueError, match="eu-west-1, not us-east-1"):
        TargetHook(target=own).get_session(region_name="us-east-1")


@pytest.mark.contract
@pytest.mark.parametrize(
    "member",
    [
        "conn_config",
        "get_session",
        "_get_config",
        "config",
        "verify",
        "get_connection",
        "aget_connection",
        "aws_conn_id",
    ],
)
def test_members_of_the_base_hook_that_are_relied_on(member, connect):
    connect()
    assert hasattr(AwsBaseHook(aws_conn_id="aws_dr", client_type="drs"), member)


@pytest.mark.contract
def test_base_hook_makes_its_clients_from_get_session(connect, monkeypatch):
    connect()
    hook = TargetHook(aws_conn_id="aws_dr", region_name="eu-west-1")
    asked = []
    original = hook.get_session
    monkeypatch.setattr(hook, "get_session", lambda **kwargs: asked.append(kwargs) or original(**kwargs))
    hook.get_client_type(region_name="eu-west-1")
    assert asked == [{"region_name": "eu-west-1", "deferrable": False}]


@pytest.mark.contract
def test_connection_wrapper_fields_that_are_set_after_the_fact(connect):
    connect(role_arn="arn:aws:iam::111122223333:role/DrHub")
    wrapper = AwsBaseHook(aws_conn_id="aws_dr", client_type="drs").conn_config
    assert wrapper.botocore_config is None
    assert wrapper.assume_role_kwargs == {}
    assert wrapper.assume_role_method == "assume_role"
