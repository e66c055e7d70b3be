"""A wave's result as an XCom: the wave's record fields, its server rows in pieces if there are many.

Signed, because the waves behind it, the gates and the end of the attempt rest on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from drs_provider import keys
from drs_provider.airflow_api.run import RunView
from drs_provider.core.canonical import content_hash, plain
from drs_provider.core.evidence import WAVE_RESULT
from drs_provider.runtime.channels.signed import changed, signed, verified

if TYPE_CHECKING:
    from drs_provider.runtime.execution import Execution

ROWS_PER_XCOM = 200


def row_chunks(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return server rows in pieces that an XCom holds well, by XCom key."""
    return {
        keys.server_rows_key(number): list(rows[at : at + ROWS_PER_XCOM])
        for number, at in enumerate(range(0, len(rows), ROWS_PER_XCOM))
    }


def pull_rows(view: RunView, task_id: str) -> list[dict[str, Any]]:
    """Return the server rows that a task wrote in pieces; nothing proves them."""
    rows: list[dict[str, Any]] = []
    number = 0
    while chunk := view.pull(task_id, keys.server_rows_key(number)):
        rows += chunk
        number += 1
    return rows


def push_result(execution: Execution, result: Mapping[str, Any]) -> None:
    """Write the running task's wave result, signed; rows that are many travel apart, known by their hashes."""
    content: dict[str, Any] = dict(result)
    rows = content.get("serverStatuses", [])
    if len(rows) > ROWS_PER_XCOM:
        del content["serverStatuses"]
        content["rowsApart"] = []
        for key, chunk in row_chunks(rows).items():
            execution.view.push(key, plain(chunk))
            content["rowsApart"].append(content_hash(chunk))
    execution.view.push(keys.WAVE_RESULT, signed(execution, content, WAVE_RESULT, result["waveNumber"]))


def pull_result(execution: Execution, wave_number: int, task_id: str) -> dict[str, Any] | None:
    """Return the wave result that a task wrote, or None.

    :raises EvidenceError: if it was changed since
    """
    stored = execution.view.pull(task_id, keys.WAVE_RESULT)
    if stored is None:
        return None
    result = verified(execution, stored, WAVE_RESULT, wave_number)
    if "rowsApart" in result:
        result["serverStatuses"] = _rows_apart(execution.view, task_id, result["rowsApart"])
    return result


def _rows_apart(view: RunView, task_id: str, hashes: Sequence[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number, expected in enumerate(hashes):
        chunk = view.pull(task_id, keys.server_rows_key(number))
        if chunk is None or content_hash(chunk) != expected:
            raise changed(keys.server_rows_key(number))
        rows += chunk
    return rows
