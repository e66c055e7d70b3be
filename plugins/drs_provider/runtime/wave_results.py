"""A wave's result as an XCom: the wave's record fields, its server rows in pieces if there are many."""

from __future__ import annotations

from typing import Any

from drs_provider import keys
from drs_provider.runtime.run import RunView

ROWS_PER_XCOM = 200
#: What a result says beside the wave's record fields, for gates and messages.
SUMMARY_FIELDS = ("serversTotal", "serversRecovered", "failedServers", "skippedByDecision", "rowChunks")


def push_result(view: RunView, result: dict[str, Any]) -> None:
    """Write the running task's wave result."""
    rows = result.get("serverStatuses", [])
    if len(rows) <= ROWS_PER_XCOM:
        view.push(keys.WAVE_RESULT, result)
        return
    chunks = [rows[at : at + ROWS_PER_XCOM] for at in range(0, len(rows), ROWS_PER_XCOM)]
    for number, chunk in enumerate(chunks):
        view.push(keys.server_rows_key(number), chunk)
    head = {name: value for name, value in result.items() if name != "serverStatuses"}
    view.push(keys.WAVE_RESULT, {**head, "rowChunks": len(chunks)})


def pull_result(view: RunView, wave_number: int, wave_name: str) -> dict[str, Any] | None:
    """Return a wave's result, whichever of its tasks wrote it, or None."""
    for task in (keys.ENRICH, keys.START_RECOVERY):
        task_id = keys.wave_task_id(wave_number, wave_name, task)
        result = view.pull(task_id, keys.WAVE_RESULT)
        if result:
            if chunks := result.get("rowChunks"):
                pieces = [view.pull(task_id, keys.server_rows_key(number)) or [] for number in range(chunks)]
                result = {**result, "serverStatuses": [row for piece in pieces for row in piece]}
            return dict(result)
    return None


def record_fields(result: dict[str, Any]) -> dict[str, Any]:
    """Return what of a result belongs into the wave's record."""
    return {name: value for name, value in result.items() if name not in SUMMARY_FIELDS}
