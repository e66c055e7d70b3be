"""Every field of a source is carried or reported."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drs_provider.plan_import import Outcome
from tests.plan_import.exports import EXPORT, export, imported

UNKNOWN = "zzUnknown"


def records(data: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every record of an export, tags left out: they are data, not fields."""
    if isinstance(data, list):
        for position, item in enumerate(data):
            yield from records(item, f"{path}[{position}]")
    elif isinstance(data, dict):
        yield path, data
        for name, value in data.items():
            if name != "serverSelectionTags":
                yield from records(value, f"{path}.{name}" if path else name)


PLACES = [path for path, _ in records(EXPORT)]
VALUES = st.recursive(
    st.text(min_size=1, max_size=8) | st.integers() | st.booleans(),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, min_size=1, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(place=st.sampled_from(PLACES), value=VALUES)
def test_an_unknown_field_anywhere_is_reported(place, value):
    data = export()
    dict(records(data))[place][UNKNOWN] = value
    reported = [entry.path for entry in imported(data).report.entries if UNKNOWN in entry.path]
    assert reported
    assert all(path.startswith(f"{place}.{UNKNOWN}" if place else UNKNOWN) for path in reported)


def leaves(data: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield all fields that hold plain values, or lists of them."""
    for name, value in data.items():
        place = f"{path}.{name}" if path else name
        if isinstance(value, dict) and name != "serverSelectionTags":
            yield from leaves(value, place)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for position, item in enumerate(value):
                yield from leaves(item, f"{place}[{position}]")
        else:
            yield place, name


@pytest.mark.parametrize("place", [place for place, _ in leaves(EXPORT, "")])
def test_every_known_field_has_an_effect(place):
    """Without it the import is another one, or the field was reported."""
    without = copy.deepcopy(EXPORT)
    holder: Any = without
    *way, last = place.replace("[", ".").replace("]", "").split(".")
    for step in way:
        holder = holder[int(step)] if step.isdigit() else holder[step]
    del holder[last]
    complete, lesser = imported(EXPORT), imported(without)
    reported = {entry.path for entry in complete.report.entries}
    # Saying that there is no pause, the order that holds anyway, or an account that the role's ARN names as
    # well, changes nothing.
    idle = (
        last in ("pauseBeforeWave", "dependsOnWaves", "waveNumber") or place == "targetAccounts[0].accountId"
    )
    assert (
        complete.to_dict() != lesser.to_dict() or complete.files != lesser.files or place in reported or idle
    )


def test_launch_settings_are_reported_field_by_field():
    data = export()
    data["protectionGroups"][0]["launchConfig"] = {"subnetId": "subnet-1", "licensing": {"osByol": False}}
    entries = {entry.path: entry.value for entry in imported(data).report.of(Outcome.DROPPED)}
    assert entries["protectionGroups[0].launchConfig.subnetId"] == "subnet-1"
    assert entries["protectionGroups[0].launchConfig.licensing.osByol"] == "false"


def test_a_second_spelling_that_says_something_else_is_reported():
    data = export()
    data["protectionGroups"][0]["Region"] = "us-east-1"
    entries = {entry.path: entry for entry in imported(data).report.entries}
    assert entries["protectionGroups[0].Region"].value == "us-east-1"


def test_a_cut_off_scan_is_told():
    data = export(LastEvaluatedKey={"planId": {"S": "x"}})
    (entry,) = imported(data).report.of(Outcome.DECIDE)
    assert "not complete" in entry.why


def test_executions_and_other_things_are_told():
    data = [*export()["recoveryPlans"], {"executionId": "e-1", "planId": "5f2c"}, 7, {"colour": "red"}]
    paths = {entry.path for entry in imported(data, export(recoveryPlans=[])).report.entries}
    assert {"[1]", "[2]", "[3].colour"} <= paths
