"""The ``[drs]`` options of configuration.md."""

from __future__ import annotations

from drs_provider.options import OPTIONS, Option


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
