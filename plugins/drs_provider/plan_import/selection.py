"""How records choose servers: lists of ids, or tags, in the forms that the other system has used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from drs_provider.plan_import.fields import Fields
from drs_provider.plan_import.journal import Refusal

SERVERS: Final = ("sourceserverids", "serverids", "sourceservers")
TAGS: Final = ("serverselectiontags", "selectiontags", "tagcriteria", "tagfilters")


def server_ids(fields: Fields, *names: str) -> tuple[str, ...]:
    """Return the distinct server ids of the first of these fields that says something."""
    return tuple(dict.fromkeys(str(value) for value in server_list(fields, *names)))


def server_list(fields: Fields, *names: str) -> list[Any]:
    """Return the server ids of a field: a list of ids, or of records that hold one each."""
    place = next((name for name in names if fields.peek(name)), None)
    if place is None:
        return []
    members = fields.children(place)
    if members:
        ids = [member.take("sourceserverid", "serverid", "id") for member in members]
        return [value for value in ids if value is not None]
    value = fields.take(place)
    return value if isinstance(value, list) else [value]


def selecting_tags(fields: Fields) -> dict[str, str] | None:
    """Return the tags that select servers, or None if the record has none.

    :raises Refusal: if they are not keys with one value each
    """
    field = next((name for name in TAGS if fields.peek(name)), None)
    if field is None:
        return None
    value = fields.take(field)
    if isinstance(value, list):  # [{"Key": …, "Value": …}]
        pairs = [Fields("", "", item) for item in value if isinstance(item, Mapping)]
        value = {str(pair.take("key")): pair.take("value", "values") for pair in pairs}
    if not isinstance(value, Mapping):
        raise Refusal(
            f"{fields.spelled(field)}: tags must be keys and values, not `{value}`: correct the export"
        )
    several = [key for key, wanted in value.items() if isinstance(wanted, list | Mapping)]
    if several:
        raise Refusal(
            f"{fields.spelled(field)}: tag `{several[0]}` has several values: a group selects by exact values; "
            "make a group for each value in the source, or write the plan by hand"
        )
    return {str(key): "" if wanted is None else str(wanted) for key, wanted in value.items()}
