"""Ids in lists of the length that a call takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def chunks(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    """Yield distinct ids in their first order, in lists of at most ``size``; nothing for no ids.

    An empty filter means "everything" to DRS, so an empty list must never become a request.

    :raises TypeError: if a single text is given, whose characters are no ids
    """
    if isinstance(ids, str):
        raise TypeError(f"a collection of ids is needed, not the text {ids!r}")
    distinct = list(dict.fromkeys(ids))
    for start in range(0, len(distinct), size):
        yield distinct[start : start + size]
