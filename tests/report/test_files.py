from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from airflow.sdk import ObjectStoragePath

from drs_provider.history.values import from_item, to_item
from drs_provider.report.build import build_report, report_json
from drs_provider.report.files import ReportNotWrittenError, write_report
from drs_provider.rules.record.merging import new_attempt, with_report
from tests.history.world import T0
from tests.report.world import failed_recovery, finished_drill

FOLDER = "erp_three_tier/1c0b0c5e-0f3a-5d77-9a55-0d6b3f3b8a01"


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_report_is_two_files(tmp_path: Path) -> None:
    record = finished_drill()
    written = write_report(record, tmp_path.as_uri())
    folder = tmp_path / FOLDER
    assert {path.name for path in folder.iterdir()} == {"report-1.json", "report-1.html"}
    assert written.json_uri == (folder / "report-1.json").as_uri()
    assert written.html_uri == (folder / "report-1.html").as_uri()
    assert written.created
    assert written.sha256 == sha256_of(folder / "report-1.json")
    assert written.sha256 in (folder / "report-1.html").read_text()
    report = json.loads((folder / "report-1.json").read_text())
    assert report["record"]["waves"] == record["waves"]
    assert report["rto"]["met"] is True


def test_the_same_report_is_written_once(tmp_path: Path) -> None:
    record = finished_drill()
    first = write_report(record, tmp_path.as_uri())
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / FOLDER).iterdir()}
    # The record that is stored afterwards knows its report: that does not make it another report.
    again = write_report(with_report(record, 1, uri=first.json_uri, sha256=first.sha256), tmp_path.as_uri())
    assert (again.json_uri, again.sha256, again.created) == (first.json_uri, first.sha256, False)
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / FOLDER).iterdir()} == before


def test_another_report_of_the_attempt_is_a_successor(tmp_path: Path) -> None:
    first = write_report(finished_drill(), tmp_path.as_uri())
    second = write_report(finished_drill(reason="another"), tmp_path.as_uri())
    third = write_report(finished_drill(reason="a third"), tmp_path.as_uri())
    folder = tmp_path / FOLDER
    assert second.json_uri.endswith("report-1.2.json")
    assert third.html_uri.endswith("report-1.3.html")
    assert json.loads((folder / "report-1.2.json").read_text())["supersedes"] == first.sha256
    assert json.loads((folder / "report-1.3.json").read_text())["supersedes"] == second.sha256
    assert sha256_of(folder / "report-1.json") == first.sha256
    again = write_report(finished_drill(reason="another"), tmp_path.as_uri())
    assert (again.json_uri, again.created) == (second.json_uri, False)


def test_trap_35_every_attempt_has_its_own_report_and_names_the_one_before(tmp_path: Path) -> None:
    first = write_report(finished_drill(), tmp_path.as_uri())
    record = with_report(finished_drill(), 1, uri=first.json_uri, sha256=first.sha256)
    second = write_report(new_attempt(record, 2, T0 + 9000), tmp_path.as_uri())
    assert second.json_uri.endswith("report-2.json")
    report = json.loads((tmp_path / FOLDER / "report-2.json").read_text())
    assert report["previousReport"] == {"attempt": 1, "sha256": first.sha256}
    assert sha256_of(tmp_path / FOLDER / "report-1.json") == first.sha256


def test_the_chain_is_found_in_the_folder_if_the_record_does_not_know_it(tmp_path: Path) -> None:
    write_report(finished_drill(), tmp_path.as_uri())
    newest = write_report(finished_drill(reason="another"), tmp_path.as_uri())
    write_report(new_attempt(finished_drill(), 4, T0 + 9000), tmp_path.as_uri())
    report = json.loads((tmp_path / FOLDER / "report-4.json").read_text())
    assert report["previousReport"] == {"attempt": 1, "sha256": newest.sha256}


def test_a_page_that_was_lost_is_written_again(tmp_path: Path) -> None:
    written = write_report(finished_drill(), tmp_path.as_uri())
    page = tmp_path / FOLDER / "report-1.html"
    content = page.read_bytes()
    page.unlink()
    assert write_report(finished_drill(), tmp_path.as_uri()).created is False
    assert page.read_bytes() == content
    assert written.html_uri == page.as_uri()


def test_a_place_that_cannot_be_written_is_an_oserror(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(ReportNotWrittenError, match="no report below") as caught:
        write_report(finished_drill(), blocked.as_uri())
    assert isinstance(caught.value, OSError)
    with pytest.raises(ReportNotWrittenError, match="no folder of an object storage"):
        write_report(finished_drill(), "nowhere://bucket/reports")


@pytest.mark.parametrize(
    "error", [EOFError("EOF when reading a line"), ValueError("no JSON"), RuntimeError("still expired")]
)
def test_whatever_a_storages_credentials_end_in_is_an_oserror(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(path: ObjectStoragePath) -> bool:
        raise error

    monkeypatch.setattr(ObjectStoragePath, "exists", fails)
    with pytest.raises(ReportNotWrittenError, match="no report below") as caught:
        write_report(finished_drill(), tmp_path.as_uri())
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("name", ["../outside", "a/b", "", ".hidden"])
def test_an_id_that_is_no_folder_name_is_refused(tmp_path: Path, name: str) -> None:
    record = finished_drill()
    record["planId"] = name
    with pytest.raises(ValueError, match="name of a folder"):
        write_report(record, tmp_path.as_uri())
    assert list(tmp_path.iterdir()) == []


def test_texts_that_are_no_utf8_can_be_written(tmp_path: Path) -> None:
    record = finished_drill(reason="lone \udc80 surrogate, é")
    written = write_report(record, tmp_path.as_uri())
    text = (tmp_path / FOLDER / "report-1.json").read_text(encoding="utf-8")
    assert json.loads(text)["record"]["reason"] == "lone \udc80 surrogate, é"
    assert written.created


def test_equal_records_make_equal_files() -> None:
    one = report_json(build_report(failed_recovery()))
    shuffled = dict(reversed(list(failed_recovery().items())))
    assert report_json(build_report(shuffled)) == one  # type: ignore[arg-type]
    assert one.endswith("}\n")
    assert json.loads(one)["previousReport"] == {"attempt": 1, "sha256": "5e" * 32}


def test_a_record_that_was_stored_and_read_gives_the_same_file() -> None:
    record = failed_recovery()
    stored = from_item(to_item(record))
    made = {**record, "endTime": float(record["endTime"])}
    assert isinstance(stored["endTime"], int)
    assert report_json(build_report(stored)) == report_json(build_report(made))  # type: ignore[arg-type]
