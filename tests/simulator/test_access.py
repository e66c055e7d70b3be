"""Accounts, keys and roles."""

import json
import time

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from drs_simulator.adapter.current import SimulatorError
from drs_simulator.adapter.simulation import Simulation
from drs_simulator.scenario import load_scenario
from drs_simulator.testing import in_process, simulator
from tests.simulator.support import (
    ACCOUNT,
    DB_1,
    REGION,
    events_of,
    instance_of,
    job_of,
    part_of,
    refused,
    start,
)

BRANCH = "222233334444"
CENTRAL = "eu-central-1"
ROLE = f"arn:aws:iam::{BRANCH}:role/DRSOrchestrationRole"
EXTERNAL_ID = "erp-dr-7f3a"
SHOP_1, SHOP_3 = "s-5555555555555555a", "s-7777777777777777a"
UNKNOWN_KEY = {
    "AuthFailure": "not able to validate the provided access credentials",
    "InvalidAccessKeyId": "does not exist in our records",
}
TWO_ACCOUNTS = pytest.mark.drs_scenario("shop_two_regions")
DENIED = pytest.mark.drs_scenario("denied_rights")


def client(sim, service, key, *, token=None, region=REGION):
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=sim.url,
        aws_access_key_id=key,
        aws_secret_access_key="x",
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}),
    )


@TWO_ACCOUNTS
def test_each_account_has_its_key_and_sees_its_own_servers(drs_simulator):
    for account, region, count in ((ACCOUNT, REGION, 4), (BRANCH, CENTRAL, 2)):
        assert drs_simulator.client("sts", account).get_caller_identity()["Account"] == account
        assert len(drs_simulator.client("drs", account, region).describe_source_servers()["items"]) == count
    with refused("UninitializedAccountException"):
        drs_simulator.client("drs", BRANCH, REGION).describe_source_servers()


@TWO_ACCOUNTS
def test_an_assumed_role_lands_in_its_account(drs_simulator):
    arguments = {"external_id": EXTERNAL_ID, "session_name": "drs-e1"}
    identity = drs_simulator.client_in_role("sts", ROLE, CENTRAL, **arguments).get_caller_identity()
    assert identity["Account"] == BRANCH
    assert identity["Arn"].endswith("assumed-role/DRSOrchestrationRole/drs-e1")
    drs = drs_simulator.client_in_role("drs", ROLE, CENTRAL, **arguments)
    job = start(drs, SHOP_3)
    drs_simulator.finish()
    instance_id = instance_of(drs, job, SHOP_3)
    ec2 = drs_simulator.client_in_role("ec2", ROLE, CENTRAL, **arguments)
    (found,) = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
    assert found["OwnerId"] == BRANCH
    with refused("InvalidInstanceID.NotFound"):
        drs_simulator.client("ec2", ACCOUNT, CENTRAL).describe_instances(InstanceIds=[instance_id])
    (call,) = drs_simulator.calls("StartRecovery", account=BRANCH)
    assert (call.session_name, call.region) == ("drs-e1", CENTRAL)
    assert call.caller_arn == identity["Arn"]


@TWO_ACCOUNTS
@pytest.mark.parametrize(
    ("role", "external_id"),
    [(ROLE, None), (ROLE, "wrong"), (ROLE + "X", EXTERNAL_ID), (ROLE.replace("2222", "9999"), EXTERNAL_ID)],
)
def test_assuming_is_refused_without_trust(drs_simulator, role, external_id):
    with refused("AccessDenied", 403, "sts:AssumeRole"):
        drs_simulator.client_in_role("sts", role, CENTRAL, external_id=external_id)


@TWO_ACCOUNTS
def test_an_account_that_is_not_trusted_cannot_assume(drs_simulator):
    with refused("AccessDenied", 403):
        drs_simulator.client_in_role("sts", ROLE, CENTRAL, external_id=EXTERNAL_ID, account=BRANCH)


@pytest.mark.parametrize(
    ("service", "call", "code", "status"),
    [
        ("drs", "describe_jobs", "UnrecognizedClientException", 403),
        ("ec2", "describe_instances", "AuthFailure", 401),
        ("sts", "get_caller_identity", "InvalidClientTokenId", 403),
        ("dynamodb", "list_tables", "UnrecognizedClientException", 400),
        ("sns", "list_topics", "InvalidClientTokenId", 403),
        ("cloudwatch", "list_metrics", None, None),
        ("s3", "list_buckets", "InvalidAccessKeyId", 403),
    ],
)
@pytest.mark.parametrize("key", ["ASIAUNKNOWN000000000", "AKIAIOSFODNN7EXAMPLE", "testing", "my-key_1.local"])
@pytest.mark.parametrize("maker", [simulator, in_process], ids=["http", "in_process"])
def test_unknown_keys_are_refused_by_every_service(maker, key, service, call, code, status):
    with maker() as sim, pytest.raises(ClientError) as caught:
        getattr(client(sim, service, key, token="t"), call)()
    answer = caught.value.response
    assert UNKNOWN_KEY.get(code, "is invalid") in answer["Error"]["Message"]
    if code is not None:  # CloudWatch's depends on the protocol that botocore speaks with it
        assert answer["Error"]["Code"] == code
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == status


