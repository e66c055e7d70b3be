"""The trigger of steps, with real clients over HTTP against the simulator, and sockets of this machine."""

from __future__ import annotations

import json
import socket
from types import SimpleNamespace

import pytest

from drs_provider.core.account import AwsTarget
from drs_provider.hooks.aws.clients import forget_clients
from drs_provider.triggers.steps import trigger as trigger_module
from drs_provider.triggers.steps.trigger import DrsStepTrigger
from drs_simulator.testing import simulator
from tests.simulator.support import ACCOUNT, DB_1, DB_2, REGION, instance_of, refused, start
from tests.steps_aws import (
    EXECUTION,
    SERVERS,
    TARGET,
    WAVE,
    connected,
    frozen_step,
    launched,
    subjects,
    world,
)

STATUS = {"check": "ec2_status"}
COMMAND = {"check": "ssm_command", "commands": ["pg_isready"], "output_match": "accepting"}

SERVICES = {
    "commands": [
        {"match": "pg_isready", "after": 200, "output": "accepting connections", "seconds": 3},
        {"match": "pg_isready", "exit_code": 2, "error": "no response", "seconds": 3},
        {"match": "sleepy", "seconds": 1000},
        {"match": "/dev/tcp/", "after": 200, "output": "10.0.0.4 takes connections"},
        {"match": "/dev/tcp/", "exit_code": 1, "error": "refused"},
        {"match": "http://", "output": "503\nstarting", "times": 1},
        {"match": "http://", "output": "200\nall is well"},
        {"match": "https://", "exit_code": 60, "output": "curl: (60) SSL certificate problem"},
    ],
    "automations": [
        {"document": "Restart", "match": "bad", "status": "Failed", "failure": "no such service"},
        {"document": "Restart", "seconds": 90, "outputs": {"restart.State": ["up"]}},
    ],
    "functions": [
        {"name": "drs-probe", "match": '"port": 1', "payload": {"state": "passed", "output": "connected"}},
        {"name": "drs-probe", "match": '"port": 2', "payload": {"state": "failed", "output": "outside"}},
        {"name": "drs-probe", "match": '"port": 3', "times": 1, "error": "Task timed out"},
        {"name": "drs-probe", "match": '"port": 3', "payload": {"state": "passed", "output": "connected"}},
        {"name": "drs-probe", "match": '"port": 4', "payload": 42},
    ],
    "alarms": [
        {
            "name": "erp-down",
            "states": [{"state": "ALARM", "reason": "no data"}, {"state": "OK", "after": 900}],
        }
    ],
    "hosted_zones": {"Z0EXAMPLE": "example.com"},
}
WORLD = world(**SERVICES)


@pytest.fixture(scope="module")
def running():
    with simulator(WORLD) as sim:
        yield sim


@pytest.fixture
def sim(running, monkeypatch):
    """A fresh world in which waiting for the next look is simulated time."""
    running.reset(WORLD)
    connected(running, monkeypatch)

    async def pause(seconds: float) -> None:
        running.advance(seconds)

    monkeypatch.setattr(trigger_module, "pause", pause)
    monkeypatch.setattr(trigger_module, "time", SimpleNamespace(time=lambda: running.now))
    yield running
    forget_clients()


@pytest.fixture
def servers(sim):
    """Two servers that have just been launched."""
    return launched(sim)


async def played(sim, step, about, *, seconds=1200.0, networks=None, handles=None):
    """The results of a step's trigger, which has been through Airflow's store."""
    frozen = frozen_step(step, TARGET)
    made = DrsStepTrigger(
        step=frozen.model_dump(mode="json") | {"is_check": "check" in step, "networks": networks},
        subjects=about,
        target=TARGET.to_dict() if frozen.target else None,
        execution_id=EXECUTION,
        deadline=sim.now + seconds,
        handles=handles,
    )
    path, arguments = made.serialize()
    assert path == "drs_provider.triggers.steps.trigger.DrsStepTrigger"
    (event,) = [event async for event in DrsStepTrigger(**json.loads(json.dumps(arguments))).run()]
    return event.payload["results"]


async def test_status_checks_are_waited_for_and_asked_for_together(sim, servers):
    sim.clear_calls()
    results = await played(sim, STATUS, subjects(servers))
    assert {key: (row["state"], row["output"]) for key, row in results.items()} == dict.fromkeys(
        servers, ("passed", "instance ok, system ok")
    )
    asked = len(sim.calls("DescribeInstanceStatus", service="ec2"))
    assert 2 <= asked <= 24
    assert {call.session_name for call in sim.calls(service="*")} == {None}


async def test_an_impaired_instance_times_out_with_what_was_seen(sim):
    sim.reset({**WORLD, "servers": {"all": [{**SERVERS[0], "impaired": True}, SERVERS[1]]}})
    job = start(sim.client(), DB_1)
    sim.finish()
    results = await played(
        sim, STATUS, subjects({DB_1: instance_of(sim.client(), job, DB_1), "gone": "i-0123456789abcdef0"})
    )
    assert results[DB_1]["output"] == "timed out: instance impaired, system ok"
    assert results[DB_1]["timed_out"]
    assert results["gone"]["output"] == "timed out: instance not told, system not told"
    assert {row["state"] for row in results.values()} == {"failed"}


