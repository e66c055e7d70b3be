"""Pagination with opaque tokens that survive insertions: a token names the last item sent."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from drs_simulator.engine.errors import invalid

Item = TypeVar("Item")


def page(
    items: Sequence[Item],
    sort_key: Callable[[Item], Any],
    params: dict[str, Any],
    *,
    default_size: int,
    name: str = "items",
) -> tuple[list[Item], str | None]:
    """The page that ``maxResults`` and ``nextToken`` ask for, and the next token or None.

    ``items`` must be sorted ascending by ``sort_key``, whose values JSON can carry.
    ValidationException for a token that this list did not give.
    """
    size = min(int(params.get("maxResults") or default_size), 1000)
    start = 0
    token = params.get("nextToken")
    if token:
        last = _decode(token, name)
        start = next((i for i, item in enumerate(items) if sort_key(item) > last), len(items))
    chosen = list(items[start : start + size])
    if start + size >= len(items):
        return chosen, None
    return chosen, _encode(sort_key(chosen[-1]), name)


def answer(key: str, items: list[Any], token: str | None) -> dict[str, Any]:
    """A response body with its items and, if there is one, the next token."""
    body: dict[str, Any] = {key: items}
    if token:
        body["nextToken"] = token
    return body


def _encode(last: Any, name: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([name, last]).encode()).decode()


def _decode(token: str, name: str) -> Any:
    try:
        owner, last = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, binascii.Error, TypeError) as error:
        raise invalid("Invalid nextToken", ("nextToken", "not a token of this service")) from error
    if owner != name:
        raise invalid("Invalid nextToken", ("nextToken", "token of another list"))
    return last