@TWO_ACCOUNTS
def test_keys_of_an_assumed_role_end_with_a_reset(drs_simulator):
    drs = drs_simulator.client_in_role("drs", ROLE, CENTRAL, external_id=EXTERNAL_ID)
    assert drs.describe_source_servers()["items"]
    drs_simulator.reset()
    with refused("UnrecognizedClientException", 403):
        drs.describe_source_servers()


@DENIED
def test_tags_at_creation_need_the_right_to_tag(drs_simulator):
    role = ROLE.replace("DRSOrchestrationRole", "DRSNoTagRole")
    drs = drs_simulator.client_in_role("drs", role, CENTRAL, external_id=EXTERNAL_ID)
    with refused("AccessDeniedException", 403, "drs:TagResource"):
        start(drs, SHOP_3, tags={"ExecutionId": "e"})
    assert drs.describe_jobs()["items"] == []
    assert start(drs, SHOP_3)["status"] == "PENDING"


@DENIED
def test_a_missing_right_of_conversion_ends_the_job_after_the_snapshot(drs_simulator):
    drs = drs_simulator.client_in_role("drs", ROLE, CENTRAL, external_id=EXTERNAL_ID)
    job = start(drs, SHOP_3)
    drs_simulator.finish()
    done = job_of(drs, job["jobID"])
    assert (done["status"], part_of(done, SHOP_3)["launchStatus"]) == ("COMPLETED", "FAILED")
    assert events_of(drs, job["jobID"], SHOP_3) == ["SNAPSHOT_START", "SNAPSHOT_END"]
    assert drs.describe_recovery_instances()["items"] == []


@DENIED
def test_denied_actions_of_drs_and_of_other_services(drs_simulator):
    role = ROLE.replace("DRSOrchestrationRole", "DRSReadRole")
    drs = drs_simulator.client_in_role("drs", role, CENTRAL)
    assert drs.describe_source_servers()["items"]
    with refused("AccessDeniedException", 403, "drs:StartRecovery"):
        start(drs, SHOP_3)
    ec2 = drs_simulator.client_in_role("ec2", ROLE, CENTRAL, external_id=EXTERNAL_ID)
    with refused("UnauthorizedOperation", 403, "ec2:RunInstances"):
        ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)


def test_an_environment_that_turns_every_account_into_one_is_refused(monkeypatch):
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "000000000000")
    with pytest.raises(SimulatorError, match="MOTO_ACCOUNT_ID"):
        Simulation()


def test_there_is_one_simulation_in_a_process(drs_in_process):
    with pytest.raises(SimulatorError, match="another simulation"), simulator():
        pass
    assert drs_in_process.client().describe_source_servers(filters={"sourceServerIDs": [DB_1]})["items"]


@TWO_ACCOUNTS
@pytest.mark.parametrize(
    ("service", "method", "code"),
    [
        ("drs", "describe_jobs", "ExpiredTokenException"),
        ("ec2", "describe_instances", "RequestExpired"),
        ("sts", "get_caller_identity", "ExpiredToken"),
    ],
)
def test_credentials_of_a_role_expire(drs_simulator, monkeypatch, service, method, code):
    assumed = drs_simulator.client_in_role(service, ROLE, CENTRAL, external_id=EXTERNAL_ID)
    getattr(assumed, method)()
    later = time.time() + 3601
    monkeypatch.setattr("drs_simulator.adapter.gate.time.time", lambda: later)
    with refused(code):
        getattr(assumed, method)()


@TWO_ACCOUNTS
def test_a_chained_session_lasts_an_hour_at_most(drs_simulator):
    sts = drs_simulator.client_in_role("sts", ROLE, CENTRAL, external_id=EXTERNAL_ID)
    with refused("AccessDenied"):
        sts.assume_role(RoleArn=ROLE, RoleSessionName="again", ExternalId=EXTERNAL_ID)
    scenario = load_scenario("shop_two_regions").model_dump(mode="python")
    scenario["accounts"][BRANCH]["roles"]["DRSOrchestrationRole"]["trusts"] = (ACCOUNT, BRANCH)
    drs_simulator.reset(scenario)
    sts = drs_simulator.client_in_role("sts", ROLE, CENTRAL, external_id=EXTERNAL_ID)
    with refused("ValidationError", 400, "role chaining"):
        sts.assume_role(RoleArn=ROLE, RoleSessionName="again", ExternalId=EXTERNAL_ID, DurationSeconds=7200)


