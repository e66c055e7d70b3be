"""Steps in plan files: what each field does, and what is refused when the plan loads."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider.plan.steps.placeholders import filled, placeholders
from drs_provider.rules.execution.freezing import freeze_steps
from tests.plan.plan_files import BRANCH, load_one, make_plan, small_plan, told

STATUS = {"check": "ec2_status", "timeout_minutes": 10}
CACHES = {"run": "ssm_automation", "document": "WarmCaches"}


def with_steps(**places: list[dict[str, Any]]) -> dict[str, Any]:
    data = small_plan()
    around = {name: places.pop(name) for name in ("before_first", "after_last") if name in places}
    data["waves"][0] |= places
    return data | around


@pytest.mark.parametrize(
    ("place", "steps", "problem", "remedy"),
    [
        (
            "after",
            [{"check": "ec2_status"}],
            "after[0].timeout_minutes: `timeout_minutes` is missing",
            "add it",
        ),
        ("after", [{"check": "ec2_stat"}], "after[0]: `check: ec2_stat` is no kind of step", "`ec2_status`"),
        ("after", [{"name": "x"}], "after[0]: a step has neither check nor run", "write check: <kind>"),
        ("after", [{**STATUS, "timout": 1}], "after[0].timout: unknown field `timout`", "timeout_minutes"),
        (
            "after",
            [{**CACHES, "parameters": {"Ids": ["{instanceid}"]}}],
            "after[0]: unknown placeholder `{instanceid}`",
            "`{instance_id}`",
        ),
        (
            "after",
            [{**CACHES, "parameters": {"Ids": ["{instance_id}"]}, "each": "wave"}],
            "after: step `ssm_automation`: `{instance_id}` is a value of one server, and the step runs once",
            "each: server",
        ),
        ("after", [STATUS, STATUS], "after: two steps are named `ec2_status`", "name"),
        (
            "after",
            [{**CACHES, "parallel": 2}],
            "after: step `ssm_automation`: parallel does nothing",
            "remove it",
        ),
        (
            "after",
            [{**STATUS, "together": True}],
            "after: together: true in the first step does nothing",
            "remove",
        ),
        (
            "after",
            [{**STATUS, "required": False, "on_failure": "ask"}],
            "after[0]: on_failure: ask does nothing in a step with required: false",
            "remove one",
        ),
        ("before", [STATUS], "before: step `ec2_status`: `ec2_status` needs recovered servers", "`after`"),
        (
            "before",
            [{**CACHES, "each": "server"}],
            "before: step `ssm_automation`: `each: server` needs",
            "`after`",
        ),
        (
            "after_last",
            [{**CACHES, "document": "{wave_name}"}],
            "after_last: step `ssm_automation`: `{wave_name}` is a value of a wave",
            "leave it out",
        ),
    ],
)
def test_what_no_step_can_be_is_refused(tmp_path, place, steps, problem, remedy):
    catalog = load_one(tmp_path, with_steps(**{place: steps}))
    (found,) = catalog.problems
    inside = "" if place == "after_last" else "waves[0]."
    assert told(catalog)[0].startswith(f"{inside}{problem}"), told(catalog)
    assert remedy in found.remedy


def test_a_step_around_all_waves_needs_the_one_target(tmp_path):
    data = with_steps(before_first=[CACHES])
    assert load_one(tmp_path, data).plans
    data["targets"]["branch"] = BRANCH
    data["protection_groups"]["more"] = {"target": "branch", "tags": {"App": "more"}}
    data["waves"].append({"name": "more", "groups": ["more"]})
    (text,) = told(load_one(tmp_path, data))
    assert text.startswith("before_first[0]: `ssm_automation` acts in one target, and the plan has")


def test_defaults_depend_on_kind_and_type_of_execution():
    made = make_plan(with_steps(after=[STATUS, {**CACHES, "name": "warm", "each": "server", "retries": 2}]))
    target = made.target_of(made.waves[0])
    drill = freeze_steps(made.waves[0].after, "after", "DRILL", target, ["10.0.0.0/16"])
    recovery = freeze_steps(made.waves[0].after, "after", "RECOVERY", target, ["10.0.0.0/16"])
    assert [(step.name, step.kind, step.each, step.selected, step.repeatable) for step in drill] == [
        ("ec2_status", "ec2_status", "server", True, True),
        ("warm", "ssm_automation", "server", False, False),
    ]
    assert [step.on_failure for step in drill] == ["fail", "fail"]
    assert [step.on_failure for step in recovery] == ["ask", "ask"]
    assert all(step.selected for step in recovery)
    assert (drill[0].networks, recovery[0].networks) == (("10.0.0.0/16",), None)
    assert (drill[1].settings, drill[1].retries) == ({"document": "WarmCaches", "parameters": {}}, 2)
    assert (drill[0].timeout_seconds, drill[1].timeout_seconds, drill[0].parallel) == (600, 3600, 10)
    assert drill[0].target == target


def test_what_is_not_required_never_stops_anything():
    made = make_plan(with_steps(after=[{**STATUS, "required": False}]))
    (step,) = freeze_steps(made.waves[0].after, "after", "RECOVERY", None, ())
    assert (step.required, step.on_failure) == (False, "continue")


def test_steps_come_through_the_plans_own_form():
    made = make_plan(with_steps(after=[STATUS], before=[CACHES], after_last=[CACHES]))
    again = type(made).model_validate(made.to_dict())
    assert (again, again.content_hash) == (made, made.content_hash)


def test_placeholders_are_filled_everywhere_and_other_braces_are_left():
    value = {
        "url": "http://{private_ip}/{{ds}}",
        "list": ["{region}", 3],
        "regex": "[0-9]{3}",
        "json": '{"a": 1}',
    }
    assert sorted(placeholders(value)) == ["private_ip", "region"]
    assert filled(value, {"private_ip": "10.0.0.7", "region": "eu-west-1"}) == {
        "url": "http://10.0.0.7/{{ds}}",
        "list": ["eu-west-1", 3],
        "regex": "[0-9]{3}",
        "json": '{"a": 1}',
    }
