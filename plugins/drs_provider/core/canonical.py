"""Canonical JSON: one byte form of plain data, for content hashes and signatures; and its fields' names."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def plain(value: Any) -> Any:
    """Return ``value`` as JSON would bring it back (tuples as lists, keys as text).

    :raises TypeError: if the value holds something that JSON cannot carry
    :raises ValueError: if it holds NaN or an infinity
    """
    return json.loads(json.dumps(value, allow_nan=False))


def canonical_json(value: Any) -> bytes:
    """Return the UTF-8 JSON of ``value`` with sorted keys and no blanks.

    The value goes through JSON first, because keys that are not text sort differently before and after
    a round trip.

    :raises TypeError: if the value holds something that JSON cannot carry
    :raises ValueError: if it holds NaN or an infinity
    """
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return text.encode("ascii")


def content_hash(value: Any) -> str:
    """Return the SHA-256 (64 hex digits) of the canonical JSON of ``value``."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def camel_case(name: str) -> str:
    """Return a field's name as records and reports spell it: ``plan_name`` as ``planName``."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
