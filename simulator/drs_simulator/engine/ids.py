"""Identifiers in the forms of the service model; all drawn from a seeded generator or a digest."""

from __future__ import annotations

import hashlib
import random
from uuid import UUID

LENGTH = 17


def digest_id(prefix: str, *parts: object) -> str:
    """A stable id: the same parts always give the same one."""
    text = "/".join(str(part) for part in parts)
    return prefix + hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def digest_uuid(*parts: object) -> str:
    """A stable UUID of the parts."""
    text = "/".join(str(part) for part in parts)
    return str(UUID(hashlib.sha256(text.encode()).hexdigest()[:32]))


def random_id(prefix: str, rng: random.Random) -> str:
    """A new id from ``rng``."""
    return prefix + "".join(rng.choices("0123456789abcdef", k=LENGTH))