async def test_commands_run_anew_until_they_end_as_wanted(sim, servers):
    results = await played(sim, COMMAND, subjects(servers))
    assert {row["output"] for row in results.values()} == {"accepting connections"}
    sent = sim.client("ssm").list_commands()["Commands"]
    assert {command["DocumentName"] for command in sent} == {"AWS-RunShellScript", "AWS-RunPowerShellScript"}
    assert len(sent) > 4
    assert sent[0]["Comment"] == f"drs {EXECUTION} ssm_command"
    assert sent[0]["Parameters"]["executionTimeout"] == ["60"]


async def test_commands_that_never_end_well_time_out_with_the_last_output(sim, servers):
    results = await played(sim, COMMAND, subjects(servers), seconds=100)
    assert results[DB_1]["output"] == "timed out: exit code 2: no response"
    unseen = await played(sim, COMMAND | {"output_match": "primary"}, subjects({DB_1: servers[DB_1]}))
    assert "no match of 'primary' in the output: accepting connections" in unseen[DB_1]["output"]


async def test_a_server_without_agent_is_waited_for(sim, servers):
    sim.client("ec2").stop_instances(InstanceIds=[servers[DB_1]])
    results = await played(sim, COMMAND, subjects(servers), seconds=3000)
    assert results[DB_1]["output"] == "timed out: Systems Manager does not reach the server"
    assert results[DB_2]["state"] == "passed"


async def test_a_server_looks_at_itself(sim, servers):
    about = subjects({DB_1: servers[DB_1]})
    port = {"check": "tcp", "port": 5432, "from": "server"}
    (told,) = (await played(sim, port, about)).values()
    assert (told["state"], told["output"]) == ("passed", "10.0.0.4 takes connections")
    page = {"check": "http", "from": "server", "url": "http://{private_ip}/", "body_match": "well"}
    (told,) = (await played(sim, page, about)).values()
    assert (told["state"], told["output"]) == ("passed", "HTTP 200")
    (told,) = (await played(sim, page | {"url": "https://{private_ip}/"}, about)).values()
    assert told["output"].startswith("timed out: exit code 60: curl: (60) SSL")


async def test_a_server_does_not_look_out_of_the_drill(sim, servers):
    sim.advance(60)
    about = subjects({DB_1: servers[DB_1]})
    port = {"check": "tcp", "port": 5432, "from": "server", "host": "10.9.0.4"}
    (told,) = (await played(sim, port, about, networks=["10.0.0.0/16"])).values()
    assert (told["state"], told["output"]) == (
        "failed",
        "10.9.0.4 is outside of the drill's networks (10.0.0.0/16)",
    )
    (told,) = (await played(sim, port | {"host": "erp"}, about, networks=["10.0.0.0/16"])).values()
    assert "may lead out of the drill" in told["output"]
    assert sim.calls("SendCommand", service="ssm") == []
    assert (await played(sim, port | {"host": "localhost"}, about, networks=[]))[DB_1]["state"] == "passed"


async def test_the_worker_looks_by_itself_and_within_the_drill(sim, servers):
    sim.clear_calls()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = {"check": "tcp", "port": listening.getsockname()[1]}
        results = await played(sim, port, subjects(servers), networks=["127.0.0.1/32"])
        assert {row["state"] for row in results.values()} == {"passed"}
        results = await played(sim, port, subjects(servers), networks=[])
        assert "outside of the drill's networks (none are known)" in results[DB_1]["output"]
    results = await played(sim, port, subjects(servers), seconds=60)
    assert results[DB_1]["output"].startswith("timed out: ConnectionRefusedError")
    assert sim.calls("*", service="*") == []


@pytest.mark.parametrize(
    ("port", "state", "output"),
    [
        (1, "passed", "connected"),
        (2, "failed", "outside"),
        (3, "passed", "connected"),
        (4, "failed", "the function is no probe (docs/steps.md): it answered 42"),
    ],
)
async def test_the_probe_looks(sim, port, state, output):
    step = {"check": "tcp", "from": "probe", "host": "10.0.0.4", "port": port}
    results = await played(sim, step, WAVE, networks=["10.0.0.0/16"])
    assert (results["wave"]["state"], results["wave"]["output"]) == (state, output)


async def test_a_probe_that_is_not_there_fails_the_check_at_once(sim):
    before = sim.now
    step = {"check": "tcp", "from": "probe", "probe": "none", "host": "10.0.0.4", "port": 1}
    results = await played(sim, step, WAVE)
    assert results["wave"]["state"] == "failed"
    assert "Function not found" in results["wave"]["output"]
    assert sim.now - before < 1


