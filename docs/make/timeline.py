"""The events of timeline.md."""

from __future__ import annotations

from drs_provider.core.events import Event


def table() -> str:
    """Return the events as a Markdown table."""
    rows = [f"| `{event.value}` | {event.meaning} |" for event in Event]
    return "\n".join(["| event | meaning and facts |", "|---|---|", *rows])
