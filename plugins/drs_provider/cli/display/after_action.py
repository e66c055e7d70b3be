"""The after-action timeline as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drs_provider.core.times import format_time
from drs_provider.evidence.after_action import Moment, session_of
from drs_provider.runtime.plain_markdown import plain_markdown


def after_action_page(record: Mapping[str, Any], moments: Sequence[Moment]) -> str:
    """Return the timeline as Markdown."""
    name = plain_markdown(str(record.get("planName") or record["planId"]))
    about = (
        f"Execution `{record['executionId']}`, status {record['status']}. CloudTrail has the calls to AWS under the "
        f"role session `{session_of(record)}`. What people did in Airflow itself (clears, marks, pauses) is in its "
        "audit log, which was not read for this page."
    )
    lines = [
        f"# {record['executionType']} of {name}: what happened",
        "",
        about,
        "",
        "| time (UTC) | by | who | what |",
        "|---|---|---|---|",
    ]
    rows = [
        (format_time(each.at), each.by, plain_markdown(each.who), plain_markdown(each.what))
        for each in moments
    ]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"
