"""Imports from the command line; what an import means is tested with the importer."""

from __future__ import annotations

import json

import pytest

from drs_provider.airflow_rest.refused import ExitCode
from drs_provider.plan.files.folder import load_catalog
from tests.plan_import.exports import EXPORT, HUB

WORDS = ("--connection", "aws_dr", "--account", f"{HUB}=own")


@pytest.fixture
def export(tmp_path):
    file = tmp_path / "export.json"
    file.write_text(json.dumps(EXPORT))
    return file


def test_files_are_written_that_load(drs, export, tmp_path):
    folder = tmp_path / "plans"
    done = drs("plans", "import", str(export), "--to", str(folder), *WORDS)
    assert done.code == ExitCode.OK
    assert "1 plans imported, 0 refused" in done.out
    catalog = load_catalog(folder)
    assert (list(catalog.plans), catalog.problems) == (["erp_three_tiers"], ())


def test_nothing_is_written_over_and_a_dry_run_writes_nothing(drs, export, tmp_path):
    folder = tmp_path / "plans"
    assert drs("plans", "import", str(export), "--to", str(folder), *WORDS, "--dry-run").code == ExitCode.OK
    assert not folder.exists()
    drs("plans", "import", str(export), "--to", str(folder), *WORDS)
    again = drs("plans", "import", str(export), "--to", str(folder), *WORDS)
    assert again.code == ExitCode.REFUSED_INPUT
    assert "--overwrite" in again.err
    assert drs("plans", "import", str(export), "--to", str(folder), *WORDS, "--overwrite").code == ExitCode.OK


def test_programs_get_the_report(drs, export, tmp_path):
    data = json.loads(
        drs("plans", "import", str(export), "--to", str(tmp_path / "p"), *WORDS, "-o", "json").out
    )
    assert data["plans"] == ["erp_three_tiers"]
    assert [file["name"] for file in data["files"]] == [path.rpartition("/")[2] for path in data["written"]]
    assert {"counts", "entries"} <= set(data["report"])


def test_a_plan_that_is_refused_is_told_with_the_option_that_helps(drs, export, tmp_path):
    done = drs("plans", "import", str(export), "--to", str(tmp_path / "p"))
    assert done.code == ExitCode.REFUSED_INPUT
    assert "0 plans imported, 1 refused" in done.out
    assert "connection" in done.out


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([], "found in there.json, and"),
        ({}, "found in there.json, and"),
        ({"statusCode": 403, "body": '{"message": "Forbidden"}'}, "found in there.json, and"),
        ({"recoveryPlans": [], "protectionGroups": []}, "found in there.json, and"),
        ({"protectionGroups": EXPORT["protectionGroups"]}, "it has 3 protection groups"),
        ({"targetAccounts": EXPORT["targetAccounts"]}, "it has 1 target accounts"),
    ],
)
@pytest.mark.parametrize("mode", [(), ("--dry-run",), ("-o", "json")])
def test_an_import_that_finds_no_plan_is_an_error(drs, tmp_path, content, told, mode):
    file = tmp_path / "there.json"
    file.write_text(json.dumps(content))
    done = drs("plans", "import", str(file), "--to", str(tmp_path / "p"), *WORDS, *mode)
    assert done.code == ExitCode.REFUSED_INPUT
    assert "no recovery plan was found" in done.err
    assert told in done.err
    assert "`recoveryPlans`" in done.err
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "--native"),
        (("nowhere.json",), "nowhere.json"),
        (("--native",), "--account"),
        (("--native", "--account", f"{HUB}=own"), "Region"),
        (("--account", "nonsense"), "nonsense"),
    ],
)
def test_what_is_missing_is_named(drs, tmp_path, words, told):
    done = drs("plans", "import", *words, "--to", str(tmp_path / "p"))
    assert done.code == ExitCode.REFUSED_INPUT
    assert told in done.err
    assert not (tmp_path / "p").exists()
