"""A wave's server rows as XComs: in pieces that an XCom holds well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drs_provider import keys
from drs_provider.airflow_api.run import RunView

ROWS_PER_XCOM = 200


def row_chunks(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return server rows in pieces, by XCom key."""
    return {
        keys.server_rows_key(number): list(rows[at : at + ROWS_PER_XCOM])
        for number, at in enumerate(range(0, len(rows), ROWS_PER_XCOM))
    }


def polled_rows(view: RunView, task_id: str) -> list[dict[str, Any]]:
    """Return the server rows that polls left in pieces; nothing proves them, and what is none is left out."""
    rows: list[dict[str, Any]] = []
    number = 0
    while isinstance(chunk := view.pull(task_id, keys.server_rows_key(number)), list) and chunk:
        rows += (row for row in chunk if isinstance(row, dict) and "sourceServerId" in row)
        number += 1
    return rows
