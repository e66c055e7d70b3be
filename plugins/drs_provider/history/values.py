"""Records as DynamoDB values and back: numbers, sizes, and what makes a value fit into an item."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()

# DynamoDB counts a byte for every two digits of a number, and never more than this.
_NUMBER_BYTES = 21
_CONTAINER_BYTES = 3
_CUT = "… [cut]"


def to_plain(value: Any) -> Any:
    """Return a value whose numbers DynamoDB takes: floats as Decimal, tuples as lists, no None in maps.

    :raises ValueError: if a number is NaN or infinite
    """
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} cannot be stored")
        # Whole numbers come back as int: written as such, an item that was read is put back as it was.
        return Decimal(int(value) if value.is_integer() and abs(value) < 10**15 else repr(value))
    if isinstance(value, Mapping):
        return {str(name): to_plain(item) for name, item in value.items() if item is not None}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_plain(item) for item in value]
    return value


def to_value(value: Any) -> dict[str, Any]:
    """Return a DynamoDB attribute value.

    :raises TypeError: if the value is no plain data
    :raises ValueError: if a number is NaN or infinite
    """
    return dict(_serializer.serialize(to_plain(value)))


def to_item(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a DynamoDB item; see :func:`to_value`."""
    return dict(to_value(record)["M"])


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _from_plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, dict):
        return {name: _from_plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_from_plain(item) for item in value]
    return value


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain data of a DynamoDB item: whole numbers as int, others as float."""
    plain = {name: _deserializer.deserialize(value) for name, value in item.items()}
    return {name: _from_plain(value) for name, value in plain.items()}


def size_of(value: Any) -> int:
    """Return an upper bound of the bytes that DynamoDB counts for a value."""
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, bool) or value is None:
        return 1
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # the form in which it is read again
    if isinstance(value, (int, float, Decimal)):
        return min(_NUMBER_BYTES, 3 + len(str(value)) // 2)
    if isinstance(value, Mapping):
        return _CONTAINER_BYTES + sum(1 + size_of(str(name)) + size_of(item) for name, item in value.items())
    return _CONTAINER_BYTES + sum(1 + size_of(item) for item in value)


def cut_text(text: str, limit: int) -> str:
    """Return the text, cut to ``limit`` bytes of UTF-8 if it is longer."""
    raw = text.encode()
    if len(raw) <= limit:
        return text
    return raw[: max(0, limit - len(_CUT.encode()))].decode(errors="ignore") + _CUT


def cut_texts(value: Any, limit: int) -> Any:
    """Return the value with every text in it cut to ``limit`` bytes."""
    if isinstance(value, str):
        return cut_text(value, limit)
    if isinstance(value, Mapping):
        return {name: cut_texts(item, limit) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [cut_texts(item, limit) for item in value]
    return value


def fit(value: Any, limit: int, *, text_limit: int = 4000) -> Any:
    """Return the value within about ``limit`` bytes: long texts cut, then entries left out at the end.

    A map that lost entries says so with ``truncated``, a list with a last entry of that name.
    """
    if isinstance(value, str):
        return cut_text(value, min(limit, text_limit))
    value = cut_texts(value, text_limit)
    if size_of(value) <= limit:
        return value
    if isinstance(value, Mapping):
        return _fit_map(value, limit)
    if isinstance(value, Sequence):
        return _fit_list(value, limit)
    return value


def _fit_map(value: Mapping[str, Any], limit: int) -> dict[str, Any]:
    kept: dict[str, Any] = {"truncated": True}
    used = size_of(kept)
    for name, item in value.items():
        size = 1 + size_of(name) + size_of(item)
        if used + size <= limit:
            kept[name] = item
            used += size
    return kept


def _fit_list(value: Sequence[Any], limit: int) -> list[Any]:
    kept: list[Any] = []
    used = _CONTAINER_BYTES + 40
    for item in value:
        used += 1 + size_of(item)
        if used > limit:
            break
        kept.append(item)
    return [*kept, {"truncated": len(value) - len(kept)}]
