"""Actions over HTTP against the simulator: begun once, found again, stopped."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from drs_provider.core.account import AwsTarget
from drs_provider.exceptions import DrsAccessDeniedError, DrsIdentityError, OutcomeUnknownError
from drs_provider.hooks.aws.clients import forget_clients
from drs_provider.orchestration.steps.actions import open_action
from drs_provider.rules.steps.results import Subject
from drs_simulator.testing import simulator
from tests.simulator.support import ACCOUNT, DB_1, DB_2, REGION
from tests.steps_aws import EXECUTION, TARGET, connected, frozen_step, launched, world

TOKEN, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
RUNBOOK = {
    "run": "ssm_automation",
    "document": "Restart",
    "parameters": {"Wave": ["{wave_name}"]},
}
COMMANDS = {"run": "ssm_command", "commands": ["systemctl start {server_name}"]}
FUNCTION = {"run": "lambda", "function": "tell", "payload": {"wave": "{wave_name}"}}
RECORD = {"run": "dns_change", "hosted_zone": "Z0EXAMPLE", "record": "db.example.com", "type": "A"}
WORLD = world(
    automations=[{"document": "Restart", "seconds": 90}],
    functions=[
        {"name": "tell", "match": '"wave": "database"', "payload": {"told": 3}},
        {"name": "broken", "error": "no route"},
    ],
    commands=[{"match": "systemctl start", "seconds": 60}],
    hosted_zones={"Z0EXAMPLE": "example.com"},
)
OF_WAVE = Subject("wave", "database", {"wave_name": "database"})


@pytest.fixture(scope="module")
def running():
    with simulator(WORLD) as sim:
        yield sim


@pytest.fixture
def sim(running, monkeypatch):
    running.reset(WORLD)
    connected(running, monkeypatch)
    yield running
    forget_clients()


def action(step, target=TARGET):
    frozen = frozen_step(step, target)
    return open_action(frozen, frozen.target, EXECUTION)


def executions(sim):
    return sim.client("ssm").describe_automation_executions()["AutomationExecutionMetadataList"]


def test_a_runbook_is_begun_once_whatever_is_lost(sim):
    begun = action(RUNBOOK).start(OF_WAVE, TOKEN)
    assert (begun.state, begun.output) == ("waiting", "runbook Restart runs")
    assert action(RUNBOOK).start(OF_WAVE, TOKEN).handle == begun.handle
    assert action(RUNBOOK).find(OF_WAVE, TOKEN).handle == begun.handle
    sim.inject("StartAutomationExecution", service="ssm", kind="reset", after=True, times=2)
    with pytest.raises(HTTPClientError, match="Connection was closed"):
        action(RUNBOOK).start(OF_WAVE, OTHER)
    found = action(RUNBOOK).find(OF_WAVE, OTHER)
    assert found.handle != begun.handle
    assert action(RUNBOOK).find(OF_WAVE, OTHER).handle == found.handle
    assert len(executions(sim)) == 2
    shown = sim.client("ssm").get_automation_execution(AutomationExecutionId=begun.handle)
    assert shown["AutomationExecution"]["Parameters"] == {"Wave": ["database"]}


def test_a_runbook_that_was_never_begun_is_begun_by_the_search_for_it(sim):
    found = action(RUNBOOK).find(OF_WAVE, TOKEN)
    assert [row["AutomationExecutionId"] for row in executions(sim)] == [found.handle]


def test_a_token_of_another_request_is_a_question_for_people(sim):
    action(RUNBOOK).start(OF_WAVE, TOKEN)
    with pytest.raises(OutcomeUnknownError, match="was begun otherwise"):
        action({**RUNBOOK, "parameters": {}}).start(OF_WAVE, TOKEN)


def test_a_runbook_is_stopped(sim):
    begun = action(RUNBOOK).start(OF_WAVE, TOKEN)
    assert action(RUNBOOK).stop(begun.handle) is None
    assert executions(sim)[0]["AutomationExecutionStatus"] == "Cancelled"
    assert action(RUNBOOK).stop(begun.handle) is None


def test_a_runbook_that_does_not_exist_fails(sim):
    with pytest.raises(ClientError, match="does not exist"):
        action({**RUNBOOK, "document": "None"}).start(OF_WAVE, TOKEN)


@pytest.fixture
def servers(sim):
    found = launched(sim)
    sim.advance(60)
    return {
        key: Subject(key, key, {"instance_id": instance_id, "server_name": f"erp-{n}"})
        for n, (key, instance_id) in enumerate(found.items(), 1)
    }


def test_commands_are_sent_in_the_servers_language_and_found_by_their_comment(sim, servers):
    begun = [action(COMMANDS).start(servers[key], TOKEN) for key in (DB_1, DB_2)]
    sent = {row["CommandId"]: row for row in sim.client("ssm").list_commands()["Commands"]}
    assert [sent[look.handle]["DocumentName"] for look in begun] == [
        "AWS-RunShellScript",
        "AWS-RunPowerShellScript",
    ]
    assert sent[begun[0].handle]["Parameters"] == {
        "commands": ["systemctl start erp-1"],
        "executionTimeout": ["3600"],
    }
    assert [action(COMMANDS).find(servers[key], TOKEN).handle for key in (DB_1, DB_2)] == [
        look.handle for look in begun
    ]
    with pytest.raises(OutcomeUnknownError, match="lists none of them"):
        action(COMMANDS).find(servers[DB_1], OTHER)


def test_commands_whose_answer_is_lost_are_not_sent_again(sim, servers):
    sim.inject("SendCommand", service="ssm", kind="reset", after=True)
    with pytest.raises(OutcomeUnknownError, match="whether a command on s-1111111111111111a has begun"):
        action(COMMANDS).start(servers[DB_1], TOKEN)
    assert len(sim.calls("SendCommand", service="ssm")) == 1
    assert action(COMMANDS).find(servers[DB_1], TOKEN).state == "waiting"


def test_commands_are_stopped_or_named_as_running(sim, servers):
    begun = action(COMMANDS).start(servers[DB_1], TOKEN)
    sim.inject("CancelCommand", service="ssm", kind="raw", status=200, body="{}", times=1)
    instance_id = servers[DB_1].values["instance_id"]
    assert action(COMMANDS).stop(begun.handle) == f"command {begun.handle} still runs on {instance_id}"
    assert action(COMMANDS).stop(begun.handle) is None


def test_a_server_that_cannot_be_reached_has_failed(sim):
    (instance_id, _) = launched(sim).values()
    values = {"instance_id": instance_id, "server_name": "erp-db-1"}
    look = action(COMMANDS).start(Subject(DB_1, "erp-db-1", values), TOKEN)
    assert look.state == "failed"
    assert look.output == f"Systems Manager does not reach erp-db-1 ({instance_id})"


def test_a_function_answers_or_fails(sim):
    look = action(FUNCTION).start(OF_WAVE, TOKEN)
    assert (look.state, look.output) == ("passed", '{"told": 3}')
    look = action({**FUNCTION, "function": "broken"}).start(OF_WAVE, TOKEN)
    assert look.state == "failed"
    assert "no route" in look.output
    assert "may still run" in action(FUNCTION).stop("tell")


@pytest.mark.parametrize(
    "fault", [{"kind": "reset", "after": True}, {"kind": "raw", "status": 502}, {"kind": "truncate"}]
)
def test_a_function_whose_answer_is_lost_is_not_invoked_again(sim, fault):
    sim.inject("Invoke", service="lambda", **fault)
    with pytest.raises(OutcomeUnknownError, match="function tell"):
        action(FUNCTION).start(OF_WAVE, TOKEN)
    with pytest.raises(OutcomeUnknownError, match="function tell"):
        action(FUNCTION).find(OF_WAVE, TOKEN)
    assert len(sim.calls("Invoke", service="lambda")) == 1


def test_what_surely_did_not_begin_is_an_error_like_any_other(sim):
    sim.inject("Invoke", service="lambda", code="TooManyRequestsException", status=429)
    with pytest.raises(ClientError, match="TooManyRequests"):
        action(FUNCTION).start(OF_WAVE, TOKEN)


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (
            {"values": ["10.0.0.4", "10.0.0.5"]},
            {"TTL": 60, "ResourceRecords": [{"Value": "10.0.0.4"}, {"Value": "10.0.0.5"}]},
        ),
        (
            {"alias": {"hosted_zone": "Z0LB", "dns_name": "lb.example.com."}},
            {
                "AliasTarget": {
                    "HostedZoneId": "Z0LB",
                    "DNSName": "lb.example.com.",
                    "EvaluateTargetHealth": False,
                }
            },
        ),
    ],
)
def test_a_record_is_set_and_set_again(sim, content, shown):
    step = {**RECORD, **content}
    looks = [action(step).start(OF_WAVE, TOKEN) for _ in range(2)]
    route53 = sim.client("route53")
    assert route53.get_change(Id=looks[0].handle)["ChangeInfo"]["Status"] == "PENDING"
    records = route53.list_resource_record_sets(HostedZoneId="Z0EXAMPLE")["ResourceRecordSets"]
    (record,) = [row for row in records if row["Name"] == "db.example.com."]
    assert {key: record[key] for key in shown} == shown
    assert action(step).find(OF_WAVE, TOKEN) is None
    assert action(step).stop(looks[0].handle) == f"change {looks[0].handle} of Route 53 cannot be stopped"


def test_a_missing_right_is_named(sim):
    account = {"regions": {REGION: {"servers": ["all"]}}, "deny": ["lambda:InvokeFunction"]}
    sim.reset({**WORLD, "accounts": {ACCOUNT: account}})
    with pytest.raises(DrsAccessDeniedError, match="Invoke was denied to arn:aws:iam::111122223333"):
        action(FUNCTION).start(OF_WAVE, TOKEN)


def test_another_account_is_never_acted_in(sim):
    wrong = AwsTarget("main", "aws_dr", "222233334444", REGION, own_account=True)
    with pytest.raises(DrsIdentityError, match="leads to account 111122223333"):
        action(FUNCTION, wrong).start(OF_WAVE, TOKEN)
    assert sim.calls("Invoke", service="lambda") == []
