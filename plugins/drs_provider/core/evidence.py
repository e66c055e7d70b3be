"""Signed evidence: proof that what a task reads is what this provider wrote, for this very purpose.

Airflow lets whoever may edit a run write XComs and task states. So a sealed value carries an HMAC over
its content, its purpose and its binding (execution, wave, attempt, plan hash); a value that was changed,
or that was moved here from another execution or wave, does not open.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from drs_provider.core.canonical import canonical_json, plain

FROZEN_PLAN = "frozen_plan"
FROZEN_WAVE = "frozen_wave"
START_INTENT = "start_intent"
GATE_DECISION = "gate_decision"
CLAIM = "claim"
OVERRIDES = "overrides"
PREEMPTION = "preemption"
QUOTA_WAIT = "quota_wait"
GATE_ANSWERS = "gate_answers"
PREPARED = "prepared"
RECOVERY_JOBS = "recovery_jobs"
WAVE_RESULT = "wave_result"
CLEANUP_REPORT = "cleanup_report"
INSTANCES_SEEN = "instances_seen"
NOTIFICATIONS = "notifications"
EXECUTION_END = "execution_end"
STEP_RESULT = "step_result"
PURPOSES = frozenset(
    {
        FROZEN_PLAN,
        FROZEN_WAVE,
        START_INTENT,
        GATE_DECISION,
        CLAIM,
        OVERRIDES,
        PREEMPTION,
        QUOTA_WAIT,
        GATE_ANSWERS,
        PREPARED,
        RECOVERY_JOBS,
        WAVE_RESULT,
        CLEANUP_REPORT,
        INSTANCES_SEEN,
        NOTIFICATIONS,
        EXECUTION_END,
        STEP_RESULT,
    }
)

#: Field of readable content in which its signature stands
SIGNATURE = "signature"
MIN_KEY_BYTES = 16
_VERSION = 1
_MEMBERS = frozenset({"version", "purpose", "binding", "payload", "mac"})
_CONTEXT = b"drs-provider evidence\x00"


class TamperedError(ValueError):
    """Sealed evidence does not open.

    :param purpose: what the evidence was for, e.g. ``frozen_plan``
    :param reason: what does not agree
    """

    def __init__(self, purpose: str, reason: str) -> None:
        super().__init__(purpose, reason)
        self.purpose = purpose
        self.reason = reason

    def __str__(self) -> str:
        return f"evidence {self.purpose!r} does not verify: {self.reason}"


def binding(
    execution_id: str, *, wave: int | None = None, attempt: int | None = None, plan_hash: str | None = None
) -> dict[str, Any]:
    """Return what evidence is bound to; None where it holds for every wave or attempt."""
    return {"execution_id": execution_id, "wave": wave, "attempt": attempt, "plan_hash": plan_hash}


def _key_bytes(key: str | bytes) -> bytes:
    raw = key.encode() if isinstance(key, str) else key
    if len(raw) < MIN_KEY_BYTES:
        raise ValueError(f"the signing key must have at least {MIN_KEY_BYTES} bytes")
    return raw


def _mac(body: Mapping[str, Any], key: bytes) -> str:
    return hmac.new(key, _CONTEXT + canonical_json(dict(body)), hashlib.sha256).hexdigest()


def _known(purpose: str) -> str:
    if purpose not in PURPOSES:
        raise ValueError(f"unknown purpose {purpose!r}; one of {', '.join(sorted(PURPOSES))}")
    return purpose


def seal(payload: Any, *, key: str | bytes, purpose: str, binding: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``payload`` with its signature, as plain data.

    :param payload: plain data (tuples become lists)
    :param binding: see :func:`binding`
    :raises ValueError: if the purpose is unknown or the key too short
    :raises TypeError: if the payload is not plain data
    """
    body = {
        "version": _VERSION,
        "purpose": _known(purpose),
        "binding": plain(dict(binding)),
        "payload": plain(payload),
    }
    return {**body, "mac": _mac(body, _key_bytes(key))}


def read_sealed(sealed: Any, *, keys: Sequence[str | bytes], purpose: str) -> tuple[Any, Mapping[str, Any]]:
    """Return payload and binding of a sealed value; whether it is of here is for the caller to see.

    :param keys: the key that signs now, and those that signed before it was rotated
    :raises TamperedError: if it was not sealed with one of these keys, for this purpose
    :raises ValueError: if the purpose is unknown, or a key too short
    """
    _known(purpose)
    raw_keys = [_key_bytes(key) for key in keys]
    if not isinstance(sealed, Mapping) or sealed.keys() != _MEMBERS:
        raise TamperedError(purpose, "it is missing, or is not sealed")
    body = {name: sealed[name] for name in sealed if name != "mac"}
    mac = sealed["mac"]
    try:
        expected = [_mac(body, key) for key in raw_keys]
    except (TypeError, ValueError) as error:
        raise TamperedError(purpose, f"it is not plain data ({error})") from error
    if not isinstance(mac, str) or not any(
        hmac.compare_digest(mac.encode(), one.encode()) for one in expected
    ):
        raise TamperedError(purpose, "the content was changed, or the signing key is another one")
    if body["version"] != _VERSION or body["purpose"] != purpose:
        raise TamperedError(purpose, f"it was sealed as {body['purpose']!r}")
    return body["payload"], body["binding"]


def require_binding(purpose: str, bound_to: Mapping[str, Any], binding: Mapping[str, Any]) -> None:
    """Go on only if a value is bound to what it should be.

    :raises TamperedError: naming what differs
    """
    wanted = plain(dict(binding))
    if bound_to != wanted:
        names = wanted.keys() | bound_to.keys()
        differing = sorted(name for name in names if wanted.get(name) != bound_to.get(name))
        raise TamperedError(purpose, f"it belongs to another {', '.join(differing) or 'binding'}")


def peek(stored: Any) -> dict[str, Any]:
    """Return the content of a signed value **without proving it**; empty if it has none.

    For who shows it, or copies it, and has no key: nothing may rest on it.
    """
    if not isinstance(stored, Mapping):
        return {}
    content = stored.get("payload") if "mac" in stored or "payload" in stored else stored
    return (
        {name: value for name, value in content.items() if name != SIGNATURE}
        if isinstance(content, Mapping)
        else {}
    )


def fingerprint(key: str | bytes) -> str:
    """Return what tells a signing key from another one, and not what the key is.

    :raises ValueError: if the key is too short
    """
    return hmac.new(_key_bytes(key), _CONTEXT + b"fingerprint", hashlib.sha256).hexdigest()[:16]
