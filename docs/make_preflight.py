"""Writes the table of docs/preflight.md from the findings that preflight knows."""

from __future__ import annotations

from pathlib import Path

from drs_provider.preflight.catalog import table

PAGE = Path(__file__).parent / "preflight.md"
BEGIN, END = "<!-- findings: begin -->", "<!-- findings: end -->"


def page(text: str) -> str:
    """Return the page with its table written anew.

    :raises ValueError: if the page has no place for it
    """
    head, _, rest = text.partition(BEGIN)
    _, mark, tail = rest.partition(END)
    if not mark:
        raise ValueError(f"{PAGE.name} has no {BEGIN} … {END}")
    return f"{head}{BEGIN}\n{table()}\n{END}{tail}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
