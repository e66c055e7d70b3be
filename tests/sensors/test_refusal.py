"""Whose confirming answer counts at a gate."""

from __future__ import annotations

import pytest

from drs_provider.runtime.hitl import Answer
from drs_provider.sensors.human_gate import Request, refusal


def request(**changes):
    fields = {
        "subject": "s",
        "body": "b",
        "options": ("Approve", "Reject"),
        "confirming": "Approve",
        "closing": "Reject",
        "timeout_seconds": 60.0,
        "fields": {},
    }
    return Request(**(fields | changes))


def answer(user_id, name):
    return Answer("Approve", user_id, name, 0.0, {})


@pytest.mark.parametrize("who", [answer("dr-lead", "dr-lead"), answer("7", "dr-lead")])
def test_the_initiator_is_known_by_name_even_if_the_auth_manager_numbers_its_users(who):
    assert "cannot approve" in refusal(request(excluded="dr-lead"), [], who)


def test_somebody_else_may_approve():
    assert refusal(request(excluded="dr-lead"), [], answer("8", "dr-approver-1")) is None


def test_nobody_is_excluded_unless_the_gate_says_so():
    assert refusal(request(), [], answer("7", "dr-lead")) is None


def test_the_same_person_does_not_count_twice():
    assert "two different" in refusal(request(people=2), ["7"], answer("7", "dr-lead"))
