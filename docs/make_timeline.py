"""Writes the table of docs/timeline.md from the events in the code."""

from __future__ import annotations

import re
import sys
from pathlib import Path

PAGE = Path(__file__).with_name("timeline.md")
START, END = "<!-- events -->", "<!-- end of events -->"


def page(text: str) -> str:
    """Return the page with the table of all events."""
    sys.path.insert(0, str(PAGE.parent.parent / "plugins"))
    from drs_provider.plan.events import Event

    rows = "\n".join(f"| `{event.value}` | {event.meaning} |" for event in Event)
    table = f"{START}\n| event | meaning and facts |\n|---|---|\n{rows}\n{END}"
    return re.sub(f"{re.escape(START)}.*{re.escape(END)}", lambda _: table, text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
