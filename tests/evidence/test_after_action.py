"""The after-action timeline: one order of what people, product and AWS did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from drs_provider.airflow_rest.refused import ExitCode
from drs_provider.evidence.after_action import after_action
from tests.cli.conftest import drs, plain_environment
from tests.evidence.world import fill, stated
from tests.history.world import T0
from tests.report.world import failed_recovery, finished_drill

__all__ = ["drs", "plain_environment"]


def told(record: Any, *statements: Any) -> list[str]:
    moments = after_action(record, statements)
    assert [moment.at for moment in moments] == sorted(moment.at for moment in moments)
    return [f"{moment.by} {moment.who}: {moment.what}" for moment in moments]


def test_a_drill_from_its_trigger_to_its_cleanup() -> None:
    record = finished_drill()
    lines = told(record)
    assert "DRILL triggered" in lines[0]
    assert any(line.startswith("people ") and "gate before wave" in line for line in lines)
    session = f"drs-{record['executionId']}"
    assert f"AWS {session}: wave 1 database: StartRecovery, job drsjob-00000000000000001" in lines
    assert any("is LAUNCHED (i-" in line for line in lines)
    assert any("attempt 1 ends COMPLETED" in line for line in lines)
    for wave in record["waves"]:
        assert any(
            line.endswith(f"wave {wave['waveNumber']} {wave['waveName']} ends COMPLETED") for line in lines
        )


def test_a_recovery_of_two_attempts_and_an_incident() -> None:
    lines = told(failed_recovery(), stated("note") | {"text": "phone", "at": T0 + 1})
    assert "the incident began" in lines[0]
    assert sum("begins" in line and "attempt" in line for line in lines) == 2
    assert "people ada: note: phone" in lines
    assert len(lines) == len(set(lines))


def test_it_is_exported(tmp_path: Path, drs: Any) -> None:
    store = fill((tmp_path / "store").as_uri(), None)
    plan = finished_drill()["planId"]
    page = drs("evidence", "timeline", plan, "--store", store.url)
    assert (page.code, page.out.startswith("# RECOVERY of ")) == (ExitCode.OK, True)
    execution = f"{plan}/{finished_drill()['executionId']}"
    rows = json.loads(drs("evidence", "timeline", execution, "--store", store.url, "--format", "json").out)
    assert {row["by"] for row in rows} == {"people", "product", "AWS"}
    assert any(
        row.get("who") == "ada" and row["what"] == "finding (owner db-team, due 2027-01-31): seen"
        for row in rows
    )
    missing = drs("evidence", "timeline", "other", "--store", store.url)
    assert (missing.code, "there is no report of other" in missing.err) == (ExitCode.NOT_FOUND, True)


def test_what_people_write_stays_in_its_cell(tmp_path: Path, drs: Any) -> None:
    from drs_provider.evidence.adding import add_statement

    store = fill((tmp_path / "store").as_uri(), None)
    hostile = stated("note") | {"text": "a | b\n<script>x</script>", "by": "eve*"}
    add_statement(store, hostile, None, at=T0)
    execution = f"{hostile['planId']}/{hostile['executionId']}"
    page = drs("evidence", "timeline", execution, "--store", store.url).out
    assert r"| eve\* | note: a \| b \<script\>x\</script\> |" in page
