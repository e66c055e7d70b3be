"""What a drill's cleanup told: signed, because the end of the attempt and later attempts rest on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drs_provider import keys
from drs_provider.core.evidence import CLEANUP_REPORT
from drs_provider.runtime.channels.signed import signed, verified
from drs_provider.runtime.execution import Execution

#: ``action`` of a cleanup that proved that nothing of the drill is left
TERMINATED = "terminated"


def tell_cleanup(execution: Execution, report: Mapping[str, Any]) -> None:
    """Let `finalize`, and later attempts, know what the running cleanup came to."""
    content = {**report, "attempt": execution.attempt}
    execution.view.push(keys.CLEANUP, signed(execution, content, CLEANUP_REPORT, 0))


def told_cleanup(execution: Execution) -> dict[str, Any] | None:
    """Return what the cleanup told when it last ran, in this attempt or one before, or None.

    :raises EvidenceError: if it was changed since
    """
    stored = execution.view.pull(keys.CLEANUP_DRILL, keys.CLEANUP)
    return None if stored is None else verified(execution, stored, CLEANUP_REPORT, 0)