async def test_alarms_are_waited_for(sim):
    step = {"check": "cloudwatch_alarm", "alarms": ["erp-down"]}
    results = await played(sim, step, WAVE)
    assert (results["wave"]["state"], results["wave"]["output"]) == ("passed", "1 × OK")
    results = await played(sim, step | {"alarms": ["erp-down", "none"], "state": "ALARM"}, WAVE, seconds=60)
    assert results["wave"]["output"] == "timed out: erp-down is OK: simulated; none does not exist"


async def test_a_missing_right_fails_a_check_at_once_and_names_it(sim):
    account = {"regions": {REGION: {"servers": ["all"]}}, "deny": ["cloudwatch:DescribeAlarms"]}
    sim.reset({**WORLD, "accounts": {ACCOUNT: account}})
    results = await played(sim, {"check": "cloudwatch_alarm", "alarms": ["a"]}, WAVE)
    assert results["wave"]["state"] == "failed"
    assert (
        "DescribeAlarms was denied to arn:aws:iam::111122223333:user/simulator" in results["wave"]["output"]
    )


async def test_another_account_is_never_asked(sim, monkeypatch):
    monkeypatch.setattr(
        f"{__name__}.TARGET", AwsTarget("main", "aws_dr", "222233334444", REGION, own_account=True)
    )
    results = await played(sim, {"check": "cloudwatch_alarm", "alarms": ["a"]}, WAVE)
    assert results["wave"]["state"] == "failed"
    assert "leads to account 111122223333" in results["wave"]["output"]
    assert sim.calls("DescribeAlarms", service="cloudwatch") == []


async def test_faults_are_waited_out(sim):
    sim.inject("DescribeAlarms", service="cloudwatch", code="ThrottlingException", status=400, times=1)
    sim.inject("DescribeAlarms", service="cloudwatch", kind="reset", times=2)
    sim.inject("GetCallerIdentity", service="sts", kind="raw", status=503, times=2)
    results = await played(sim, {"check": "cloudwatch_alarm", "alarms": ["erp-down"]}, WAVE)
    assert results["wave"]["state"] == "passed"


async def test_the_end_of_a_runbook_is_waited_for(sim):
    ssm = sim.client("ssm")
    started = [
        ssm.start_automation_execution(DocumentName="Restart", Parameters={"Service": [name]})
        for name in ("good", "bad")
    ]
    handles = {name: row["AutomationExecutionId"] for name, row in zip(("good", "bad"), started, strict=True)}
    about = [{"key": name, "name": name, "values": {}} for name in handles]
    step = {"run": "ssm_automation", "document": "Restart"}
    results = await played(sim, step, about, handles=handles)
    assert results["good"]["output"] == "Success {'restart.State': ['up']}"
    assert results["bad"]["output"] == f"{handles['bad']} ended Failed: no such service"
    again = ssm.start_automation_execution(DocumentName="Restart")["AutomationExecutionId"]
    late = await played(sim, step, about[:1], handles={"good": again}, seconds=30)
    assert (late["good"]["timed_out"], late["good"]["handle"]) == (True, again)


async def test_what_goes_on_unseen_is_not_taken_for_failed(sim):
    started = sim.client("ssm").start_automation_execution(DocumentName="Restart")["AutomationExecutionId"]
    sim.inject("GetAutomationExecution", service="ssm", code="AccessDeniedException", status=400, times=4)
    step = {"run": "ssm_automation", "document": "Restart"}
    results = await played(sim, step, WAVE, handles={"wave": started})
    assert results["wave"]["state"] == "passed"


async def test_the_end_of_commands_is_waited_for(sim, servers):
    sim.advance(30)
    ssm = sim.client("ssm")

    def sent(instance_id, text):
        return ssm.send_command(
            InstanceIds=[instance_id], DocumentName="AWS-RunShellScript", Parameters={"commands": [text]}
        )["Command"]["CommandId"]

    handles = {DB_1: sent(servers[DB_1], "pg_isready"), DB_2: sent(servers[DB_2], "true")}
    step = {"run": "ssm_command", "commands": ["x"]}
    results = await played(sim, step, subjects(servers), handles=handles)
    assert results[DB_1]["output"] == "exit code 2: no response"
    assert results[DB_2]["state"] == "passed"
    assert len(ssm.list_commands()["Commands"]) == 2


async def test_a_change_of_dns_is_waited_for(sim):
    record = {"Name": "db.example.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.0.0.4"}]}
    change = sim.client("route53").change_resource_record_sets(
        HostedZoneId="Z0EXAMPLE", ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    )["ChangeInfo"]["Id"]
    step = {
        "run": "dns_change",
        "hosted_zone": "Z0EXAMPLE",
        "record": "x",
        "type": "A",
        "values": ["10.0.0.4"],
    }
    results = await played(sim, step, WAVE, handles={"wave": change})
    assert results["wave"]["output"] == f"change {change} is INSYNC"
    with refused("NoSuchChange"):
        sim.client("route53").get_change(Id="CNONE")
