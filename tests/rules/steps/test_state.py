"""How far a step is, and what a later try or attempt makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_provider.rules.execution.frozen import FrozenStep
from drs_provider.rules.steps.results import Subject
from drs_provider.rules.steps.state import MAX_PASSED, StepState, begun, token_of

STATES = ("open", "starting", "started", "passed", "failed", "unknown")
ALL = [Subject(f"s-{n}", f"server {n}", {"instance_id": f"i-{n}"}) for n in (1, 2)]


def step(**changes: Any) -> FrozenStep:
    fields = {"place": "after", "name": "warm", "kind": "lambda", "is_check": False, "timeout_seconds": 60}
    return FrozenStep.model_validate({**fields, "each": "server", **changes})


def earlier(state: str, instance: str = "i-1") -> StepState:
    kept = begun(None, step(), ALL, attempt=1, now=1.0)
    kept.subjects["s-1"] |= {"state": state, "instanceId": instance, "tries": 2, "token": "t-2"}
    return kept


@pytest.mark.parametrize(
    ("state", "repeatable", "kept"),
    [
        ("passed", False, True),
        ("passed", True, False),
        ("failed", False, False),
        ("started", True, True),
        ("starting", True, True),
        ("unknown", True, True),
        ("open", False, False),
    ],
)
def test_a_later_attempt_repeats_an_action_only_if_it_failed_or_may_be(state, repeatable, kept):
    again = begun(earlier(state), step(repeatable=repeatable), ALL, attempt=2, now=2.0)
    assert again.subjects["s-1"]["state"] == (state if kept else "open")
    assert again.subjects["s-1"]["tries"] == 2, "no token is used twice"
    assert (again.attempt, again.started_at, again.status) == (2, 2.0, "RUNNING")


@pytest.mark.parametrize("state", STATES)
def test_or_if_its_server_was_launched_again(state):
    again = begun(earlier(state, "i-old"), step(), ALL, attempt=2, now=2.0)
    assert again.subjects["s-1"]["state"] == "open"


@pytest.mark.parametrize("state", STATES)
def test_a_check_looks_at_everything_anew(state):
    again = begun(earlier(state), step(is_check=True, repeatable=True), ALL, attempt=2, now=2.0)
    assert again.subjects["s-1"]["state"] == "open"


@pytest.mark.parametrize("state", STATES)
def test_within_an_attempt_a_try_goes_on_where_it_was(state):
    kept = earlier(state)
    assert begun(kept, step(), [], attempt=1, now=9.0) is kept


@given(
    st.lists(
        st.tuples(
            st.integers(1, 9), st.sampled_from(["s-1", "wave"]), st.integers(1, 9), st.sampled_from("ab")
        ),
        unique=True,
        min_size=2,
    )
)
def test_tokens_tell_all_tries_apart(tries):
    tokens = {token_of("e-1", wave, step(name=name), key, number) for wave, key, number, name in tries}
    assert len(tokens) == len(tries)


def test_what_is_kept_comes_back_the_same_and_is_short():
    state = earlier("open")
    state.took("s-1", "passed", "x" * 1000, at=3.0, handle="h")
    assert StepState.from_dict(state.to_dict()) == state
    assert len(state.subjects["s-1"]["output"]) == MAX_PASSED
