"""Writes plan files: in the order of the schema, with comments, so that people like to read them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from drs_provider.plan.problems import Parts

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_WIDTH: Final = 100

Comments = Mapping[Parts, tuple[str, ...]]


def yaml_text(data: Mapping[str, Any], comments: Comments) -> str:
    """Return the file of the data.

    :param comments: lines above the entry at a place; those of ``()`` stand at the top of the file
    """
    lines = [*_comment(comments.get((), ()), ""), *_mapping(data, (), comments, "")]
    return "\n".join(lines) + "\n"


def _mapping(data: Mapping[str, Any], parts: Parts, comments: Comments, indent: str) -> Iterator[str]:
    for name, value in data.items():
        place = (*parts, name)
        yield from _comment(comments.get(place, ()), indent)
        yield from _entry(f"{indent}{_scalar(name)}:", value, place, comments, indent)


def _entry(head: str, value: Any, place: Parts, comments: Comments, indent: str) -> Iterator[str]:
    flow = _flow(value, place, comments)
    fits = flow is not None and len(head) + 1 + len(flow) <= _WIDTH
    if fits or not value or not isinstance(value, dict | list):
        yield f"{head} {flow if flow is not None else _scalar(value)}"
        return
    yield head
    if isinstance(value, dict):
        yield from _mapping(value, place, comments, f"{indent}  ")
        return
    for position, item in enumerate(value):
        yield from _comment(comments.get((*place, position), ()), f"{indent}  ")
        if isinstance(item, dict):
            inner = list(_mapping(item, (*place, position), comments, f"{indent}    "))
            yield f"{indent}  - {inner[0].lstrip()}"
            yield from inner[1:]
        else:
            yield f"{indent}  - {_scalar(item)}"


def _flow(value: Any, place: Parts, comments: Comments) -> str | None:
    """Return a value on one line, or None if it is better on several."""
    if any(other[: len(place)] == place and len(other) > len(place) for other in comments):
        return None
    if isinstance(value, dict):
        if len(place) < 2 or place[-1] == "waves":
            return None
        items = {name: _flow(item, (*place, name), {}) for name, item in value.items()}
        if any(item is None for item in items.values()):
            return None
        return "{" + ", ".join(f"{_scalar(name)}: {item}" for name, item in items.items()) + "}"
    if isinstance(value, list):
        if any(isinstance(item, dict | list) for item in value):
            return None
        return "[" + ", ".join(_scalar(item) for item in value) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """Return a scalar; a text that YAML could take for anything else is quoted."""
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and yaml.safe_load(value) == value:
        return value
    text: str = yaml.safe_dump(value, default_style='"', width=float("inf"), allow_unicode=True)
    return text.strip()


def _comment(lines: tuple[str, ...], indent: str) -> Iterator[str]:
    """Yield comment lines; nothing in them can end a comment."""
    for line in lines:
        text = "".join(letter if letter.isprintable() else " " for letter in line).strip()
        yield f"{indent}# {text}" if text else f"{indent}#"
