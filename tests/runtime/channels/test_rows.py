from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from drs_provider import keys
from drs_provider.runtime.channels.rows import ROWS_PER_XCOM, polled_rows, row_chunks


def view(xcoms: dict[str, Any]) -> Any:
    return SimpleNamespace(pull=lambda task_id, key: xcoms.get(key))


def test_rows_come_back_from_their_pieces() -> None:
    rows = [{"sourceServerId": f"s-{number}"} for number in range(2 * ROWS_PER_XCOM + 1)]
    assert polled_rows(view(dict(row_chunks(rows))), "wait") == rows


@pytest.mark.parametrize("chunk", ["text", {"a": 1}, 7, [None, "s-1", {"launchStatus": "LAUNCHED"}]])
def test_what_is_no_row_is_left_out(chunk: Any) -> None:
    assert polled_rows(view({keys.server_rows_key(0): chunk}), "wait") == []
