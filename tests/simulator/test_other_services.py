"""What a recovery needs besides DRS is there, at the same endpoint and in the same accounts."""

import io

import pytest
from moto.ec2.models import ec2_backends

from drs_simulator.testing import in_process, simulator
from tests.simulator.support import DB_1, instance_of, refused, start

pytestmark = pytest.mark.integration


@pytest.fixture(params=[simulator, in_process], ids=["http", "in_process"])
def sim(request):
    with request.param("shop_two_regions") as running:
        yield running


def test_tables_belong_to_their_account(sim):
    ours, theirs = sim.client("dynamodb"), sim.client("dynamodb", "222233334444")
    ours.create_table(
        TableName="execution-history",
        KeySchema=[{"AttributeName": "executionId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "executionId", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    ours.put_item(TableName="execution-history", Item={"executionId": {"S": "e"}, "note": {"S": "ü & <"}})
    found = ours.get_item(TableName="execution-history", Key={"executionId": {"S": "e"}})["Item"]
    assert found["note"] == {"S": "ü & <"}
    with refused("ConditionalCheckFailedException", 400):
        ours.put_item(
            TableName="execution-history",
            Item={"executionId": {"S": "e"}},
            ConditionExpression="attribute_not_exists(executionId)",
        )
    assert theirs.list_tables()["TableNames"] == []


def test_objects_can_be_stored(sim):
    s3 = sim.client("s3")
    s3.create_bucket(Bucket="reports", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="reports", Key="a/report 1.json", Body=b"{}")
    s3.upload_fileobj(io.BytesIO(b"x" * 100_000), "reports", "a/large")
    assert s3.get_object(Bucket="reports", Key="a/report 1.json")["Body"].read() == b"{}"
    assert s3.get_object(Bucket="reports", Key="a/large")["ContentLength"] == 100_000
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket="reports", Key="none")


def test_messages_and_metrics_are_taken(sim):
    sns, cloudwatch = sim.client("sns"), sim.client("cloudwatch")
    topic = sns.create_topic(Name="dr")["TopicArn"]
    assert topic == "arn:aws:sns:eu-west-1:111122223333:dr"
    assert sns.publish(TopicArn=topic, Message="drill started")["MessageId"]
    data = [
        {"MetricName": f"Rto{n}", "Value": 1.0, "Dimensions": [{"Name": "Plan", "Value": "x" * 200}]}
        for n in range(80)
    ]
    cloudwatch.put_metric_data(Namespace="DRS", MetricData=data)
    names = {m["MetricName"] for m in cloudwatch.list_metrics(Namespace="DRS")["Metrics"]}
    assert names == {f"Rto{n}" for n in range(80)}


def test_commands_can_be_sent_to_launched_servers(sim):
    sim.reset("three_tier")
    drs, ssm = sim.client("drs"), sim.client("ssm")
    job = start(drs, DB_1)
    sim.finish()
    instance_id = instance_of(drs, job, DB_1)
    command = ssm.send_command(
        InstanceIds=[instance_id], DocumentName="AWS-RunShellScript", Parameters={"commands": ["true"]}
    )["Command"]
    sim.advance(1)
    told = ssm.get_command_invocation(CommandId=command["CommandId"], InstanceId=instance_id)
    assert told["Status"] == "Success"


def test_tags_of_a_server_reach_its_instance(sim):
    sim.reset("three_tier")
    drs, ec2 = sim.client("drs"), sim.client("ec2")

    def tags_of_next_launch():
        start(drs, DB_1, tags={"ExecutionId": "e"})
        sim.finish()
        (instance,) = drs.describe_recovery_instances()["items"]
        (found,) = ec2.describe_instances(InstanceIds=[instance["ec2InstanceID"]])["Reservations"]
        return {tag["Key"]: tag["Value"] for tag in found["Instances"][0]["Tags"]}

    tags = tags_of_next_launch()
    assert (tags["App"], tags["Name"]) == ("erp", "erp-db-1")
    assert "ExecutionId" not in tags
    drs.update_launch_configuration(sourceServerID=DB_1, copyTags=False)
    assert "App" not in tags_of_next_launch()


def test_an_instances_tags_are_those_that_moto_finds():
    with in_process("three_tier") as sim:
        start(sim.client(), DB_1)
        sim.finish()
        instances = list(ec2_backends[sim.account]["eu-west-1"].all_instances())
        assert instances
        for instance in instances:
            found = instance.ec2_backend.describe_tags(filters={"resource-id": [instance.id]})
            assert found
            assert instance.get_tags() == found


def test_the_length_of_an_object_is_told_without_its_content(drs_simulator):
    s3 = drs_simulator.client("s3")
    s3.create_bucket(Bucket="evidence", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="evidence", Key="report", Body=b"twelve bytes")
    assert s3.head_object(Bucket="evidence", Key="report")["ContentLength"] == 12
