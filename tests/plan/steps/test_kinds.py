"""The kinds of steps: what their fields mean together, and what a plan may not ask of a drill."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider.rules.execution.freezing import freeze_steps
from tests.plan.plan_files import load_one, make_plan, small_plan, told

TCP = {"check": "tcp", "port": 5432, "timeout_minutes": 10}
HTTP = {"check": "http", "url": "http://{private_ip}/health", "timeout_minutes": 10}
DNS = {"run": "dns_change", "hosted_zone": "Z1", "record": "db.example.com", "type": "A"}
ALIAS = {"hosted_zone": "Z2", "dns_name": "lb.example.com"}
COMMAND = {"commands": ["systemctl is-active erp"]}
SUBNETS = {"drill": {"allowed_subnets": ["subnet-0d5111a1"]}}


def plan_with(*steps: dict[str, Any], **top: Any) -> dict[str, Any]:
    data = small_plan() | top
    data["waves"][0] |= {"after": list(steps)}
    return data


def frozen(*steps: dict[str, Any], place: str = "after", kind: str = "RECOVERY") -> Any:
    made = make_plan(plan_with(*steps))
    return freeze_steps(made.waves[0].after, "after", kind, made.target_of(made.waves[0]), ())


@pytest.mark.parametrize(
    ("step", "problem", "remedy"),
    [
        ({**TCP, "port": 70000}, "after[0].port: the number 70000 is too large", "65535"),
        ({**TCP, "from": "moon"}, "after[0].from: the text `moon` is not one of", "worker"),
        ({**TCP, "probe": "p"}, "after[0]: probe does nothing with from: worker", "from: probe"),
        ({**TCP, "from": "server", "each": "wave", "host": "10.0.0.1", "modes": ["recovery"]}, "", ""),
        ({**HTTP, "url": "ftp://x/"}, "after[0].url: `ftp://x/` is no URL", "http://<host>"),
        ({**HTTP, "url": "http://x:y/"}, "after[0].url: `http://x:y/` is no URL", "http://<host>"),
        ({**HTTP, "url": "http://u:p@x/"}, "after[0].url: the URL holds credentials", "secrets"),
        ({**HTTP, "url": "http://x/#a"}, "after[0].url: `#a` is never sent", "leave it out"),
        ({**HTTP, "verify": False}, "after[0]: verify: false does nothing for http://", "remove"),
        ({**HTTP, "body_match": "(ok"}, "after[0].body_match: `(ok` is no regular expression", "Python"),
        ({**HTTP, "expect_status": [200, 200]}, "after[0].expect_status: `200` is listed more", "once"),
        ({**HTTP, "expect_status": 99}, "after[0].expect_status[0]: 99 is too small", "100"),
        ({"check": "ssm_command", "timeout_minutes": 1}, "after[0].commands: `commands` is missing", "add"),
        ({"check": "cloudwatch_alarm", "timeout_minutes": 1, "alarms": []}, "after[0].alarms", ""),
        (DNS, "after[0]: the record has neither values nor alias", "exactly one"),
        ({**DNS, "values": ["10.0.0.4"], "alias": ALIAS}, "after[0]: the record has both", "exactly one"),
        ({**DNS, "alias": ALIAS, "ttl_seconds": 5}, "after[0]: ttl_seconds does nothing", "remove"),
        ({"run": "trigger_dag", "dag_id": "x", "conf": {"drs": 1}}, "after[0]: `drs` in conf", "another key"),
        (
            {"run": "operator", "operator": "EmptyOperator"},
            "after[0].operator: `EmptyOperator` is not",
            "path",
        ),
        (
            {"run": "operator", "operator": "a.b.C", "arguments": {"task_id": "x"}},
            "after[0]: task_id is the step's own",
            "name",
        ),
        (
            {"run": "lambda", "function": "f", "payload": {"at": "{when}"}},
            "after[0]: unknown placeholder",
            "",
        ),
    ],
)
def test_what_a_kind_cannot_be_is_refused(tmp_path, step, problem, remedy):
    catalog = load_one(tmp_path, plan_with(step))
    (found,) = catalog.problems
    if not problem:
        problem, remedy = (
            "after: step `tcp`: `tcp` looks at each server, and the step runs once",
            "leave `each` out",
        )
    assert told(catalog)[0].startswith(f"waves[0].{problem}"), told(catalog)
    assert remedy in f"{found.message} {found.remedy}"


@pytest.mark.parametrize(
    ("step", "networks", "problem"),
    [
        ({**TCP, "from": "server", "host": "db.example.com"}, True, "is resolved by the recovered server"),
        ({**TCP, "from": "server", "host": "{hostname}"}, True, "is resolved by the recovered server"),
        ({**TCP, "host": "10.9.0.4"}, False, "a drill may look at recovered servers only"),
        ({**TCP, "host": "10.9.0.4"}, True, ""),
        ({**TCP, "host": "10.9.0.4", "modes": ["recovery"]}, False, ""),
        ({**TCP, "host": "db.example.com"}, False, ""),
        ({**TCP, "from": "probe", "host": "[fd00::4]"}, False, "a drill may look at recovered servers only"),
        ({**TCP, "from": "server", "host": "localhost"}, False, ""),
        ({**TCP, "from": "server", "host": "127.0.0.1"}, False, ""),
        ({**TCP, "host": "127.0.0.1"}, False, "a drill may look at recovered servers only"),
        ({**HTTP, "url": "https://{private_ip}:8443/x?y={region}"}, False, ""),
        ({**HTTP, "url": "https://10.9.0.4"}, False, "a drill may look at recovered servers only"),
        ({**HTTP, "from": "server", "url": "http://erp?x"}, False, "`erp` is resolved by the recovered"),
    ],
)
def test_a_look_that_leaves_the_drill_is_refused_where_it_is_known(tmp_path, step, networks, problem):
    found = told(load_one(tmp_path, plan_with(step, **({"network": SUBNETS} if networks else {}))))
    if not problem:
        assert found == []
    else:
        (text,) = found
        assert text.startswith(f"waves[0].after[0]: `{step['check']}`: ")
        assert problem in text


def test_a_step_that_uses_a_value_of_a_server_runs_for_each():
    steps = [
        TCP,
        {**HTTP, "url": "http://erp.example.com/", "modes": ["recovery"]},
        {**HTTP, "name": "own"},
        {"check": "ssm_command", **COMMAND, "timeout_minutes": 5},
        {"run": "ssm_command", **COMMAND, "name": "go"},
        {"check": "cloudwatch_alarm", "alarms": ["erp"], "timeout_minutes": 5},
        {**DNS, "values": ["{private_ip}"], "record": "{hostname}.example.com"},
    ]
    assert [step.each for step in frozen(*steps)] == [
        "server",
        "wave",
        "server",
        "server",
        "server",
        "wave",
        "server",
    ]


def test_only_what_calls_aws_has_a_target():
    steps = [
        TCP,
        {**TCP, "from": "probe", "name": "b"},
        {"run": "trigger_dag", "dag_id": "x"},
        {**DNS, "values": ["1"]},
    ]
    assert [step.target is not None for step in frozen(*steps)] == [False, True, False, True]


def test_settings_have_defaults_and_the_names_of_the_plan():
    probe, status, record = frozen(
        {**TCP, "from": "probe"}, {**HTTP, "expect_status": 204}, {**DNS, "values": ["10.0.0.4"]}
    )
    assert probe.settings == {"host": "{private_ip}", "port": 5432, "from": "probe", "probe": "drs-probe"}
    assert (status.settings["expect_status"], status.settings["verify"]) == ([204], True)
    assert record.settings["ttl_seconds"] == 60
    assert "alias" not in record.settings


def test_a_shells_own_braces_are_no_placeholders():
    (step,) = frozen({"run": "ssm_command", "commands": ["echo ${HOME} | awk '{print $1}'"]})
    assert step.settings["commands"] == ["echo ${HOME} | awk '{print $1}'"]


def test_a_plan_with_every_kind_comes_through_its_own_form():
    steps = [
        TCP,
        {**HTTP, "url": "https://{private_ip}/", "verify": False, "body_match": "ok"},
        {"check": "ssm_command", **COMMAND, "output_match": "active", "timeout_minutes": 5},
        {"check": "cloudwatch_alarm", "alarms": ["a"], "timeout_minutes": 5},
        {"run": "lambda", "function": "f", "payload": {"a": [1, {"b": "{wave_name}"}]}},
        {**DNS, "alias": ALIAS},
        {"run": "operator", "operator": "a.b.C", "arguments": {"x": None}},
    ]
    made = make_plan(plan_with(*steps))
    assert type(made).model_validate(made.to_dict()) == made
