"""Who is asked at a gate, when, and whose answer counts."""

from __future__ import annotations

import math

import pytest

from drs_provider.plan.people import NOBODY, People
from drs_provider.rules.asking import Answer, Escalation, Request, refusal
from drs_provider.rules.gate import Answers


def request(**changes):
    fields = {
        "subject": "s",
        "body": "b",
        "options": ("Approve", "Reject", "Skip wave"),
        "confirming": "Approve",
        "closing": "Reject",
        "timeout_seconds": 60.0,
        "fields": {},
    }
    return Request(**(fields | changes))


def answer(user_id, login, option="Approve"):
    return Answer(option, user_id, login, 0.0, {})


#: The same person with an auth manager whose ids are logins, numbers (FAB), or opaque (Keycloak).
SAME = [answer(user_id, "dr-lead") for user_id in ("dr-lead", "7", "0f8c1d6e-58a1-4e0b-9d5c-2f6f8a7b9c10")]


@pytest.mark.parametrize("who", SAME)
def test_the_initiator_cannot_approve_whatever_the_auth_managers_ids(who):
    assert "cannot approve" in refusal(request(excluded="dr-lead"), [], who)


def test_somebody_whose_id_is_the_initiators_login_is_somebody_else():
    assert refusal(request(excluded="7"), [], answer("7", "dr-approver-1")) is None


def test_somebody_else_may_approve():
    assert refusal(request(excluded="dr-lead"), [], answer("8", "dr-approver-1")) is None


def test_nobody_is_excluded_unless_the_gate_says_so():
    assert refusal(request(), [], answer("7", "dr-lead")) is None


def test_the_initiator_may_reject():
    assert refusal(request(excluded="dr-lead"), [], answer("7", "dr-lead", "Reject")) is None


@pytest.mark.parametrize("who", SAME)
@pytest.mark.parametrize("option", ["Approve", "Reject", "Skip wave"])
def test_approvers_are_logins_and_only_they_decide_with_any_option(who, option):
    given = answer(who.user_id, who.login, option)
    assert refusal(request(approvers=("dr-lead",)), [], given) is None
    assert "none of the plan's approvers: dr-approver-1" in refusal(
        request(approvers=("dr-approver-1",)), [], given
    )
    assert refusal(request(), [], given) is None


def test_an_id_that_looks_like_an_approvers_login_is_not_that_approver():
    assert refusal(request(approvers=("7",)), [], answer("7", "mallory"))


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        (answer("7", "dr-lead"), False),
        (answer("7", "renamed"), False),
        (answer("8", "dr-lead"), False),
        (answer("8", "7"), True),
        (answer("dr-lead", "other"), True),
    ],
)
def test_two_persons_differ_in_login_and_in_id(given, counts):
    earlier = [{"respondedBy": "dr-lead", "respondedById": "7"}]
    assert (refusal(request(people=2), earlier, given) is None) == counts


PEOPLE = People({"storage": ("alice", "bob")}, {"Alice": ("alice", "ops"), "Bob": ("bob", "ops")})


def answers_of(*names, people=PEOPLE, at=0.0, why=None):
    kept = Answers(attempt=1, opened_at=0.0)
    kept.ask(names, people, at=at, as_of_start=why)
    return kept


def said(login, option="Approve", comment="", at=1.0):
    return Answer(option, f"id of {login}", login, at, {"comment": comment})


def test_a_member_answers_in_the_name_of_the_team_and_both_are_kept():
    kept = answers_of("dave", "team:storage")
    asked = request(approvers=("dave", "team:storage"))
    assert kept.asked_logins(asked) == ("dave", "alice", "bob")
    assert kept.take(asked, said("bob")) is None
    (row,) = kept.accepted
    assert (row["respondedBy"], row["team"], row["person"]) == ("bob", "storage", "Bob")
    assert kept.asked_people == [
        {"at": 0.0, "names": ["dave", "team:storage"], "teams": {"storage": ["alice", "bob"]}}
    ]
    assert "none of the plan's approvers: dave, alice, bob" in kept.take(asked, said("erin"))


def test_a_team_without_members_is_nobody_not_everybody():
    kept = answers_of("team:gone", people=NOBODY)
    asked = request(approvers=("team:gone",))
    assert "nobody is in the teams" in kept.take(asked, said("mallory"))
    assert kept.settled(asked) is None


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [
        ("alice", "bob", True),
        ("alice", "ops", False),
        ("ops", "bob", False),
        ("ops", "ops", False),
        ("ops", "carol", True),
    ],
)
def test_two_people_are_two_persons_whatever_their_logins(first, second, counts):
    kept = answers_of()
    asked = request(people=2)
    assert kept.take(asked, said(first)) is None
    problem = kept.take(asked, said(second, at=2.0))
    assert (problem is None) == counts
    if first != second and not counts:
        assert problem == f"two different people must approve: {second} and {first} may be the same person"
    assert kept.settled(asked) == ("Approve" if counts else None)


def test_who_started_it_is_a_person_also_behind_a_role_that_several_use():
    kept = answers_of()
    asked = request(excluded="ops")
    assert kept.take(asked, said("alice")) == (
        "who started the execution cannot approve it: alice and ops may be the same person"
    )
    assert kept.take(asked, said("carol", at=2.0)) is None


