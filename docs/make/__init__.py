"""The parts of the documents that are written from the code. ``make docs`` writes them, a test compares them.

A part stands between two marks: ``<!-- options: begin -->`` … ``<!-- options: end -->``, in a template
``# table: begin`` … ``# table: end``, and is indented as they are.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from functools import partial
from pathlib import Path

from docs.make import command_line, configuration, doctor, policies, probe, templates, timeline
from drs_provider.plan.files.json_schema import schema_text
from drs_provider.preflight import catalog

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"

#: file → name of a part → what makes it; pages come after the templates that they show
PARTS: dict[str, dict[str, Callable[[], str]]] = {
    "infrastructure/hub.yaml": {"table": templates.table, "airflow policy": templates.airflow_policy},
    "infrastructure/recovery-account.yaml": {
        "step parameters": templates.step_parameters,
        "step conditions": templates.step_conditions,
        "recovery policy": templates.recovery_policy,
        "step policies": templates.step_policies,
    },
    "docs/command-line.md": {"exit codes": command_line.codes_section, "help": command_line.help_section},
    "docs/configuration.md": {"options": configuration.table},
    "docs/iam.md": {
        "recovery policy": policies.recovery_policy,
        "rights of steps": policies.step_table,
        "airflow policy": policies.airflow_policy,
    },
    "docs/infrastructure.md": {
        "hub": partial(templates.parameters, "hub.yaml"),
        "recovery account": partial(templates.parameters, "recovery-account.yaml"),
    },
    "docs/doctor.md": {"findings": doctor.table},
    "docs/preflight.md": {"findings": catalog.table},
    "docs/timeline.md": {"events": timeline.table},
}


def filled(file: str) -> str:
    """Return a file with its parts made anew.

    :raises ValueError: if marks are missing
    """
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    mark = "# {}" if file.endswith(".yaml") else "<!-- {} -->"
    for name, made in PARTS[file].items():
        begin, end = (re.escape(mark.format(f"{name}: {word}")) for word in ("begin", "end"))
        found = re.search(rf"(?ms)^( *){begin}\n(.*?)^ *{end}$", text)
        if not found:
            raise ValueError(f"{file} has no part {name!r} between its marks")
        part = textwrap.indent(made(), found[1])
        text = text[: found.start(2)] + (f"{part}\n" if part else "") + text[found.end(2) :]
    return text


def write_all() -> None:
    """Write every page, the templates, and the schema of plan files."""
    for file in PARTS:
        (REPOSITORY / file).write_text(filled(file), encoding="utf-8")
    probe.TEMPLATE.write_text(probe.template(), encoding="utf-8")
    (REPOSITORY / "schemas" / "recovery-plan.schema.json").write_text(schema_text(), encoding="utf-8")
