from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drs_provider.core.identity import (
    RESERVED_TAG_KEYS,
    execution_id,
    job_tags,
    role_session_name,
)

RUN = ("dr-eu", "drs_wiki", "CHG0001", 1_760_000_000.0)


def test_a_rerun_is_the_same_execution():
    assert execution_id(*RUN) == execution_id(*RUN)
    assert str(uuid.UUID(execution_id(*RUN))) == execution_id(*RUN)


def test_an_execution_id_never_changes_between_releases():
    assert execution_id(*RUN) == "337f6a89-3fab-58e5-ad6c-7c5216bb092a"


@pytest.mark.parametrize(
    "other",
    [
        ("dr-us", *RUN[1:]),
        ("dr-eu", "drs_shop", *RUN[2:]),
        ("dr-eu", "drs_wiki", "CHG0002", RUN[3]),
        (*RUN[:3], RUN[3] + 0.000_001),
        ("dr-eud", "rs_wiki", *RUN[2:]),
    ],
)
def test_another_airflow_run_or_moment_is_another_execution(other):
    assert execution_id(*other) != execution_id(*RUN)


@settings(deadline=None)
@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_epoch_and_datetime_name_the_same_execution(moment):
    assert execution_id(*RUN[:3], moment) == execution_id(*RUN[:3], moment.timestamp())


@pytest.mark.parametrize(
    "parts", [("", *RUN[1:]), ("d", "", *RUN[2:]), (*RUN[:2], "", RUN[3]), (*RUN[:3], datetime(2025, 1, 1))]
)
def test_incomplete_identity_is_an_error(parts):
    with pytest.raises(ValueError, match="execution id"):
        execution_id(*parts)


def test_trap_16_jobs_carry_execution_wave_and_attempt():
    tags = job_tags("e-1", "DRILL", "wiki", 2, 3, {"CostCenter": "4711"})
    assert tags == {
        "CostCenter": "4711",
        "ExecutionId": "e-1",
        "ExecutionType": "DRILL",
        "PlanName": "wiki",
        "WaveNumber": "2",
        "Attempt": "3",
    }
    assert tags.keys() - {"CostCenter"} == RESERVED_TAG_KEYS


@pytest.mark.parametrize("key", sorted(RESERVED_TAG_KEYS))
def test_plan_tags_cannot_take_our_keys(key):
    with pytest.raises(ValueError, match=key):
        job_tags("e-1", "DRILL", "wiki", 1, 1, {key: "x"})


@pytest.mark.parametrize(("wave", "attempt"), [(0, 1), (1, 0)])
def test_numbers_in_tags_start_at_one(wave, attempt):
    with pytest.raises(ValueError, match="start at 1"):
        job_tags("e-1", "DRILL", "wiki", wave, attempt, {})


def test_a_session_name_carries_the_execution_id():
    assert execution_id(*RUN) in role_session_name(execution_id(*RUN))


@settings(deadline=None)
@given(st.text(min_size=1, max_size=300))
def test_every_session_name_is_one_for_sts(text):
    assert re.fullmatch(r"[\w+=,.@-]{2,64}", role_session_name(text), re.ASCII)


def test_long_session_names_stay_apart():
    assert role_session_name("x" * 80 + "a") != role_session_name("x" * 80 + "b")


def test_a_session_needs_an_id():
    with pytest.raises(ValueError, match="empty"):
        role_session_name("")
