"""The recorder of the provider's calls notes what it should, by IAM's names."""

from __future__ import annotations

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from tests.harness import least_privilege


def test_actions_have_the_names_of_iam() -> None:
    assert least_privilege.actions_of("service-quotas", "ListServiceQuotas", b"{}") == {
        "servicequotas:ListServiceQuotas"
    }
    assert least_privilege.actions_of("lambda", "Invoke", b"") == {"lambda:InvokeFunction"}
    assert least_privilege.actions_of("sts", "GetCallerIdentity", b"") == set()
    assert least_privilege.actions_of("drs", "StartRecovery", b'{"tags": {}}') == {
        "drs:StartRecovery",
        "drs:TagResource",
    }


def test_a_call_that_no_policy_grants_fails_its_test() -> None:
    def list_regions(user_agent: str) -> None:
        config = Config(user_agent_extra=user_agent)
        # A session of its own: boto3's default one may be older than the recorder.
        client = boto3.session.Session().client(
            "ec2", region_name="eu-west-1", config=config, aws_access_key_id="a", aws_secret_access_key="b"
        )
        with mock_aws():
            client.describe_regions()

    list_regions("somebody/1")
    least_privilege.assert_granted()
    list_regions("airflow-provider-drs/1")
    with pytest.raises(AssertionError, match="ec2:DescribeRegions"):
        least_privilege.assert_granted()
