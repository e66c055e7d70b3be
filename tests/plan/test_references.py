from __future__ import annotations

from itertools import pairwise

import pytest

from drs_provider.plan.outline import Outline
from drs_provider.plan.problems import format_path
from drs_provider.plan.references import check_references
from tests.plan.plan_files import DB_1, DB_2, plan_data


def findings(data):
    return {format_path(found.parts): found for found in check_references(Outline.from_data(data))}


def only(data):
    found = check_references(Outline.from_data(data))
    assert len(found) == 1, [str(finding) for finding in found]
    return format_path(found[0].parts), found[0].message, found[0].remedy


def test_good_plan_has_no_findings():
    assert findings(plan_data()) == {}


def test_unknown_group_is_named_once_with_the_one_that_is_meant():
    data = plan_data()
    data["waves"][0]["groups"] = ["erp_bd"]
    assert only(data) == ("waves[0].groups[0]", "unknown protection group `erp_bd`", "did you mean `erp_db`?")


def test_unknown_target():
    data = plan_data()
    data["protection_groups"]["erp_web"]["target"] = "brunch"
    assert only(data) == (
        "protection_groups.erp_web.target",
        "unknown target `brunch`",
        "did you mean `branch`?",
    )


def test_trap_21_unused_group_and_target_are_refused():
    data = plan_data()
    data["waves"].pop()
    path, message, _ = only(data)
    assert (path, message) == (
        "protection_groups.erp_web",
        "protection group `erp_web` does nothing: no wave names it",
    )
    del data["protection_groups"]["erp_web"]
    path, message, _ = only(data)
    assert (path, message) == ("targets.branch", "target `branch` does nothing: no protection group names it")


def test_group_in_two_waves():
    data = plan_data()
    data["waves"][1]["groups"] = ["erp_app", "erp_db"]
    path, message, _ = only(data)
    assert path == "waves[1].groups[1]"
    assert message == "protection group `erp_db` is already recovered in wave `database`"


def test_trap_29_server_in_two_groups_names_both():
    data = plan_data()
    data["protection_groups"]["erp_app"] = {"target": "main", "servers": [DB_2]}
    path, message, _ = only(data)
    assert path == "protection_groups.erp_app.servers[0]"
    assert message == f"server `{DB_2}` is in protection group `erp_db` and in `erp_app`"


def test_trap_02_wave_has_one_target():
    data = plan_data()
    data["waves"][0]["groups"] = ["erp_db", "erp_web"]
    data["waves"].pop()
    path, message, remedy = only(data)
    assert path == "waves[0].groups"
    assert "`erp_db` in `main`, `erp_web` in `branch`" in message
    assert "side by side" in remedy


def test_wave_names_are_unique():
    data = plan_data()
    data["waves"][2]["name"] = "application"
    assert only(data)[:2] == ("waves[2].name", "`application` is already the name of wave 2")


def test_unknown_dependency():
    data = plan_data()
    data["waves"][2]["depends_on"] = ["databse"]
    assert only(data) == ("waves[2].depends_on[0]", "unknown wave `databse`", "did you mean `database`?")


def test_trap_21_cycle_is_named_as_a_path():
    data = plan_data()
    data["waves"][0]["depends_on"] = ["web"]
    data["waves"][2]["depends_on"] = ["application"]
    path, message, _ = only(data)
    assert path in {f"waves[{number}].depends_on" for number in range(3)}
    ring = message.removeprefix("dependency cycle: ").split(" waits for ")
    assert ring[0] == ring[-1]
    waits = {"`database`": "`web`", "`web`": "`application`", "`application`": "`database`"}
    assert all(waits[first] == second for first, second in pairwise(ring))
    assert len(ring) == 4


def test_cycle_through_the_default_dependency():
    data = plan_data()
    data["waves"][0]["depends_on"] = ["application"]
    del data["waves"][1]["depends_on"]
    path, message, remedy = only(data)
    assert path == "waves[0].depends_on"
    assert "`application` waits for `database`" in message
    assert "waits for the wave before it" in remedy


def test_wave_that_waits_for_itself():
    data = plan_data()
    data["waves"][2]["depends_on"] = ["web"]
    assert only(data)[1] == "dependency cycle: `web` waits for `web`"


def test_wave_may_depend_on_a_later_one():
    data = plan_data()
    data["waves"][0]["depends_on"] = ["web"]
    data["waves"][2]["depends_on"] = []
    assert findings(data) == {}


def test_optional_server_outside_the_wave():
    data = plan_data()
    data["waves"][0]["optional"] = {"servers": [DB_1, "s-9999999999999999z"]}
    path, message, _ = only(data)
    assert path == "waves[0].optional.servers[1]"
    assert "is not in the groups of wave `database`" in message


def test_min_launched_above_the_number_of_servers():
    data = plan_data()
    data["waves"][0]["min_launched"] = 3
    assert only(data)[:2] == ("waves[0].min_launched", "3 servers cannot launch: wave `database` has 2")


def test_two_people_of_whom_there_is_one():
    data = plan_data()
    data["recovery"]["approvers"] = ["dr-approver-1"]
    assert only(data)[0] == "waves[1].gate.two_people"


@pytest.mark.parametrize(
    ("event", "objective"),
    [
        ("rto_missed", "rto_minutes"),
        ("rto_at_risk", "rto_minutes"),
        ("drill_overdue", "drill_every_days"),
    ],
)
def test_a_message_about_an_objective_that_the_plan_does_not_have(event, objective):
    data = plan_data()
    data["notifications"][0]["events"] = ["start", event]
    del data["objectives"][objective]
    path, message = only(data)[:2]
    assert path == "notifications[0].events"
    assert f"`{event}` does nothing: the plan has no objectives.{objective}" in message


@pytest.mark.parametrize("broken", [None, 5, "text", [], [None, 5, []], {"x": 5, 6: {}}])
@pytest.mark.parametrize(
    "field", ["targets", "protection_groups", "waves", "recovery", "objectives", "notifications"]
)
def test_outline_takes_any_form(field, broken):
    data = plan_data()
    data[field] = broken
    check_references(Outline.from_data(data))
