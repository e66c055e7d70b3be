from __future__ import annotations

import ast
from pathlib import Path

import pytest

from drs_provider.core.states import ExecutionType
from drs_provider.orchestration.concurrency import findings as other_executions
from drs_provider.orchestration.prepare import runbook
from drs_provider.preflight import findings
from drs_provider.preflight.catalog import KINDS, WARN_CONF, Kind, found
from drs_provider.preflight.findings import Finding, Severity
from tests.preflight.world import allows

FOLDER = Path(findings.__file__).parent
# Functions that make a finding, and where among their arguments its code is.
MAKERS = {"found": 1, "finding": 0, "_warning": 2, "_late": 2, "_quota": 1, "_clash": 2}
DRILL, RECOVERY = ExecutionType.DRILL, ExecutionType.RECOVERY


def _codes() -> set[str]:
    found: set[str] = set()
    for file in (*FOLDER.rglob("*.py"), Path(other_executions.__file__), Path(runbook.__file__)):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            maker = getattr(node.func, "attr", getattr(node.func, "id", ""))
            assert maker != "Finding" or file.name == "catalog.py", (
                f"{file.name}: severities are the catalog's"
            )
            if maker in MAKERS:
                place = MAKERS[maker]
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
    assert allows(of_catalog, finding, kind) is allowed


@pytest.mark.parametrize("kind", [DRILL, RECOVERY])
@pytest.mark.parametrize("code", sorted(KINDS))
def test_a_finding_is_as_severe_and_as_overridable_as_the_catalog_says(
    code: str, kind: ExecutionType
) -> None:
    severities = KINDS[code].drill if kind.is_drill else KINDS[code].recovery
    if not severities:
        with pytest.raises(LookupError):
            found(kind, code, "plan", "x")
        return
    finding = found(kind, code, "plan", "x")
    assert finding.severity is severities[0]
    assert found(kind, code, "plan", "x", milder=True).severity is severities[-1]
    assert finding.overridable is (KINDS[code].override == WARN_CONF and finding.severity is Severity.BLOCK)
    assert not found(kind, code, "plan", "x", covered=False).overridable
    assert found(kind, code, "plan", "x", overridden=True).severity is Severity.WARN
    assert [*severities] == sorted(severities, key=[*Severity].index), "the milder one is last"
