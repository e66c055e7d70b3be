"""Texts of people and of AWS, before they are stored or shown: visible, of limited length, equal causes once.

The whole text of an error stands in the log of the task that met it, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

MAX_CAUSE: Final = 500
"""Longest cause of one failure that is stored or sent, in characters."""

MAX_MESSAGE: Final = 8_000
"""Longest message of a task, wave or execution that is stored or sent, in characters."""

MAX_SHOWN: Final = 200
"""Longest value that a refusal quotes, in characters."""

NAMES_SHOWN: Final = 10
"""How many names a message lists before it counts the rest."""

_ENCODED: Final = re.compile(r"(Encoded authorization failure message: ?)[A-Za-z0-9_+/=-]{40,}")
_CONTROL: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U0001fffe\U0001ffff]"
)
# What differs between messages of one cause: request IDs, and IDs of the resource that the message is about.
_IDS: Final = re.compile(
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
    r"|\b[a-z]+(?:-[a-z]+)?-(?=[0-9a-zA-Z]*[0-9])[0-9a-zA-Z]{8,}\b"
)


def visible(text: str) -> str:
    r"""Return a text with its control characters escaped (``\x07``); tabs and line feeds stay."""
    return _CONTROL.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def clean(text: str) -> str:
    """Return what a person typed with its line ends normalized and its edges trimmed."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def clean_data(data: Any) -> Any:
    """Return JSON data with all its texts cleaned, names of fields excepted."""
    if isinstance(data, str):
        return clean(data)
    if isinstance(data, Mapping):
        return {key: clean_data(item) for key, item in data.items()}
    return [clean_data(item) for item in data] if isinstance(data, (list, tuple)) else data


def shown(value: object, longest: int = MAX_SHOWN) -> str:
    r"""Return a value as a refusal quotes it: on one line, control characters, tabs and line feeds escaped, cut."""
    return clipped(one_line_escaped(str(value)), longest)


def one_line_escaped(text: str) -> str:
    r"""Return a text on one line, with ``\n`` and ``\t`` for line feeds and tabs."""
    return visible(text).replace("\n", r"\n").replace("\t", r"\t")


def clipped(text: str, longest: int) -> str:
    """Return a text of at most ``longest`` characters; a longer one ends with ``…``."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def cause(text: str, longest: int = MAX_CAUSE) -> str:
    """Return a cause as it is stored: visible, without AWS's encoded authorization message, cut."""
    return clipped(_ENCODED.sub(r"\1(in the task log)", visible(text)), longest)


def message(text: str) -> str:
    """Return the message of a task, wave or execution as it is stored, of at most :data:`MAX_MESSAGE`."""
    return cause(text, MAX_MESSAGE)


def hides(text: str) -> bool:
    """Tell whether :func:`cause` leaves something of a text out, so that the log must have it."""
    return cause(text) != text


def named(
    names: Sequence[object], shown: int = NAMES_SHOWN, *, total: int | None = None, between: str = ", "
) -> str:
    """Return the first names, and how many there are more: ``a, b and 3 more``.

    :param total: how many there are, where ``names`` are cut already; None: as many as ``names``
    """
    first = [str(name) for name in names[:shown]]
    more = (len(names) if total is None else total) - len(first)
    return between.join(first) + (f" and {more} more" if more > 0 else "")


def comparable(text: str) -> str:
    """Return a cause without the IDs that differ between servers, for comparing only."""
    return _IDS.sub("…", text)


def grouped(causes: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return cause → names, with causes that differ only in the IDs that they name as one, without these IDs.

    :param causes: name and cause, in the order in which they are to be shown
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for name, text in causes:
        short = cause(text)
        found.setdefault(comparable(short), []).append((name, short))
    return {_shared([text for _, text in rows]): [name for name, _ in rows] for rows in found.values()}


def _shared(texts: Sequence[str]) -> str:
    """Return what texts of one form have in common: one server's IDs must not be read as those of all."""
    ids = iter(zip(*(_IDS.findall(text) for text in texts), strict=True))
    return _IDS.sub(lambda found: found[0] if len(set(next(ids))) == 1 else "…", texts[0])


def told_causes(what: str, causes: Iterable[tuple[str, str]]) -> list[str]:
    """Return a sentence for each cause: ``critical server a: …``, ``critical servers a, b and 9 more: …``.

    :param what: what the names are, in the singular
    """
    return [
        f"{what}{'s' if len(names) > 1 else ''} {named(names)}: {text}"
        for text, names in grouped(causes).items()
    ]
