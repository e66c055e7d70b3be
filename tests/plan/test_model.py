from __future__ import annotations

import pytest
from pydantic import ValidationError

from drs_provider.core.account import AwsTarget
from drs_provider.plan.model import DrillRules, Gate, OptionalServers, Plan, PostLaunch, Schedule, Target
from tests.plan.plan_files import BRANCH, DB_1, DB_2, MAIN, make_plan, plan_data, small_plan


def test_plan_with_every_field_loads_and_round_trips():
    plan = make_plan()
    assert Plan.model_validate(plan.to_dict()) == plan
    assert Plan.model_validate_json(plan.model_dump_json()).content_hash == plan.content_hash


def test_defaults_of_the_least_plan():
    plan = make_plan(small_plan())
    wave = plan.waves[0]
    assert plan.dag_id == "drs_wiki"
    assert plan.display_title == "wiki"
    assert (wave.timeout_minutes, wave.queue_timeout_minutes, wave.gate) == (90, 60, None)
    assert plan.drill.hold is not None
    assert (plan.drill.hold.timeout_minutes, plan.drill.hold.on_timeout) == (240, "cleanup")
    assert (plan.drill.cleanup, plan.drill.max_age_hours) == ("terminate", 12)
    assert plan.priority == 100


def test_gate_defaults_reject_by_timeout_after_an_hour():
    gate = Gate.model_validate({})
    assert (gate.timeout_minutes, gate.on_timeout, gate.two_people) == (60, "reject", "never")


def test_trap_31_timeout_never_approves_a_recovery():
    gate = Gate.model_validate({"on_timeout": "approve"})
    assert gate.timeout_policy("DRILL") == "approve"
    assert gate.timeout_policy("RECOVERY") == "escalate"


@pytest.mark.parametrize(
    ("two_people", "drill", "recovery"),
    [("never", 1, 1), ("drill", 2, 1), ("recovery", 1, 2), ("always", 2, 2)],
)
def test_two_people(two_people, drill, recovery):
    gate = Gate.model_validate({"two_people": two_people})
    assert (gate.people("DRILL"), gate.people("RECOVERY")) == (drill, recovery)


def test_wave_numbers_count_from_one():
    plan = make_plan()
    assert [plan.wave_number(wave.name) for wave in plan.waves] == [1, 2, 3]
    assert plan.wave("web") is plan.waves[2]
    with pytest.raises(KeyError, match="no wave 'nothing'"):
        plan.wave_number("nothing")


def test_dependencies_default_to_the_wave_before():
    data = plan_data()
    del data["waves"][1]["depends_on"]
    data["waves"][2]["depends_on"] = []
    plan = make_plan(data)
    assert [plan.dependencies(wave.name) for wave in plan.waves] == [(), ("database",), ()]


def test_trap_01_target_of_a_wave_is_a_complete_account_context():
    plan = make_plan()
    assert plan.target_of(plan.wave("web")) == AwsTarget(
        name="branch",
        connection="aws_dr",
        account_id="222233334444",
        region="eu-central-1",
        role="DRSOrchestrationRole",
        external_id="erp-dr-7f3a",
    )
    assert plan.target_of(plan.wave("database")).own_account
    assert [target.name for target in plan.aws_targets()] == ["main", "branch"]


def test_listed_servers_are_unknown_where_tags_select():
    plan = make_plan()
    assert plan.listed_servers([plan.wave("database")]) == {DB_1, DB_2}
    assert plan.listed_servers(plan.waves) is None


@pytest.mark.parametrize(
    ("least", "total", "expected"), [(None, 9, 0), (5, 9, 5), ("80%", 9, 8), ("1%", 3, 1), ("100%", 7, 7)]
)
def test_min_launched_of(least, total, expected):
    data = plan_data()
    data["waves"][1]["min_launched"] = least
    assert make_plan(data).waves[1].min_launched_of(total) == expected


def test_optional_servers_by_id_or_by_all_tags():
    optional = OptionalServers.model_validate({"servers": [DB_1], "tags": {"Role": "batch", "Tier": "app"}})
    assert optional.matches(DB_1, {})
    assert optional.matches(DB_2, {"Role": "batch", "Tier": "app", "x": "y"})
    assert not optional.matches(DB_2, {"Role": "batch"})
    wave = make_plan().wave("application")
    assert not wave.is_critical(DB_2, {"Role": "batch"})
    assert wave.is_critical(DB_2, {"Role": "web"})


def test_post_launch_by_execution_type():
    rules = PostLaunch.model_validate({"recovery": "require"})
    assert rules.required("RECOVERY")
    assert not rules.required("DRILL")


@pytest.mark.parametrize(("value", "enabled"), [(False, False), (True, True), ({"timeout_minutes": 5}, True)])
def test_hold_can_be_switched_off(value, enabled):
    rules = DrillRules.model_validate({"hold": value})
    assert (rules.hold is not None) is enabled
    assert DrillRules.model_validate(rules.model_dump()) == rules


