"""People's texts (reasons, comments, names) shown as text: never as markup, template or formula."""

from __future__ import annotations

import re

from drs_provider.core.texts import clean, visible

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~&])")


def one_line(text: str) -> str:
    """Return a text on one line, control characters escaped."""
    return " ".join(visible(clean(text)).split())


def plain_markdown(text: str) -> str:
    """Return a text that Markdown renders as it was typed, on one line."""
    return _MARKDOWN.sub(r"\\\1", one_line(text))
