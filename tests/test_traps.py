"""Every failure mode that must be impossible has tests that bear its number."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
#: Numbered from 1 on; see the tests' own names for what each one is.
TRAPS = 43


def numbers() -> dict[int, set[str]]:
    """Return the tests by the number of the trap that their name bears."""
    found: dict[int, set[str]] = {}
    for file in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if name := re.fullmatch(r"test_trap_(\d\d)_\w+", node.name):
                found.setdefault(int(name[1]), set()).add(f"{file.relative_to(TESTS)}::{node.name}")
    return found


def test_every_trap_has_tests_of_its_number() -> None:
    missing = sorted(set(range(1, TRAPS + 1)) - numbers().keys())
    assert missing == []


def test_no_test_bears_a_number_that_is_none() -> None:
    beyond = {name for number, names in numbers().items() if not 1 <= number <= TRAPS for name in names}
    assert beyond == set()
