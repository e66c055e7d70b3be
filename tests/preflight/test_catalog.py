from __future__ import annotations

import ast
from pathlib import Path

import pytest

from docs.make_preflight import PAGE, page
from drs_provider.plan.states import ExecutionType
from drs_provider.preflight import findings
from drs_provider.preflight.catalog import KINDS, Kind
from drs_provider.preflight.checks.executions import held_by_execution
from drs_provider.preflight.findings import Finding, Severity

FOLDER = Path(findings.__file__).parent
# Functions that make a finding, and where among their arguments its code is.
MAKERS = {"Finding": 0, "_warning": 2, "_late": 2, "_quota": 1, "_clash": 2}
DRILL, RECOVERY = ExecutionType.DRILL, ExecutionType.RECOVERY


def _codes() -> set[str]:
    found: set[str] = set()
    for file in FOLDER.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS:
                place = MAKERS[node.func.id]
                named = [item.value for item in node.keywords if item.arg == "code"]
                given = [*node.args[place : place + 1], *named]
                found |= {item.value for item in given if isinstance(item, ast.Constant)}
        if file.name == "unreadable.py":
            found |= {
                node.elts[0].value
                for node in ast.walk(tree)
                if isinstance(node, ast.Tuple) and node.elts and isinstance(node.elts[0], ast.Constant)
            }
    return {str(code) for code in found}


def test_every_finding_is_in_the_catalog() -> None:
    assert _codes() == KINDS.keys()


def test_the_page_has_the_catalog() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text


@pytest.mark.parametrize(
    ("finding", "kind", "allowed"),
    [
        (Finding("x", Severity.BLOCK, "", "", overridable=True), DRILL, True),
        (Finding("x", Severity.BLOCK, "", ""), DRILL, True),
        (Finding("x", Severity.WARN, "", ""), DRILL, False),
        (Finding("x", Severity.WARN, "", "", overridable=True, overridden=True), DRILL, True),
        (Finding("x", Severity.WARN, "", ""), RECOVERY, True),
        (Finding("x", Severity.WARN, "", "", overridden=True), RECOVERY, False),
    ],
)
def test_what_a_kind_allows(finding: Finding, kind: ExecutionType, allowed: bool) -> None:
    of_catalog = Kind("", "", "", recovery=(Severity.WARN,), override="`preflight: warn`")
    assert of_catalog.allows(finding, kind) is allowed


def test_another_execution_is_never_overridden() -> None:
    finding = held_by_execution("RECOVERY of wiki, run manual_1", ["s-1", "s-2"], "Cancel it first.")
    assert KINDS[finding.code].allows(finding, RECOVERY)
    assert (finding.severity, finding.overridable) == (Severity.BLOCK, False)
    assert finding.server_ids == ("s-1", "s-2")
    assert "manual_1" in finding.message
