"""Messages generated from the model, and botocore's own parameter validation as a second opinion."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from botocore.validate import ParamValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drs_simulator.validation import validate_request, validate_response
from drs_simulator.validation.checks import CHECKS_BY_TYPE
from drs_simulator.validation.model import operation, service_model, shape

pytestmark = pytest.mark.contract

REQUESTS = (
    "StartRecovery",
    "DescribeJobs",
    "DescribeSourceServers",
    "TerminateRecoveryInstances",
    "PutLaunchAction",
    "UpdateReplicationConfiguration",
    "CreateRecoveryPlanStep",
)
ANSWERS = (
    "DescribeJobs",
    "DescribeJobLogItems",
    "DescribeSourceServers",
    "DescribeRecoveryInstances",
    "DescribeRecoverySnapshots",
    "GetLaunchConfiguration",
    "ListLaunchActions",
    "GetRecoveryPlanExecutionStep",
)
# Where a pattern is too loose or a length too narrow to be found by chance.
TEXTS: dict[str, st.SearchStrategy[str]] = {
    "AccountID": st.from_regex(re.compile(r"[0-9]{12}", re.ASCII), fullmatch=True),
    "ISO8601DatetimeString": st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(
        lambda at: at.isoformat() + "Z"
    ),
    "ISO8601DurationString": st.sampled_from(["P0D", "PT45S", "P1DT2H", "PT0.5S", "P2W"]),
    "LaunchActionResourceId": st.just("lct-1111111111111111a"),
}
RELAXED = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def values(shape: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    limits = shape.metadata
    least = limits.get("min", 0)
    most = max(least, min(limits.get("max", 3), 3))
    match shape.type_name:
        case "structure":
            return structures(shape, depth)
        case "list":
            return st.lists(
                st.deferred(lambda: values(shape.member, depth + 1)), min_size=least, max_size=most
            )
        case "map":
            return st.dictionaries(
                values(shape.key),
                st.deferred(lambda: values(shape.value, depth + 1)),
                min_size=least,
                max_size=most,
            )
        case "string":
            return texts(shape)
        case "timestamp":
            return TEXTS["ISO8601DatetimeString"]
        case "boolean":
            return st.booleans()
    return st.integers(limits.get("min"), limits.get("max"))


def structures(shape: Any, depth: int) -> st.SearchStrategy[Any]:
    if shape.is_tagged_union:
        return st.one_of(
            st.fixed_dictionaries({name: values(member, depth + 1)}) for name, member in shape.members.items()
        )
    members = {name: values(member, depth + 1) for name, member in shape.members.items()}
    required = {name: members.pop(name) for name in shape.required_members}
    return st.fixed_dictionaries(required, optional=members)


def texts(shape: Any) -> st.SearchStrategy[str]:
    limits = shape.metadata
    if shape.name in TEXTS:
        return TEXTS[shape.name]
    if shape.enum:
        return st.sampled_from(shape.enum)
    least, most = limits.get("min", 0), limits.get("max", 64)
    if "pattern" in limits:
        found = st.from_regex(re.compile(limits["pattern"], re.ASCII), fullmatch=True)
        return found.filter(lambda text: least <= len(text) <= most)
    return st.text(min_size=least, max_size=min(most, 64))


@pytest.mark.parametrize("name", ANSWERS)
def test_whatever_the_model_allows_passes(name: str) -> None:
    model = operation(name)

    @RELAXED
    @given(values(model.output_shape))
    def check(body: dict[str, Any]) -> None:
        assert validate_response(name, model.http["responseCode"], body, error_code=None) == []

    check()


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_the_model_allows_pass_here_and_in_botocore(name: str) -> None:
    shape = operation(name).input_shape

    @RELAXED
    @given(values(shape))
    def check(params: dict[str, Any]) -> None:
        assert validate_request(name, params) == []
        assert not ParamValidator().validate(params, shape).has_errors()

    check()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("name", REQUESTS)
def test_what_botocore_refuses_is_refused(name: str) -> None:
    shape = operation(name).input_shape

    @RELAXED
    @given(st.dictionaries(st.sampled_from(sorted(shape.members)), JSON, max_size=4))
    def check(params: dict[str, Any]) -> None:
        refused = ParamValidator().validate(params, shape).has_errors()
        assert not refused or validate_request(name, params)

    check()


def test_every_type_of_the_model_has_its_checks() -> None:
    assert {shape(name).type_name for name in service_model().shape_names} == set(CHECKS_BY_TYPE)
