"""The built front end: one HTML page and what it loads, served by name from the package's own folder."""

from __future__ import annotations

import html
from functools import cache
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "static"
INDEX: Final = "index.html"
#: In the built page, where its files' addresses begin
_BASE: Final = "/__BASE__/"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}


@cache
def names() -> frozenset[str]:
    """Return the files that the page may load."""
    return frozenset(file.name for file in FOLDER.glob("*") if file.is_file() and file.suffix in _TYPES)


def content(name: str) -> tuple[bytes, str] | None:
    """Return a file of the page and its media type, or None if the page has no such file."""
    if name not in names():
        return None
    return (FOLDER / name).read_bytes(), _TYPES[Path(name).suffix]


def page(static_url: str) -> str | None:
    """Return the page; None if the front end is not built.

    :param static_url: address of its files, with a slash at its end
    """
    try:
        built = (FOLDER / INDEX).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return built.replace(_BASE, html.escape(static_url))
