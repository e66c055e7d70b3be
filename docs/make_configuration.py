"""Write the table of ``[drs]`` options into configuration.md, from the options that the package declares.

Use: ``PYTHONPATH=plugins python docs/make_configuration.py``. Needs nothing installed.
"""

from __future__ import annotations

from pathlib import Path

from drs_provider.options import OPTIONS, Option

PAGE = Path(__file__).with_name("configuration.md")
BEGIN, END = "<!-- options: begin -->", "<!-- options: end -->"


def table() -> str:
    """Return the options as a Markdown table."""
    rows = [
        f"| `{name}` | {option.type} | {_default(option)} | {_text(option)} |"
        for name, option in OPTIONS.items()
    ]
    return "\n".join(["| option | type | default | meaning |", "|---|---|---|---|", *rows])


def _default(option: Option) -> str:
    return f"`{option.default}`" if option.default else ""


def _text(option: Option) -> str:
    example = f" Example: `{option.example}`." if option.example else ""
    return option.description.replace("|", "\\|") + example


def page(text: str) -> str:
    """Return the page with the table between its marks replaced.

    :raises ValueError: if the marks are missing
    """
    head, _, rest = text.partition(BEGIN)
    _, mark, tail = rest.partition(END)
    if not mark:
        raise ValueError(f"{PAGE.name} has no {BEGIN} … {END}")
    return f"{head}{BEGIN}\n{table()}\n{END}{tail}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
