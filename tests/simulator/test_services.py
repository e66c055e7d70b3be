"""What a scenario says of DRS's neighbours: commands, runbooks, functions, alarms, DNS; over simulated time."""

import json

import pytest

from drs_simulator.testing import in_process, simulator
from tests.simulator.support import ACCOUNT, DB_1, REGION, instance_of, refused, start

pytestmark = pytest.mark.integration

WORLD = {
    "accounts": {ACCOUNT: {"regions": {REGION: {"servers": ["all"]}}}},
    "servers": {"all": [{"id": DB_1, "name": "db", "ssm_agent": 60}]},
    "profile": "quick",
    "services": {
        "commands": [
            {"match": "pg_isready", "servers": ["db*"], "after": 300, "output": "accepting", "seconds": 10},
            {"match": "pg_isready", "exit_code": 2, "error": "no response", "times": 2},
            {"match": "sleep", "seconds": 500},
        ],
        "automations": [
            {"document": "Restart", "match": "bad", "status": "Failed", "failure": "no such service"},
            {"document": "Restart", "seconds": 60, "outputs": {"restart.Status": ["done"]}},
        ],
        "functions": [
            {"name": "notify", "match": "first", "payload": {"sent": 1}},
            {"name": "notify", "match": "second", "error": "no route"},
        ],
        "alarms": [
            {"name": "db-down", "states": [{"state": "ALARM"}, {"state": "OK", "after": 600}]},
        ],
        "hosted_zones": {"Z0EXAMPLE": "example.com"},
    },
}


@pytest.fixture(scope="module", params=[simulator, in_process], ids=["http", "in_process"])
def running(request):
    with request.param(WORLD) as sim:
        yield sim


@pytest.fixture
def sim(running):
    running.reset(WORLD)
    return running


@pytest.fixture
def launched(sim):
    job = start(sim.client("drs"), DB_1)
    sim.finish()
    return instance_of(sim.client("drs"), job, DB_1)


def sent(ssm, instance_id, command, **parameters):
    answer = ssm.send_command(
        InstanceIds=[instance_id],
        DocumentName="AWS-RunShellScript",
        Parameters={"commands": [command], **parameters},
    )
    return {"CommandId": answer["Command"]["CommandId"], "InstanceId": instance_id}


def test_a_command_needs_an_agent_runs_and_ends_as_the_first_rule_that_fits_says(sim, launched):
    ssm = sim.client("ssm")
    with refused("InvalidInstanceId", 400, launched):
        sent(ssm, launched, "pg_isready")
    assert ssm.describe_instance_information()["InstanceInformationList"] == []
    sim.advance(60)
    (known,) = ssm.describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": [launched]}])[
        "InstanceInformationList"
    ]
    assert (known["InstanceId"], known["PlatformType"], known["PingStatus"]) == (launched, "Linux", "Online")
    command = sent(ssm, launched, "pg_isready")
    running = ssm.get_command_invocation(**command)
    assert (running["Status"], running["ResponseCode"]) == ("InProgress", -1)
    sim.advance(2)
    over = ssm.get_command_invocation(**command)
    assert (over["Status"], over["ResponseCode"], over["StandardErrorContent"]) == (
        "Failed",
        2,
        "no response",
    )
    sim.advance(300)
    command = sent(ssm, launched, "pg_isready")
    sim.advance(10)
    over = ssm.get_command_invocation(**command)
    assert (over["Status"], over["StandardOutputContent"]) == ("Success", "accepting")
    listed = ssm.list_command_invocations(CommandId=command["CommandId"])["CommandInvocations"]
    assert [row["Status"] for row in listed] == ["Success"]
    assert len(ssm.list_commands()["Commands"]) == 2
    with refused("InvocationDoesNotExist", 400):
        ssm.get_command_invocation(CommandId=command["CommandId"], InstanceId="i-00000000000000000")


def test_a_command_is_cancelled_or_takes_too_long(sim, launched):
    ssm = sim.client("ssm")
    sim.advance(60)
    slow = sent(ssm, launched, "sleep 500", executionTimeout=["100"])
    other = sent(ssm, launched, "sleep 500")
    ssm.cancel_command(CommandId=other["CommandId"])
    sim.advance(100)
    assert ssm.get_command_invocation(**slow)["StatusDetails"] == "ExecutionTimedOut"
    assert ssm.get_command_invocation(**other)["Status"] == "Cancelled"


