"""Teams and persons of libraries, and the lists of plans that name them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drs_provider.plan.files.folder import load_catalog, load_people
from drs_provider.plan.people import People
from tests.plan.plan_files import DB_1, MAIN, small_plan, told, write

TEAMS = {"storage": ["alice", "bob"], "leads": ["carol"]}
PEOPLE = {
    "teams": TEAMS,
    "persons": {"Alice": ["alice", "assumed-role/Ops"], "Bob": ["bob", "assumed-role/Ops"]},
}


def plan_of(**recovery: Any) -> dict[str, Any]:
    return small_plan(recovery=recovery)


def problems(folder: Path, library: Any, plan: dict[str, Any]) -> list[str]:
    write(folder, "people.yaml", library)
    write(folder, "wiki.yaml", plan)
    return told(load_catalog(folder))


def test_a_team_of_a_library_stands_for_its_members_and_is_no_part_of_the_plan(tmp_path: Path) -> None:
    write(tmp_path, "people.yaml", PEOPLE)
    write(tmp_path, "wiki.yaml", plan_of(approvers=["team:storage", "dave"], initiators=["team:leads"]))
    catalog = load_catalog(tmp_path)
    assert catalog.problems == ()
    before = catalog.plans["wiki"].plan
    assert before.named_people == ("team:leads", "team:storage", "dave")
    people, why = load_people(tmp_path)
    assert why == ()
    assert people.logins(before.recovery.approvers) == ("alice", "bob", "dave")
    write(tmp_path, "people.yaml", {"teams": {**TEAMS, "storage": ["erin"]}})
    after = load_catalog(tmp_path).plans["wiki"].plan
    assert after.content_hash == before.content_hash, "who is on call changes no plan"
    assert load_people(tmp_path)[0].logins(["team:storage"]) == ("erin",)


@pytest.mark.parametrize(
    ("library", "message"),
    [
        (
            {"teams": {"storage": []}},
            "teams.storage: there is nobody in it: a team needs members, a person a login",
        ),
        ({"teams": {"storage": None}}, "teams.storage: `storage` has no value"),
        ({"teams": {"storage": ["team:leads"]}}, "teams.storage[0]: `team:leads` is a team"),
        ({"teams": {"storage": ["alice", "alice"]}}, "teams.storage: `alice` is listed more than once"),
        ({"teams": {"on call": ["alice"]}}, "teams.on call: `on call` is not a name of letters"),
    ],
)
def test_a_team_that_cannot_be_used_is_one_message_at_the_library_and_one_at_the_plan(
    tmp_path: Path, library: dict[str, Any], message: str
) -> None:
    found = problems(tmp_path, library, plan_of(approvers=["team:storage"]))
    assert len(found) == 2
    assert found[0].startswith(message)
    assert found[1].startswith("recovery.approvers[0]: ")
    assert "team `storage`" in found[1]
    people, why = load_people(tmp_path)
    assert people.logins(["team:storage"]) == ()
    assert [problem.path for problem in why] == [message.partition(":")[0]]


def test_a_team_that_two_libraries_define_is_none(tmp_path: Path) -> None:
    write(tmp_path, "more.yaml", {"teams": {"storage": ["mallory"]}})
    found = problems(tmp_path, PEOPLE, plan_of(approvers=["team:storage"]))
    assert [line for line in found if "also defined in" in line and line.startswith("teams.storage")] != []
    assert load_people(tmp_path)[0].logins(["team:storage"]) == ()


@pytest.mark.parametrize(
    ("where", "fields"),
    [
        ("recovery.initiators[0]", {"recovery": {"initiators": ["team:storag"]}}),
        ("recovery.escalate_to[0]", {"recovery": {"approvers": ["x"], "escalate_to": ["team:storag"]}}),
        (
            "waves[0].gate.approvers[0]",
            {"waves": [{"name": "all", "groups": ["all"], "gate": {"approvers": ["team:storag"]}}]},
        ),
        (
            "before_first[0].approvers[0]",
            {
                "before_first": [
                    {"check": "manual", "message": "?", "timeout_minutes": 5, "approvers": ["team:storag"]}
                ]
            },
        ),
    ],
)
def test_an_unknown_team_is_named_at_its_place(tmp_path: Path, where: str, fields: dict[str, Any]) -> None:
    write(tmp_path, "people.yaml", PEOPLE)
    write(tmp_path, "wiki.yaml", small_plan(**fields))
    (problem,) = load_catalog(tmp_path).problems
    assert (problem.path, problem.message) == (where, "unknown team `storag`")
    assert problem.remedy == "did you mean `storage`?"


@pytest.mark.parametrize(
    ("recovery", "message"),
    [
        (
            {"initiators": ["ann"], "approvers": ["bob"], "emergency_approvers": ["ann"]},
            (
                "recovery.emergency_approvers[0]: `ann` is also one of recovery.initiators: one person could start "
                "and approve a RECOVERY alone"
            ),
        ),
        (
            {"approvers": ["bob"], "emergency_approvers": ["team:leads"]},
            "recovery.emergency_approvers[0]: `team:leads` is a team, and only logins may stand here",
        ),
        (
            {"emergency_approvers": ["ann"]},
            "recovery.emergency_approvers: emergency_approvers do nothing: everybody may approve alone",
        ),
        (
            {"escalate_to": ["ann"]},
            "recovery.escalate_to: escalate_to does nothing: without approvers everybody may answer from the beginning",
        ),
        (
            {"approvers": ["ann"], "escalate_to": ["ann"]},
            "recovery.escalate_to[0]: `ann` is asked from the beginning",
        ),
        (
            {"approvers": ["team: storage"]},
            "recovery.approvers[0]: `team: storage` is not the name of a team",
        ),
    ],
)
def test_lists_of_people_that_cannot_be_meant(tmp_path: Path, recovery: Any, message: str) -> None:
    assert problems(tmp_path, PEOPLE, plan_of(**recovery)) == [message]


def test_teams_stand_in_a_library_not_in_a_plan(tmp_path: Path) -> None:
    write(tmp_path, "wiki.yaml", small_plan(teams=TEAMS, recovery={"approvers": ["x"]}))
    (problem,) = load_catalog(tmp_path).problems
    assert (problem.path, problem.message) == ("teams", "`teams` stand in a library, not in a plan")
    assert "targets, protection_groups, teams and persons" in problem.remedy


def test_a_step_that_asks_nobody_has_no_approvers(tmp_path: Path) -> None:
    step = {"check": "ec2_status", "timeout_minutes": 5, "on_failure": "fail", "approvers": ["ann"]}
    write(tmp_path, "wiki.yaml", small_plan(waves=[{"name": "all", "groups": ["all"], "after": [step]}]))
    (problem,) = load_catalog(tmp_path).problems
    assert problem.message == "approvers do nothing in a step that asks nobody"


def test_reminders_come_before_the_next_are_asked(tmp_path: Path) -> None:
    gate = {"timeout_minutes": 10, "remind_after_minutes": 11}
    write(tmp_path, "wiki.yaml", small_plan(waves=[{"name": "all", "groups": ["all"], "gate": gate}]))
    (problem,) = load_catalog(tmp_path).problems
    assert problem.message == "remind_after_minutes (11) is longer than timeout_minutes (10)"


@pytest.mark.parametrize(
    ("name", "content", "told_why"),
    [
        ("people.yaml", "teams: [", True),
        ("people.yaml", {**PEOPLE, "remark": "x"}, True),
        ("people.yaml", {"schema_version": 9, **PEOPLE}, True),
        ("other.yaml", "name: other\nwaves: [", False),
        ("other.yaml", {"targets": {"main": {**MAIN, "region": "nowhere"}}}, False),
        (
            "other.yaml",
            {"name": "other", "waves": [], "protection_groups": {"x": {"servers": [DB_1]}}},
            False,
        ),
    ],
)
def test_it_is_told_when_people_may_be_missing_and_only_then(
    tmp_path: Path, name: str, content: Any, told_why: bool
) -> None:
    write(tmp_path, "people.yaml", PEOPLE)
    write(tmp_path, name, content)
    assert bool(load_people(tmp_path)[1]) is told_why


def test_logins_of_one_person_and_logins_that_several_share() -> None:
    people = People({}, {name: tuple(logins) for name, logins in PEOPLE["persons"].items()})  # type: ignore[attr-defined]
    assert not people.same_person("alice", "bob")
    assert people.same_person("alice", "assumed-role/Ops")
    assert people.same_person("assumed-role/Ops", "bob")
    assert not people.same_person("assumed-role/Ops", "carol")
    assert people.same_person("carol", "carol")
    assert people.persons_of("assumed-role/Ops") == {"Alice", "Bob"}
