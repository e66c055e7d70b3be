"""The parts of the documents that are written from the code. ``make docs`` writes them, a test compares them.

A part stands between two marks: ``<!-- options: begin -->`` … ``<!-- options: end -->``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from docs.make import command_line, configuration, iam, probe, timeline
from drs_provider.plan.files.json_schema import schema_text
from drs_provider.preflight import catalog

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"

#: page → name of a part → what makes it
PARTS: dict[str, dict[str, Callable[[], str]]] = {
    "command-line.md": {"exit codes": command_line.codes_section, "help": command_line.help_section},
    "configuration.md": {"options": configuration.table},
    "iam.md": {"rights of steps": iam.step_rights_table},
    "preflight.md": {"findings": catalog.table},
    "timeline.md": {"events": timeline.table},
}


def filled(page: str) -> str:
    """Return a page with its parts made anew.

    :raises ValueError: if marks are missing
    """
    text = (DOCS / page).read_text(encoding="utf-8")
    for name, made in PARTS[page].items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        head, _, rest = text.partition(begin)
        _, mark, tail = rest.partition(end)
        if not mark:
            raise ValueError(f"{page} has no {begin} … {end}")
        text = f"{head}{begin}\n{made()}\n{end}{tail}"
    return text


def write_all() -> None:
    """Write every page, the schema of plan files and the template of the probe."""
    for page in PARTS:
        (DOCS / page).write_text(filled(page), encoding="utf-8")
    probe.TEMPLATE.write_text(probe.template(), encoding="utf-8")
    (REPOSITORY / "schemas" / "recovery-plan.schema.json").write_text(schema_text(), encoding="utf-8")
