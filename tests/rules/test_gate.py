"""Whose answer counts at a gate."""

from __future__ import annotations

import pytest

from drs_provider.rules.gate import Answer, Request, refusal


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
