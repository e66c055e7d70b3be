"""Values that stay readable for everybody, with a signature beside their content.

For XComs and task states that pages and people read, and that decisions rest on: whoever may edit a run may write them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from drs_provider.core.canonical import content_hash, plain
from drs_provider.exceptions import EvidenceError

if TYPE_CHECKING:
    from drs_provider.runtime.execution import Execution

SIGNATURE = "signature"


def signed(
    execution: Execution, content: Mapping[str, Any], purpose: str, wave_number: int
) -> dict[str, Any]:
    """Return content with its signature, bound to the execution and one of its waves (0: none)."""
    body: dict[str, Any] = plain(dict(content))
    return {**body, SIGNATURE: execution.seal({"digest": content_hash(body)}, purpose, wave_number)}


def verified(execution: Execution, stored: Any, purpose: str, wave_number: int) -> dict[str, Any]:
    """Return the content of a signed value.

    :raises EvidenceError: if it was changed, is not signed, or belongs to another execution or wave
    """
    fields = dict(stored) if isinstance(stored, Mapping) else {}
    seal = fields.pop(SIGNATURE, None)
    payload = execution.unseal(seal, purpose, wave_number)
    if payload != {"digest": content_hash(fields)}:
        raise changed(purpose)
    return fields


def changed(purpose: str) -> EvidenceError:
    """Return the error for content that does not agree with its signature."""
    return EvidenceError(
        f"evidence {purpose!r} does not verify: its content was changed. Nothing rests on evidence that does not "
        "verify."
    )


def mark(stored: Any) -> str | None:
    """Return what tells one signed or sealed value from another one of its kind, or None if there is none."""
    seal = stored.get(SIGNATURE, stored) if isinstance(stored, Mapping) else None
    return str(seal["mac"]) if isinstance(seal, Mapping) and "mac" in seal else None
