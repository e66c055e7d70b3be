"""What is wrong with steps is found before anything starts; over HTTP against the simulator."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider.core.rights import STEP_RIGHTS
from drs_provider.core.states import ExecutionType
from drs_provider.plan.conf.parsing import parse_run_conf
from drs_provider.plan.model import Plan
from drs_provider.plan.steps.kinds import KINDS
from drs_provider.preflight.findings import Severity
from drs_provider.preflight.run import PreflightResult, run_preflight
from drs_provider.preflight.steps import AirflowReads
from drs_provider.runtime.execution import AwsAccess
from drs_simulator.testing import simulator
from tests.plan.plan_files import make_plan
from tests.preflight.world import obey_catalog
from tests.simulator.support import ACCOUNT, DB_1, REGION
from tests.steps_aws import EXECUTION, connected

SUBNET = "subnet-0d5111a1"
NETWORK = {"vpc": "vpc-0d5111aa", "subnet": SUBNET, "security_group": "sg-0d5111aa", "cidr": "10.7.0.0/20"}
SERVICES = {
    "automations": [{"document": "Restart"}],
    "functions": [{"name": "drs-probe"}, {"name": "tell"}],
    "alarms": [{"name": "erp-down", "states": [{"state": "OK"}]}],
    "hosted_zones": {"Z0EXAMPLE": "example.com"},
}
WORLD = {
    "accounts": {ACCOUNT: {"regions": {REGION: {"servers": ["all"], "networks": {"drill": NETWORK}}}}},
    "servers": {"all": [{"id": DB_1, "name": "erp-db-1"}]},
    "services": SERVICES,
}
BOTH = {"modes": ["drill", "recovery"]}
TCP = {"check": "tcp", "port": 5432, "timeout_minutes": 5}
RECORD = {"run": "dns_change", "hosted_zone": "Z0EXAMPLE", "type": "A", "values": ["10.7.0.4"], **BOTH}
OPERATOR = "airflow.providers.standard.operators.bash.BashOperator"


@pytest.fixture(scope="module")
def running():
    with simulator(WORLD) as sim:
        yield sim


@pytest.fixture
def sim(running, monkeypatch):
    running.reset(WORLD)
    connected(running, monkeypatch)
    return running


def plan(*after: dict[str, Any], network: bool = True, **top: Any) -> Plan:
    return make_plan(
        {
            "schema_version": 1,
            "name": "erp",
            "targets": {
                "main": {"account_id": ACCOUNT, "region": REGION, "connection": "aws_dr", "own_account": True}
            },
            "protection_groups": {"db": {"target": "main", "servers": [DB_1]}},
            "waves": [{"name": "database", "groups": ["db"], "after": list(after)}],
            **({"network": {"drill": {"allowed_subnets": [SUBNET]}}} if network else {}),
            **top,
        }
    )


def checked(sim: Any, of_plan: Plan, **conf: Any) -> PreflightResult:
    aws = AwsAccess(EXECUTION)
    if conf.get("execution_type") == "RECOVERY":
        conf |= {"confirm_plan": "erp", "source_state": "lost", "reason": "drill of the test"}
    run_conf = parse_run_conf(conf, of_plan, now=sim.now)
    result = run_preflight(
        of_plan,
        run_conf,
        drs=aws.drs,
        ec2=aws.ec2,
        iam=aws.iam,
        steps=aws.step_resources,
        now=sim.now,
        airflow=AirflowReads(
            {"smoke": False, "old": True}.get, lambda path: f"operator {path} is not listed"
        ),
    )
    obey_catalog(result, ExecutionType(run_conf.execution_type))
    return result


def of_steps(result: PreflightResult) -> list[tuple[str, str, str]]:
    return [
        (item.code, item.subject, item.message)
        for item in result.report.findings
        if item.code.startswith("step") or item.code == "could_not_be_checked"
    ]


GOOD = [
    {"check": "ec2_status", "timeout_minutes": 5},
    {**TCP, "from": "server"},
    {**TCP, "from": "probe", "name": "probe", "host": "10.7.0.9"},
    {"check": "cloudwatch_alarm", "alarms": ["erp-down", "{server_name}-cpu"], "timeout_minutes": 5},
    {"run": "ssm_automation", "document": "Restart", **BOTH},
    {"run": "lambda", "function": "tell", **BOTH},
    {**RECORD, "record": "db.example.com"},
    {"run": "trigger_dag", "dag_id": "smoke", **BOTH},
]


def test_good_steps_make_no_finding_and_the_drills_networks_are_kept(sim):
    drill = checked(sim, plan(*GOOD))
    assert of_steps(drill) == []
    assert drill.drill_networks == {"main": ("10.7.0.0/20",)}
    recovery = checked(sim, plan(*GOOD), execution_type="RECOVERY")
    assert of_steps(recovery) == []
    assert recovery.drill_networks == {}


@pytest.mark.parametrize(
    ("step", "code", "message"),
    [
        (
            {"run": "ssm_automation", "document": "None-{region}", "name": "fix", **BOTH},
            "step_resource_unknown",
            "step fix (after): runbook None-eu-west-1 does not exist",
        ),
        (
            {"run": "ssm_automation", "document": "AWS-RunShellScript", **BOTH},
            "step_resource_unknown",
            "is a document of type Command",
        ),
        (
            {"run": "lambda", "function": "none", **BOTH},
            "step_resource_unknown",
            "function none does not exist",
        ),
        ({**TCP, "from": "probe", "probe": "none"}, "step_resource_unknown", "function none does not exist"),
        (
            {**RECORD, "hosted_zone": "Z0NONE", "record": "db.example.com"},
            "step_resource_unknown",
            "hosted zone Z0NONE does not exist",
        ),
        (
            {**RECORD, "record": "db.example.org."},
            "step_resource_unknown",
            "db.example.org. is no name in hosted zone Z0EXAMPLE, which is example.com",
        ),
        ({"run": "trigger_dag", "dag_id": "old", **BOTH}, "step_dag_unusable", "DAG old is paused"),
        ({"run": "trigger_dag", "dag_id": "none", **BOTH}, "step_dag_unusable", "there is no DAG none"),
        ({"run": "operator", "operator": OPERATOR, **BOTH}, "step_operator_unusable", "is not listed"),
        (
            {**TCP, "from": "probe", "host": "10.9.0.4"},
            "step_leaves_drill",
            "step tcp (after) looks at 10.9.0.4, which is 10.9.0.4, outside of the drill's networks (10.7.0.0/20)",
        ),
    ],
)
def test_what_is_wrong_stops_the_execution(sim, step, code, message):
    result = checked(sim, plan(step))
    ((found, subject, text),) = of_steps(result)
    assert (found, subject) == (code, "wave database")
    assert message in text
    assert [item.code for item in result.report.blocking] == [code]


def test_a_name_that_leads_out_of_the_drill_stops_it(sim, monkeypatch):
    page = {"check": "http", "url": "https://localhost/", "timeout_minutes": 5}
    found = of_steps(checked(sim, plan(page)))
    assert [code for code, _, _ in found] == ["step_leaves_drill", "step_looks_from_worker"]
    assert "looks at localhost, which is 127.0.0.1" in found[0][2].replace("::1, ", "")
    assert of_steps(checked(sim, plan(page), execution_type="RECOVERY")) == []
    unknown = {**page, "url": "https://no.such.name.invalid/"}
    assert [code for code, _, _ in of_steps(checked(sim, plan(unknown)))] == ["step_looks_from_worker"]


def test_a_look_from_a_worker_into_the_drill_is_warned_of(sim):
    result = checked(sim, plan(TCP))
    (finding,) = [item for item in result.report.findings if item.code == "step_looks_from_worker"]
    assert finding.severity is Severity.WARN
    assert of_steps(checked(sim, plan(TCP, network=False))) == []


def test_alarms_that_are_not_there_are_warned_of_together(sim):
    steps = [
        {"check": "cloudwatch_alarm", "name": name, "alarms": ["erp-down", alarm], "timeout_minutes": 5}
        for name, alarm in (("a", "none"), ("b", "other"))
    ]
    ((code, subject, text),) = of_steps(checked(sim, plan(*steps)))
    assert (code, subject) == ("step_alarm_unknown", "target main")
    assert "none, other" in text


def test_only_steps_that_are_taken_are_looked_at(sim):
    wrong = {"run": "lambda", "function": "none"}
    assert of_steps(checked(sim, plan(wrong))) == []
    assert [code for code, _, _ in of_steps(checked(sim, plan(wrong), execution_type="RECOVERY"))] == [
        "step_resource_unknown"
    ]


def test_a_dry_run_shows_the_steps(sim):
    steps = plan(*GOOD[:2], {"run": "lambda", "function": "tell"}, before_first=[GOOD[4]])
    shown = [(subject, text) for _, subject, text in of_steps(checked(sim, steps, dry_run=True))]
    assert shown == [
        ("plan", "before_first: ssm_automation (ssm_automation, 60 min, on failure: fail)"),
        (
            "wave database",
            (
                "after: ec2_status (ec2_status, for each server, 5 min, on failure: fail); "
                "tcp (tcp, for each server, 5 min, on failure: fail); lambda (lambda, not in a DRILL)"
            ),
        ),
    ]


def test_missing_rights_and_reads_that_are_denied_warn(sim):
    deny = ["ssm:SendCommand", "route53:Get*"]
    account = {**WORLD["accounts"][ACCOUNT], "deny": deny}
    sim.reset({**WORLD, "accounts": {ACCOUNT: account}})
    result = checked(sim, plan({**TCP, "from": "server"}, {**RECORD, "record": "db.example.com"}))
    found = dict((code, text) for code, _, text in of_steps(result))
    assert "ssm:SendCommand, route53:GetChange" in found["step_rights_missing"]
    assert "what steps name could not be checked: GetHostedZone was denied" in found["could_not_be_checked"]
    assert result.report.blocking == ()


def test_an_airflow_that_does_not_answer_stops_the_execution_unless_the_run_says_otherwise(sim):
    def silent(_: str) -> bool:
        raise OSError("no answer")

    aws = AwsAccess(EXECUTION)
    of_plan = plan({"run": "trigger_dag", "dag_id": "smoke", **BOTH})
    for preflight, blocking in (("strict", 1), ("warn", 0)):
        conf = {} if preflight == "strict" else {"preflight": "warn", "reason": "it is known"}
        result = run_preflight(
            of_plan,
            parse_run_conf(conf, of_plan, now=sim.now),
            drs=aws.drs,
            ec2=aws.ec2,
            iam=aws.iam,
            steps=aws.step_resources,
            now=sim.now,
            airflow=AirflowReads(silent, lambda _: ""),
        )
        assert len(result.report.blocking) == blocking
        assert [code for code, _, _ in of_steps(result)] == ["could_not_be_checked"]


def test_who_cannot_ask_airflow_says_so(sim):
    aws = AwsAccess(EXECUTION)
    of_plan = plan({"run": "trigger_dag", "dag_id": "smoke", **BOTH})
    apis = {"drs": aws.drs, "ec2": aws.ec2, "iam": aws.iam, "steps": aws.step_resources}
    result = run_preflight(of_plan, parse_run_conf({}, of_plan, now=sim.now), now=sim.now, **apis)
    ((code, _, text),) = of_steps(result)
    assert (code, result.report.blocking) == ("could_not_be_checked", ())
    assert "step trigger_dag (after) rests on Airflow" in text


def test_every_kind_has_its_rights():
    verbs = [(model, verb) for model in KINDS for verb in ("check", "run") if verb in model.model_fields]
    names = {model.model_fields[verb].annotation.__args__[0] for model, verb in verbs}
    assert names <= STEP_RIGHTS.keys()
