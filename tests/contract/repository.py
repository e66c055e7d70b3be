"""Where the parts of the repository are, and how its Python files read."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
PLUGINS = REPOSITORY / "plugins"
PACKAGE = PLUGINS / "drs_provider"
SIMULATOR = REPOSITORY / "simulator"
DAGS = REPOSITORY / "dags"
PLANS = DAGS / "plans"


def pyproject(folder: Path = REPOSITORY) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))


def modules(folder: Path = PACKAGE) -> list[Path]:
    return [file for file in sorted(folder.rglob("*.py")) if "__pycache__" not in file.parts]


def nodes(file: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file)))


def calls(file: Path) -> Iterator[ast.Call]:
    return (node for node in nodes(file) if isinstance(node, ast.Call))


def imported_names(file: Path) -> set[str]:
    """Full names of what a file imports, lazily or not: modules, and members of modules."""
    names: set[str] = set()
    for node in nodes(file):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names
