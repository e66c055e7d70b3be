"""The findings of doctor.md."""

from __future__ import annotations

from drs_provider.rules.doctor import KINDS


def table() -> str:
    """Return the kinds of findings as a Markdown table."""
    rows = [f"| `{code}` | {severity} | {meaning} |" for code, (severity, meaning) in KINDS.items()]
    return "\n".join(["| finding | severity | means |", "|---|---|---|", *rows])