EMERGENCY = {"emergency": ("ceo", "ops"), "emergency_option": "Approve in emergency", "initiator": "alice"}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (said("ceo", "Approve in emergency", "site burns"), None),
        (
            said("ceo", "Approve in emergency"),
            "Approve in emergency by an emergency approver needs a comment",
        ),
        (
            said("ops", "Approve in emergency", "x"),
            "an emergency approver cannot approve what the same person",
        ),
        (said("bob", "Approve in emergency", "x"), "bob is none of the plan's emergency approvers: ceo, ops"),
        (said("ceo", "Approve", "x"), 'An emergency approver answers "Approve in emergency", with a comment'),
        (said("ceo", "Reject", "x"), "ceo is none of the plan's approvers"),
    ],
)
def test_an_emergency_approver_decides_alone_with_a_reason_and_nobody_else_does(given, problem):
    kept = answers_of("team:storage")
    asked = request(approvers=("team:storage",), people=2, **EMERGENCY)
    told = kept.take(asked, given)
    if problem is None:
        assert told is None
        assert kept.settled(asked) == "Approve in emergency"
        assert kept.accepted[0]["emergency"] is True
    else:
        assert problem in told
        assert kept.settled(asked) is None


def test_an_emergency_approver_who_is_an_approver_counts_as_one_unless_he_says_otherwise():
    kept = answers_of("ceo", "bob")
    asked = request(approvers=("ceo", "bob"), people=2, **EMERGENCY)
    assert kept.take(asked, said("ceo", comment="looks fine")) is None
    assert "emergency" not in kept.accepted[0]
    assert kept.settled(asked) is None


ESCALATION = Escalation(("team:leads", "ceo"), turn_seconds=3600.0, remind_seconds=1500.0)


def test_people_are_reminded_then_the_next_are_asked_and_it_stays_open_for_good():
    leads = People({"leads": ("carol",), **PEOPLE.teams})
    kept = answers_of("team:storage", people=leads)
    asked = request(approvers=("team:storage",), escalation=ESCALATION)
    assert kept.deadline(asked) == math.inf
    turns = []
    now = 0.0
    while now < 6 * 3600:
        turn = kept.next_turn(asked)
        now = turn.at
        turns.append((now, turn.name))
        if turn.name:
            kept.ask((turn.name,), leads, at=now, as_of_start=None)
        kept.reminded_at = now
    assert turns[:9] == [
        (1500.0, None),
        (3000.0, None),
        (3600.0, "team:leads"),
        (5100.0, None),
        (6600.0, None),
        (7200.0, "ceo"),
        (8700.0, None),
        (10200.0, None),
        (11700.0, None),
    ]
    assert kept.asked_logins(asked) == ("alice", "bob", "carol", "ceo")
    assert kept.take(asked, said("carol", at=1e9)) is None, "it is never too late"
    assert kept.accepted[0]["team"] == "leads"


def test_a_request_that_ends_with_its_time_reminds_once_and_never_at_its_end():
    kept, asked = answers_of("alice"), request(timeout_seconds=1800, remind_seconds=600)
    assert kept.next_turn(asked) == (kept.opened_at + 600, None)
    assert kept.acts_by(asked) == kept.deadline(asked)
    kept.reminders = 1
    assert kept.next_turn(asked) is None
    kept.reminders = 0
    assert kept.next_turn(request(timeout_seconds=600, remind_seconds=600)) is None


def test_who_is_not_asked_yet_does_not_count_yet_and_airflow_is_not_told_who_may_answer():
    kept = answers_of("team:storage")
    asked = request(approvers=("team:storage",), escalation=ESCALATION, emergency=("zoe",))
    assert "none of the plan's approvers" in kept.take(asked, said("carol"))
    assert kept.assignable(asked) == ()
    kept.ask(("team:leads",), People({"leads": ("carol",)}), at=3600.0, as_of_start=None)
    kept.ask(("ceo",), NOBODY, at=7200.0, as_of_start=None)
    assert kept.assignable(asked) == ("alice", "bob", "carol", "ceo", "zoe")


def test_a_drill_that_escalates_ends_with_its_age():
    kept = answers_of("dave")
    asked = request(approvers=("dave",), escalation=ESCALATION, until=9000.0)
    assert not asked.stays_open
    assert kept.deadline(asked) == 9000.0


def test_members_of_the_executions_start_are_marked_as_such():
    kept = answers_of("team:storage", why="people.yaml: it is not YAML")
    assert kept.asked_people[0]["asOfStart"] == "people.yaml: it is not YAML"


def test_answers_that_an_older_version_kept_go_on():
    kept = Answers(
        **{"attempt": 1, "opened_at": 0.0, "asked": True, "lost": 0, "accepted": [], "refused": []}
    )
    asked = request(approvers=("dave",), escalation=ESCALATION)
    assert kept.asked_logins(asked) == ("dave",)
    assert kept.next_turn(asked) == (1500.0, None)
    assert kept.take(asked, said("dave", at=1e9)) is None
