"""The chain's links: documents that each name evidence by its hash, and the link before by its own.

A link is the file ``chain/<number>.json`` below ``[drs] reports_path``. Numbers begin with 1 and leave none out, so a
link that is missing shows; each holds the SHA-256 of the file before it, so a link that was replaced shows, too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from drs_provider.core.canonical import canonical_json

LINK_VERSION = 1
FOLDER = "chain"
SIGNATURE = "signature"
_EVIDENCE = re.compile(r"[^/]+/[^/]+/(report-[0-9.]+\.(json|html)|statement-[0-9]+\.json)")
_NAME = re.compile(r"([1-9][0-9]*)\.json")

REPORT = "report"
FINDING = "finding"
FINDING_CLOSED = "finding_closed"
SIGN_OFF = "sign_off"
NOTE = "note"
#: What people state about an execution; each is a document of its own.
STATEMENTS = (FINDING, FINDING_CLOSED, SIGN_OFF, NOTE)


@dataclass(frozen=True)
class Entry:
    """What a link adds to the chain.

    :param kind: ``report`` or a statement's kind
    :param documents: path below the store → SHA-256 of the file
    :param facts: what an index of the chain needs of them, see :func:`drs_provider.evidence.facts.report_facts`
    """

    kind: str
    plan_id: str
    execution_id: str
    documents: Mapping[str, str]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return it as a link spells it."""
        return {
            "kind": self.kind,
            "planId": self.plan_id,
            "executionId": self.execution_id,
            "documents": dict(self.documents),
            "facts": dict(self.facts),
        }


@dataclass(frozen=True)
class Head:
    """The newest link: number and SHA-256 of its file. Number 0: there is none yet."""

    number: int = 0
    sha256: str | None = None


def link_path(number: int) -> str:
    """Return where a link is."""
    return f"{FOLDER}/{number}.json"


def number_of(name: str) -> int | None:
    """Return the number of a link by its file's name; None if it is no link's name."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else None


def unsigned_link(entry: Entry, before: Head, written_at: float) -> dict[str, Any]:
    """Return the link that follows another one, without a signature.

    :param written_at: epoch seconds
    """
    return {
        "linkVersion": LINK_VERSION,
        "number": before.number + 1,
        "previousSha256": before.sha256,
        "writtenAt": written_at,
        **entry.to_dict(),
    }


def signed_content(link: Mapping[str, Any]) -> bytes:
    """Return what a link's signature is over: its canonical JSON without the signature."""
    return canonical_json({name: value for name, value in link.items() if name != SIGNATURE})


def link_bytes(link: Mapping[str, Any]) -> bytes:
    """Return a link as a file's content."""
    return (json.dumps(link, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def sha256_of(content: bytes) -> str:
    """Return the SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()


def is_evidence(path: str) -> bool:
    """Tell whether a file of the store belongs into the chain: a report or a statement."""
    return _EVIDENCE.fullmatch(path) is not None
