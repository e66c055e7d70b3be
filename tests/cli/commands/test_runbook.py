"""`plans runbook` and what it refuses; what it writes is tested with the runbooks."""

from __future__ import annotations

import json

import pytest

from drs_provider.airflow_rest.refused import ExitCode

PLAN = """
schema_version: 1
name: erp
targets: {main: {account_id: "111122223333", region: eu-west-1, connection: no_such, own_account: true}}
protection_groups: {db: {target: main, tags: {Tier: db}}}
waves: [{name: database, groups: [db]}]
"""


@pytest.fixture
def plans(tmp_path):
    folder = tmp_path / "plans"
    folder.mkdir()
    (folder / "erp.yaml").write_text(PLAN)
    (folder / "broken.yaml").write_text("name: broken\nwaves: []\n")
    return folder


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("er",), ExitCode.NOT_FOUND, "there is no plan `er`"),
        (("broken",), ExitCode.REFUSED_INPUT, "plan broken does not load: "),
        (("erp", "--waves", "databases"), ExitCode.REFUSED_INPUT, "databases"),
        (("erp", "--snapshots", "yesterday"), ExitCode.REFUSED_INPUT, "not an ISO 8601 time"),
        (
            ("erp",),
            ExitCode.REFUSED_INPUT,
            "the servers of db are not known, so plan erp has no runbook: BLOCK",
        ),
        (("erp",), ExitCode.REFUSED_INPUT, "no_such"),
    ],
)
def test_what_has_no_runbook_is_one_message_and_no_file(drs, plans, tmp_path, words, code, told):
    done = drs("plans", "runbook", *words, "--plans", str(plans), "--to", str(tmp_path / "to"))
    assert done.code == code
    assert told in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "to").exists()


def test_a_folder_that_cannot_be_written_and_what_programs_get(drs, plans, tmp_path, monkeypatch):
    """The servers are made up: what asks AWS is tested over HTTP, with the scripts."""
    from drs_provider.cli.commands import runbook
    from drs_provider.preflight.findings import build_report
    from drs_provider.preflight.run import PreflightResult
    from drs_provider.rules.execution.freezing import ResolvedServer

    result = PreflightResult(
        build_report([], checked_at=1_790_000_000.0), {"db": [ResolvedServer("s-1", "one")]}, {}
    )
    monkeypatch.setattr(runbook, "_preflight", lambda plan, conf: result)
    (tmp_path / "file").write_text("")
    refused = drs("plans", "runbook", "erp", "--plans", str(plans), "--to", str(tmp_path / "file"))
    assert refused.code == ExitCode.REFUSED_INPUT
    assert "name another folder: --to" in refused.err
    done = drs("plans", "runbook", "erp", "--plans", str(plans), "--to", str(tmp_path), "-o", "json")
    data = json.loads(done.out)
    assert data["executionId"].startswith("runbook-")
    assert (tmp_path / "erp" / "runbook-recovery.sh").is_file()
    assert data["script"].endswith("/erp/runbook-recovery.sh")
