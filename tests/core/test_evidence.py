from __future__ import annotations

import copy
import hashlib
import hmac
import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drs_provider.core.evidence import (
    CLAIM,
    CLEANUP_REPORT,
    EXECUTION_END,
    FROZEN_PLAN,
    FROZEN_WAVE,
    GATE_ANSWERS,
    GATE_DECISION,
    INSTANCES_SEEN,
    NOTIFICATIONS,
    OVERRIDES,
    PREEMPTION,
    PREPARED,
    PURPOSES,
    QUOTA_WAIT,
    RECOVERY_JOBS,
    START_INTENT,
    STEP_RESULT,
    WAVE_RESULT,
    TamperedError,
    binding,
    read_sealed,
    require_binding,
    seal,
)

KEY = "a key of thirty-two characters.."
BOUND = binding("e-1", wave=2, attempt=1, plan_hash="ab" * 32)
PAYLOAD = {"decision": "approve", "by": ["user-1"], "at": 1.5}

plain_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=12,
)


def sealed(payload=PAYLOAD, purpose=GATE_DECISION):
    return seal(payload, key=KEY, purpose=purpose, binding=BOUND)


def opened(value, *, key=KEY, purpose=GATE_DECISION, bound=BOUND):
    payload, bound_to = read_sealed(value, keys=[key], purpose=purpose)
    require_binding(purpose, bound_to, bound)
    return payload


@settings(deadline=None)
@given(plain_data)
def test_what_is_sealed_opens_after_an_xcom(payload):
    assert opened(json.loads(json.dumps(sealed(payload)))) == payload


def test_odd_but_plain_payloads_open_as_json_brings_them_back():
    assert opened(json.loads(json.dumps(sealed({10: (1, 2), 2: "x"})))) == {"10": [1, 2], "2": "x"}


@settings(deadline=None)
@given(plain_data, plain_data)
def test_trap_37_changed_content_does_not_open(payload, other):
    value = sealed(payload)
    value["payload"] = other
    if json.dumps(other, sort_keys=True) == json.dumps(payload, sort_keys=True):
        assert opened(value) == payload
    else:
        with pytest.raises(TamperedError, match="changed"):
            opened(value)


@pytest.mark.parametrize("member", ["version", "purpose", "binding", "mac"])
def test_trap_37_no_member_can_be_changed(member):
    value = sealed()
    value[member] = {"version": 2, "purpose": START_INTENT, "binding": {}, "mac": "00" * 32}[member]
    with pytest.raises(TamperedError, match="changed"):
        opened(value)


@pytest.mark.parametrize("member", ["version", "purpose", "binding", "payload", "mac"])
def test_trap_37_no_member_can_be_left_out(member):
    value = sealed()
    del value[member]
    with pytest.raises(TamperedError, match="not sealed"):
        opened(value)


@pytest.mark.parametrize("value", [None, "approve", [], {}, {**sealed(), "note": "x"}])
def test_trap_37_unsealed_values_do_not_open(value):
    with pytest.raises(TamperedError, match="not sealed"):
        opened(value)


@pytest.mark.parametrize("mac", [None, 5, "ü", ""])
def test_trap_37_a_mac_of_any_kind_is_only_compared(mac):
    with pytest.raises(TamperedError, match="changed"):
        opened({**sealed(), "mac": mac})


@pytest.mark.parametrize("payload", [float("nan"), {1, 2}])
def test_trap_37_content_that_no_json_carries_does_not_open(payload):
    with pytest.raises(TamperedError, match="plain data"):
        opened({**sealed(), "payload": payload})


@pytest.mark.parametrize(
    ("bound", "names"),
    [
        (binding("e-2", wave=2, attempt=1, plan_hash="ab" * 32), "execution_id"),
        (binding("e-1", wave=3, attempt=1, plan_hash="ab" * 32), "wave"),
        (binding("e-1", wave=2, attempt=2, plan_hash="ab" * 32), "attempt"),
        (binding("e-1", wave=2, attempt=1, plan_hash="cd" * 32), "plan_hash"),
        (binding("e-1"), "attempt, plan_hash, wave"),
    ],
)
def test_trap_37_evidence_of_another_place_is_named(bound, names):
    with pytest.raises(TamperedError, match=f"belongs to another {names}$"):
        opened(sealed(), bound=bound)


def test_trap_37_evidence_for_another_purpose_is_named():
    with pytest.raises(TamperedError, match="sealed as 'gate_decision'"):
        opened(sealed(), purpose=FROZEN_WAVE)


def test_another_key_does_not_open():
    with pytest.raises(TamperedError, match="key is another one"):
        opened(sealed(), key=KEY[::-1])


def test_every_key_of_the_list_verifies_and_no_other():
    value = sealed()
    for keys in ([KEY], [KEY[::-1], KEY], [KEY, KEY[::-1]]):
        assert read_sealed(value, keys=keys, purpose=GATE_DECISION) == (PAYLOAD, BOUND)
    for keys in ([], [KEY[::-1]], [KEY[::-1], KEY.upper()]):
        with pytest.raises(TamperedError, match="key is another one"):
            read_sealed(value, keys=keys, purpose=GATE_DECISION)


def test_the_signature_is_hmac_sha256_of_the_whole_body():
    value = sealed()
    body = json.dumps(
        {name: value[name] for name in value if name != "mac"}, sort_keys=True, separators=(",", ":")
    )
    message = b"drs-provider evidence\x00" + body.encode()
    assert value["mac"] == hmac.new(KEY.encode(), message, hashlib.sha256).hexdigest()


def test_the_key_may_be_text_or_bytes():
    assert opened(sealed(), key=KEY.encode()) == PAYLOAD


def test_a_short_key_is_refused():
    with pytest.raises(ValueError, match="at least 16 bytes") as caught:
        seal(PAYLOAD, key="secret", purpose=FROZEN_PLAN, binding=BOUND)
    assert not isinstance(caught.value, TamperedError)
    with pytest.raises(ValueError, match="at least 16 bytes") as caught:
        opened(sealed(), key="")
    assert not isinstance(caught.value, TamperedError)


def test_purposes_are_a_closed_set():
    assert {
        FROZEN_PLAN,
        FROZEN_WAVE,
        START_INTENT,
        GATE_DECISION,
        CLAIM,
        PREEMPTION,
        QUOTA_WAIT,
        GATE_ANSWERS,
        PREPARED,
        RECOVERY_JOBS,
        WAVE_RESULT,
        CLEANUP_REPORT,
        NOTIFICATIONS,
        EXECUTION_END,
        INSTANCES_SEEN,
        OVERRIDES,
        STEP_RESULT,
    } == PURPOSES
    with pytest.raises(ValueError, match="unknown purpose"):
        seal(PAYLOAD, key=KEY, purpose="note", binding=BOUND)


def test_sealing_takes_a_copy():
    payload = copy.deepcopy(PAYLOAD)
    value = sealed(payload)
    payload["by"].append("user-2")
    assert opened(value) == PAYLOAD


def test_a_payload_that_is_not_plain_is_refused():
    with pytest.raises(TypeError, match="set is not JSON serializable"):
        sealed({"servers": {1, 2}})


def test_the_error_names_what_was_touched_and_survives_pickling():
    error = pickle.loads(pickle.dumps(TamperedError("frozen_plan", "the content was changed")))
    assert (error.purpose, error.reason) == ("frozen_plan", "the content was changed")
    assert str(error) == "evidence 'frozen_plan' does not verify: the content was changed"
