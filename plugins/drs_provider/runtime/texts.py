"""People's texts (reasons, comments, names) shown as text: never as markup, template or formula."""

from __future__ import annotations

import re

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~&])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def one_line(text: str) -> str:
    """Return a text without line breaks and control characters."""
    return _CONTROL.sub(" ", text).strip()


def plain_markdown(text: str) -> str:
    """Return a text that Markdown renders as it was typed, on one line."""
    return _MARKDOWN.sub(r"\\\1", one_line(text))
