from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from drs_provider.core.account import AwsTarget
from drs_provider.core.canonical import canonical_json, content_hash
from drs_provider.rules.execution.frozen import FrozenGate, FrozenPlan, FrozenWave
from tests.rules.rule_builders import header, wave

plain_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=12,
)


def through_json(model: FrozenWave | FrozenPlan) -> dict:
    return json.loads(json.dumps(model.model_dump(mode="json")))


REMOTE = AwsTarget("branch", "aws_dr", "222233334444", "eu-central-1", role="DRSOrchestrationRole")


@pytest.mark.parametrize("target", [wave().target, REMOTE])
def test_a_wave_survives_an_xcom(target):
    original = wave(2, ("s-1", "s-2"), target=target, depends_on=(1,), min_launched=1)
    restored = FrozenWave.model_validate(through_json(original))
    assert restored == original
    assert isinstance(restored.target, AwsTarget)


def test_a_header_survives_an_xcom():
    original = header(execution_type="RECOVERY", incident_time=1_759_999_999.5, overrides=({"what": "x"},))
    restored = FrozenPlan.model_validate(through_json(original))
    assert restored == original
    assert not restored.is_drill


def test_trap_13_frozen_models_cannot_be_changed():
    frozen = wave(depends_on=(1,))
    with pytest.raises(ValidationError, match="frozen"):
        frozen.name = "other"
    assert isinstance(frozen.servers, tuple)
    assert isinstance(frozen.depends_on, tuple)


@pytest.mark.parametrize(
    ("path", "value"),
    [("extra", 1), ("target", {"name": "main"}), ("number", 0), ("min_launched", 2), ("timeout_seconds", 0)],
)
def test_a_wave_that_is_not_whole_is_refused(path, value):
    data = through_json(wave())
    data[path] = value
    with pytest.raises(ValidationError, match=path):
        FrozenWave.model_validate(data)


def test_trap_01_an_account_context_with_unknown_or_missing_parts_is_refused():
    data = through_json(wave())
    data["target"]["profile"] = "default"
    with pytest.raises(ValidationError, match="profile"):
        FrozenWave.model_validate(data)
    data = through_json(wave())
    data["target"]["account_id"] = None
    with pytest.raises(ValidationError, match="account_id"):
        FrozenWave.model_validate(data)


def test_a_server_twice_in_a_wave_is_refused():
    with pytest.raises(ValidationError, match="listed twice"):
        wave(servers=("s-1", "s-1"))


def test_gate_values_are_closed_sets():
    with pytest.raises(ValidationError, match="on_timeout"):
        FrozenGate(timeout_seconds=60, on_timeout="skip")
    with pytest.raises(ValidationError, match="people"):
        FrozenGate(timeout_seconds=60, people=3)


def test_selected_waves_are_sorted_and_without_those_left_out():
    refs = (
        {"number": 3, "name": "c"},
        {"number": 1, "name": "a"},
        {"number": 2, "name": "b", "selected": False},
    )
    assert [ref.number for ref in header(waves=refs).selected_waves] == [1, 3]


@settings(deadline=None)
@given(plain_data)
def test_canonical_json_is_stable_through_json(value):
    assert canonical_json(json.loads(canonical_json(value))) == canonical_json(value)


def test_canonical_json_sorts_numeric_keys_as_text():
    assert canonical_json({10: "a", 2: "b"}) == canonical_json({"10": "a", "2": "b"})
    assert content_hash((1, 2)) == content_hash([1, 2])


@pytest.mark.parametrize(
    ("value", "error", "said"),
    [(float("nan"), ValueError, "not JSON compliant"), ({1, 2}, TypeError, "set is not JSON serializable")],
)
def test_canonical_json_refuses_what_json_cannot_carry(value, error, said):
    with pytest.raises(error, match=said):
        canonical_json(value)