def test_a_runbook_starts_once_for_a_token_is_found_by_its_tag_and_ends(sim):
    ssm = sim.client("ssm")
    order = {
        "DocumentName": "Restart",
        "Parameters": {"Service": ["db"]},
        "ClientToken": "00000000-0000-4000-8000-000000000001",
        "Tags": [{"Key": "step-1", "Value": ""}],
    }
    execution_id = ssm.start_automation_execution(**order)["AutomationExecutionId"]
    assert ssm.start_automation_execution(**order)["AutomationExecutionId"] == execution_id
    with refused("IdempotentParameterMismatch", 400):
        ssm.start_automation_execution(**(order | {"Parameters": {}}))
    filters = [{"Key": "TagKey", "Values": ["step-1"]}]
    found = ssm.describe_automation_executions(Filters=filters)["AutomationExecutionMetadataList"]
    assert [row["AutomationExecutionId"] for row in found] == [execution_id]
    assert found[0]["AutomationExecutionStatus"] == "InProgress"
    other = [{"Key": "TagKey", "Values": ["step-2"]}]
    assert ssm.describe_automation_executions(Filters=other)["AutomationExecutionMetadataList"] == []
    bad = ssm.start_automation_execution(DocumentName="Restart", Parameters={"Service": ["bad"]})
    gone = ssm.start_automation_execution(DocumentName="Restart")
    ssm.stop_automation_execution(AutomationExecutionId=gone["AutomationExecutionId"])
    sim.advance(60)

    def told(answer):
        row = ssm.get_automation_execution(AutomationExecutionId=answer["AutomationExecutionId"])
        return row["AutomationExecution"]

    assert told({"AutomationExecutionId": execution_id})["Outputs"] == {"restart.Status": ["done"]}
    assert told(bad)["FailureMessage"] == "no such service"
    assert told(gone)["AutomationExecutionStatus"] == "Cancelled"
    with refused("InvalidAutomationStatusUpdateException", 400):
        ssm.stop_automation_execution(AutomationExecutionId=execution_id)
    with refused("AutomationDefinitionNotFoundException", 400):
        ssm.start_automation_execution(DocumentName="None")


def test_documents_exist_by_being_in_the_scenario(sim):
    ssm = sim.client("ssm")
    kinds = [
        ssm.describe_document(Name=name)["Document"]["DocumentType"]
        for name in ("Restart", "AWS-RunShellScript")
    ]
    assert kinds == ["Automation", "Command"]
    with refused("InvalidDocument", 400):
        ssm.describe_document(Name="None")


def test_a_function_answers_by_its_payload(sim):
    functions = sim.client("lambda")
    assert functions.get_function(FunctionName="notify")["Configuration"]["State"] == "Active"
    answer = functions.invoke(FunctionName="notify", Payload=b'{"n": "first"}')
    assert json.loads(answer["Payload"].read()) == {"sent": 1}
    failed = functions.invoke(FunctionName="notify", Payload=b'{"n": "second"}')
    assert failed["FunctionError"] == "Unhandled"
    assert json.loads(failed["Payload"].read())["errorMessage"] == "no route"
    with refused("ResourceNotFoundException", 404):
        functions.get_function(FunctionName="none")


def test_rights_of_functions_have_their_own_name(sim):
    denied = {**WORLD, "accounts": {ACCOUNT: {"regions": {REGION: {}}, "deny": ["lambda:InvokeFunction"]}}}
    sim.reset(denied)
    with refused("AccessDeniedException", 403):
        sim.client("lambda").invoke(FunctionName="notify", Payload=b'"first"')


def test_an_alarm_goes_on_as_the_scenario_says(sim):
    cloudwatch = sim.client("cloudwatch")

    def state():
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=["db-down"])["MetricAlarms"]
        return alarm["StateValue"]

    assert state() == "ALARM"
    sim.advance(600)
    assert state() == "OK"
    assert cloudwatch.describe_alarms(AlarmNames=["none"])["MetricAlarms"] == []


def test_a_change_of_dns_is_pending_for_a_while(sim):
    route53 = sim.client("route53")
    record = {"Name": "db.example.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.0.0.4"}]}
    batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    change = route53.change_resource_record_sets(HostedZoneId="Z0EXAMPLE", ChangeBatch=batch)["ChangeInfo"]
    assert change["Status"] == "PENDING"
    assert route53.get_change(Id=change["Id"])["ChangeInfo"]["Status"] == "PENDING"
    sim.advance(30)
    assert route53.get_change(Id=change["Id"])["ChangeInfo"]["Status"] == "INSYNC"
    again = route53.change_resource_record_sets(HostedZoneId="Z0EXAMPLE", ChangeBatch=batch)["ChangeInfo"]
    assert again["Id"] != change["Id"]
    with refused("NoSuchChange", 404):
        route53.get_change(Id="CNONE")
    with refused("NoSuchHostedZone", 404):
        route53.change_resource_record_sets(HostedZoneId="Z0NONE", ChangeBatch=batch)
    with refused("NoSuchHostedZone", 404):
        route53.get_hosted_zone(Id="Z0NONE")


def test_an_impaired_instance_shows_after_its_checks(sim):
    server = {"id": DB_1, "name": "db", "impaired": True}
    sim.reset({**WORLD, "servers": {"all": [server]}, "profile": {"status_checks": 90}})
    job = start(sim.client("drs"), DB_1)
    sim.finish()
    instance_id = instance_of(sim.client("drs"), job, DB_1)

    def status():
        (row,) = sim.client("ec2").describe_instance_status(InstanceIds=[instance_id])["InstanceStatuses"]
        return row["InstanceStatus"]["Status"], row["SystemStatus"]["Status"]

    assert status() == ("initializing", "initializing")
    sim.advance(90)
    assert status() == ("impaired", "ok")
