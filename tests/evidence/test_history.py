"""What was tested when: from the store alone; what no drill has tried, and what DRS knows and no plan does."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from drs_provider.airflow_rest.refused import ExitCode
from drs_provider.evidence.adding import add_report
from drs_provider.evidence.history import coverage, past_runs, unplanned
from drs_provider.evidence.store import EvidenceStore
from drs_provider.plan.model import Plan
from drs_provider.report.files import write_report
from drs_provider.rules.record.schema import ExecutionRecord
from tests.cli.conftest import drs, plain_environment
from tests.harness.stage import Stage
from tests.history.world import T0
from tests.report.world import failed_recovery, finished_drill

__all__ = ["drs", "plain_environment"]
DAY = 86_400


def plan_of(record: Mapping[str, Any], **changes: Any) -> Plan:
    """Return a plan with the record's waves and one more."""
    names = [*(wave["waveName"] for wave in record["waves"]), "archive"]
    return Plan.model_validate(
        {
            "name": record["planId"],
            "targets": {
                "main": {
                    "account_id": "1" * 12,
                    "region": "eu-west-1",
                    "connection": "a",
                    "own_account": True,
                }
            },
            "protection_groups": {name: {"target": "main", "tags": {"wave": name}} for name in names},
            "waves": [{"name": name, "groups": [name]} for name in names],
            **changes,
        }
    )


def kept(store: EvidenceStore, record: ExecutionRecord) -> None:
    add_report(store, write_report(record, store.url).path, None, at=T0)


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    """A drill that passed, a rehearsal that passed later, a failed recovery, the first report anew."""
    made = EvidenceStore((tmp_path / "store").as_uri())
    passed: Any = finished_drill()
    rehearsal = {
        **passed,
        "executionId": "rehearsal",
        "simulatedBy": ["127.0.0.1"],
        "startTime": T0 + 5 * DAY,
    }
    for record in (passed, rehearsal, failed_recovery(), {**passed, "reason": "again"}):
        kept(made, record)
    return made


def reports(store: EvidenceStore) -> Any:
    return lambda run: json.loads(store.read(run.report))


def test_the_chain_alone_tells_what_was_run(store: EvidenceStore) -> None:
    runs = past_runs(store)
    drill, recovery, rehearsal = runs
    assert (drill.report.endswith("report-1.2.json"), drill.link) == (True, 4)
    assert (drill.is_drill, drill.has_passed, drill.is_rehearsal) == (True, True, False)
    assert (rehearsal.is_drill, rehearsal.is_rehearsal) == (False, True)
    assert (recovery.is_drill, recovery.facts["status"]) == (False, "PARTIAL")


def test_a_rehearsal_is_no_drill_and_a_new_wave_was_never_tried(store: EvidenceStore) -> None:
    plan = plan_of(finished_drill(), objectives={"drill_every_days": 10})
    (row,) = coverage({plan.name: plan}, past_runs(store), reports(store), now=T0 + 9.5 * DAY)
    assert (row["drills"], row["rehearsals"]) == (1, 1)
    assert (row["lastDrill"], row["lastPassed"], row["daysSincePassed"]) == (T0, T0, 9)
    assert (row["overdue"], row["planChanged"]) == (False, True)
    assert row["wavesNeverDrilled"] == ["archive"]
    (later,) = coverage({plan.name: plan}, past_runs(store), reports(store), now=T0 + 10 * DAY)
    assert later["overdue"]


def test_a_plan_that_was_never_drilled_is_overdue_if_it_is_to_be(store: EvidenceStore) -> None:
    plan = plan_of(finished_drill(), name="new", objectives={"drill_every_days": 10})
    calm = plan_of(finished_drill(), name="calm")
    rows = coverage({"new": plan, "calm": calm}, past_runs(store), reports(store), now=T0)
    assert [(row["planId"], row["overdue"], row["drills"]) for row in rows] == [
        ("calm", False, 0),
        ("new", True, 0),
    ]
    assert len(rows[0]["wavesNeverDrilled"]) == 4


def test_servers_that_the_last_passed_drill_did_not_have(store: EvidenceStore) -> None:
    record = finished_drill()
    plan = plan_of(record)
    was = {row["sourceServerId"] for wave in record["waves"] for row in wave["serverStatuses"]}
    gone = sorted(was)[0]
    now = {plan.name: [*sorted(was)[1:], "s-new"]}
    (row,) = coverage({plan.name: plan}, past_runs(store), reports(store), now=T0, servers=now)
    assert (row["serversNotDrilled"], row["serversNoLongerPlanned"]) == (["s-new"], [gone])
    assert unplanned({"here": ["s-1", "s-2"], "there": ["s-3"]}, {"here": {"s-1"}, "there": {"s-3"}}) == {
        "here": ["s-2"]
    }


def test_the_verbs(store: EvidenceStore, tmp_path: Path, drs: Any) -> None:
    rows = json.loads(drs("evidence", "history", "--store", store.url, "-o", "json").out)
    assert [row["rehearsal"] for row in rows] == [False, False, True]
    table = list(
        csv.DictReader(io.StringIO(drs("evidence", "history", "--store", store.url, "-o", "csv").out))
    )
    assert [row["executionId"] for row in table] == [row["executionId"] for row in rows]
    assert "erp_three_tier" in drs("evidence", "history", "--store", store.url).out
    assert "nothing yet" in drs("evidence", "history", "--store", store.url, "--plan", "other").out
    (tmp_path / "store/chain/1.json").write_text("{")
    done = drs("evidence", "history", "--store", store.url)
    assert (done.code, "evidence verify" in done.err) == (ExitCode.ERROR, True)


def test_drs_is_asked_for_what_no_plan_holds(play: Stage, tmp_path: Path, drs: Any) -> None:
    folder = tmp_path / "plans"
    folder.mkdir()
    source = Path("dags/plans")
    (folder / "wiki.yaml").write_text((source / "wiki.yaml").read_text())
    for library in source.glob("_*"):
        (folder / library.name).write_text(library.read_text())
    given = ("--plans", str(folder), "--ask-aws")
    done = drs("evidence", "coverage", *given, "-o", "json")
    told = json.loads(done.out[done.out.index("{\n") :])  # in this process, what is logged stands before it
    assert done.code == ExitCode.ERROR
    ((_, ids),) = told["serversInNoPlan"].items()
    assert "s-1111111111111111a" in ids
    assert not any(each.startswith("s-4444") for each in ids)
    assert told["plans"][0]["wavesNeverDrilled"] == ["everything"]
    assert "source servers are in no plan" in drs("evidence", "coverage", *given).out