def refused(model, data):
    with pytest.raises(ValidationError) as caught:
        model.model_validate(data)
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"role": "X"}, "contradict"),
        ({"own_account": False}, "how to reach the account"),
        ({"external_id": "abc"}, "does nothing without role"),
    ],
)
def test_trap_01_target_needs_exactly_one_way_in(change, message):
    assert message in refused(Target, {**MAIN, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"account_id": "1111"},
        {"account_id": 111122223333},
        {"region": "Frankfurt"},
        {"role": "arn:aws:iam::222233334444:role/DRSOrchestrationRole"},
        {"external_id": "x"},
        {"connection": ""},
    ],
)
def test_target_values_have_a_form(change):
    refused(Target, {**BRANCH, **change})


@pytest.mark.parametrize(
    "cron",
    [
        "0 3 * *",
        "@daily",
        "61 * * * *",
        "0 0 30 2 *",
        "R R * * *",
        "H 3 * * *",
        "0 0 3 * * 6",
        "x y z a b",
        "",
    ],
)
def test_cron_that_does_not_fire_the_same_on_each_reading(cron):
    refused(Schedule, {"cron": cron})


@pytest.mark.parametrize("cron", ["0 3 * * 6", "*/15 0-6 1,15 * MON-FRI", "0 0 29 2 *", "0 3 * JAN sat#2"])
def test_cron_that_fires(cron):
    assert Schedule.model_validate({"cron": cron}).timezone == "UTC"


@pytest.mark.parametrize("zone", ["Europe/Berlim", "Europe", "../etc/passwd", "CEST+1", "/etc/localtime"])
def test_unknown_time_zone(zone):
    assert "not a known time zone" in refused(Schedule, {"cron": "0 3 * * 6", "timezone": zone})


@pytest.mark.parametrize(
    "window",
    [
        {"from": "2026-12-19", "to": "2026-12-18", "reason": "x"},
        {"from": "2026-12-19", "to": "2026-12-20"},
        {"from": "2026-12-19", "to": "2026-12-20", "reason": " "},
        {"from": "19.12.2026", "to": "2026-12-20", "reason": "x"},
        {"from": 20261219, "to": "2026-12-20", "reason": "x"},
        {"first": "2026-12-19", "last": "2026-12-20", "reason": "x"},
    ],
)
def test_exclusion_windows_are_in_order_and_have_a_reason(window):
    refused(Schedule, {"cron": "0 3 * * 6", "exclude": [window]})


@pytest.mark.parametrize(
    "change",
    [
        {"drill": {"hold": {"timeout_minutes": 61}, "max_age_hours": 1}},
        {"drill": {"hold": "no"}},
        {"network": {"drill": {}}},
        {"tags": {"executionid": "x"}},
        {"tags": {"AWS:x": "x"}},
        {"tags": {"a<b": "x"}},
        {"tags": {"a": "x" * 257}},
        {"tags": {str(number): "x" for number in range(46)}},
        {"priority": True},
        {"criticality": 1.0},
        {"name": "with-hyphen"},
        {"name": "x" * 65},
        {"name": "a__b"},
        {"title": "two\nlines"},
        {"waves": []},
        {"recovery": {"initiators": ["a", "a"]}},
    ],
)
def test_values_that_a_run_could_not_honour(change):
    refused(Plan, small_plan(**change))


@pytest.mark.parametrize("least", [0, -1, True, 1.5, "0%", "101%", "80", "%", "²%", "8 0%"])
def test_min_launched_is_a_number_or_a_percentage(least):
    data = small_plan()
    data["waves"][0]["min_launched"] = least
    refused(Plan, data)


@pytest.mark.parametrize(
    "group",
    [
        {"target": "main"},
        {"target": "main", "servers": []},
        {"target": "main", "tags": {}},
        {"target": "main", "tags": {"App": 5}},
        {"target": "main", "servers": [DB_1], "tags": {"App": "x"}},
        {"target": "main", "servers": [DB_1], "allow_empty": True},
        {"target": "main", "servers": [DB_1, DB_1]},
        {"target": "main", "servers": ["s-123"]},
        {"target": "main", "servers": [f"{DB_1}\n"]},
    ],
)
def test_trap_12_group_selects_servers_in_exactly_one_way(group):
    refused(Plan, small_plan(protection_groups={"all": group}))


def test_post_launch_timeout_without_required_actions_does_nothing():
    assert "does nothing" in refused(PostLaunch, {"timeout_minutes": 5})


def test_plans_are_immutable():
    plan = make_plan()
    with pytest.raises(ValidationError, match="frozen"):
        plan.name = "other"


def test_hash_ignores_key_order_and_stated_defaults_but_not_content():
    data = small_plan()
    plan = make_plan(data)
    assert make_plan(dict(reversed(data.items()))).content_hash == plan.content_hash
    assert make_plan({**data, "priority": 100}).content_hash == plan.content_hash
    assert make_plan({**data, "priority": 101}).content_hash != plan.content_hash
    assert len(plan.content_hash) == 64


def test_texts_of_a_plan_are_cleaned():
    plan = make_plan(
        small_plan() | {"title": "Wiki\r\n", "owner": " ops\t", "recovery": {"approvers": ["jane\n"]}}
    )
    assert (plan.title, plan.owner, plan.recovery.approvers) == ("Wiki", "ops", ("jane",))
    assert Gate.model_validate({"message": "a\r\nb\n"}).message == "a\nb"