@DENIED
def test_policies_can_be_simulated(drs_simulator):
    iam = drs_simulator.client("iam", BRANCH)
    answer = iam.simulate_principal_policy(
        PolicySourceArn=ROLE, ActionNames=["ec2:RunInstances", "drs:StartRecovery"]
    )
    decisions = {r["EvalActionName"]: r["EvalDecision"] for r in answer["EvaluationResults"]}
    assert decisions == {"ec2:RunInstances": "implicitDeny", "drs:StartRecovery": "allowed"}
    roles = [f"arn:aws:iam::{BRANCH}:role/{name}" for name in ("one", "two")]
    answer = iam.simulate_principal_policy(
        PolicySourceArn=ROLE, ActionNames=["iam:PassRole"], ResourceArns=roles
    )
    assert [row["EvalResourceName"] for row in answer["EvaluationResults"]] == roles
    with refused("NoSuchEntity", 404):
        iam.simulate_principal_policy(PolicySourceArn=ROLE + "X", ActionNames=["ec2:RunInstances"])


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@TWO_ACCOUNTS
def test_a_role_that_is_made_later_may_what_its_policies_allow(drs_simulator):
    iam = drs_simulator.client("iam", BRANCH)
    trust = {"Effect": "Allow", "Principal": {"AWS": [f"arn:aws:iam::{ACCOUNT}:user/simulator"]}}
    trust |= {"Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}}
    iam.create_role(RoleName="Made", AssumeRolePolicyDocument=document(trust))
    arn = ROLE.replace("DRSOrchestrationRole", "Made")
    allowed = {"Effect": "Allow", "Action": ["drs:Describe*", "ec2:DescribeInstances"], "Resource": "*"}
    with refused("AccessDenied"):
        drs_simulator.client_in_role("drs", arn, CENTRAL, external_id="another")
    drs = drs_simulator.client_in_role("drs", arn, CENTRAL, external_id=EXTERNAL_ID)
    with refused("AccessDeniedException"):
        drs.describe_source_servers()

    iam.put_role_policy(RoleName="Made", PolicyName="looks", PolicyDocument=document(allowed))
    drs = drs_simulator.client_in_role("drs", arn, CENTRAL, external_id=EXTERNAL_ID)
    assert drs.describe_source_servers()["items"]
    with refused("AccessDeniedException"):
        start(drs, SHOP_3)


def test_a_request_without_a_signature_is_refused(drs_simulator):
    answer = httpx.post(f"{drs_simulator.url}/DescribeJobs", json={})
    assert answer.status_code == 403
    assert "Missing Authentication Token" in answer.text


@TWO_ACCOUNTS
def test_open_sessions_can_be_ended(drs_simulator):
    first = drs_simulator.client_in_role("drs", ROLE, CENTRAL, external_id=EXTERNAL_ID)
    first.describe_jobs()
    assert httpx.delete(f"{drs_simulator.url}/moto-api/drs/sessions").json() == {"ended": 1}
    with refused("ExpiredTokenException"):
        first.describe_jobs()
    second = drs_simulator.client_in_role("drs", ROLE, CENTRAL, external_id=EXTERNAL_ID)
    assert second.describe_jobs()["items"] == []
    drs_simulator.client("sts").get_caller_identity()  # a user's key is no session


@pytest.mark.parametrize("key", ["testing", "AKIAIOSFODNN7EXAMPLE", "my-key_1.local"])
@pytest.mark.parametrize("maker", [simulator, in_process], ids=["http", "in_process"])
def test_any_key_can_be_the_first_account_s(maker, key):
    with maker("shop_two_regions", any_key=True) as sim:
        for seed in range(2):
            identity = client(sim, "sts", key).get_caller_identity()
            assert (identity["Account"], identity["Arn"]) == (
                ACCOUNT,
                f"arn:aws:iam::{ACCOUNT}:user/simulator",
            )
            drs, ec2 = client(sim, "drs", key), client(sim, "ec2", key)
            job = start(drs, SHOP_1)
            sim.finish()
            assert [row["jobID"] for row in sim.client().describe_jobs()["items"]] == [job["jobID"]]
            (instance,) = drs.describe_recovery_instances()["items"]
            (row,) = ec2.describe_instances(InstanceIds=[instance["ec2InstanceID"]])["Reservations"]
            assert row["OwnerId"] == ACCOUNT
            # The choice outlives a reset, and keys of roles that are gone stay unknown.
            role = sim.client_in_role("drs", ROLE, CENTRAL, external_id=EXTERNAL_ID)
            sim.reset(seed=seed)
            with refused("UnrecognizedClientException", 403):
                role.describe_jobs()
        assert client(sim, "sts", f"AKIA{BRANCH}DRSS").get_caller_identity()["Account"] == BRANCH
