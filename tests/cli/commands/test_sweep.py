"""The sweeper from the command line: triggered, waited for, its report printed."""

from __future__ import annotations

import json

import pytest

from drs_provider import keys
from drs_provider.airflow_rest.refused import ExitCode
from drs_provider.core.identity import SWEEPER_DAG_ID
from drs_provider.rules.sweep.report import Finding, SweepReport

REPORT = SweepReport(
    swept_at=1_772_375_400.0,
    deployment_id="airflow",
    records_open=2,
    targets=[{"accountId": "111122223333", "region": "eu-west-1"}],
    findings=[
        Finding("orphaned record", "id-1", "closed", "[b]gone[/b]", execution_id="id-1", plan_name="erp")
    ],
)


@pytest.fixture
def sweeper(airflow):
    """The sweeper's DAG; its report is there when the run is asked for."""
    airflow.add_plan("sweeper", description="DRS sweeper", tags=[{"name": "drs-maintenance"}])
    airflow.report = REPORT.to_dict()

    def script(method, path, _body):
        if method == "GET" and "/dagRuns/" in path and path.count("/") == 6:
            (run,) = airflow.runs.values()
            run.state = "success"
            if airflow.report:
                run.xcoms[keys.SWEEP, keys.SWEEP_REPORT] = airflow.report
            else:
                run.xcoms[keys.SWEEP, keys.FAILURE] = {"message": "targets must be a list"}

    airflow.script = script
    return airflow


def test_the_report_is_printed(sweeper, drs):
    done = drs("sweep", "--targets", "111122223333,eu-west-1", "--dry-run", "--interval", "0.05s")
    assert done.code == ExitCode.OK
    (body,) = sweeper.sent("POST", f"{SWEEPER_DAG_ID}/dagRuns")
    assert body["conf"] == {"targets": ["111122223333", "eu-west-1"], "dry_run": True}
    assert "swept 2026-03-01 14:30:00Z: 2 open records, 1 accounts and Regions; 1 closed" in done.out
    assert "[b]gone[/b]" in done.out


def test_programs_get_the_report_itself(sweeper, drs):
    assert json.loads(drs("sweep", "--interval", "0.05s", "-o", "json").out) == REPORT.to_dict()


def test_what_could_not_be_looked_at_is_an_error(sweeper, drs):
    sweeper.report = REPORT.to_dict() | {"ok": False, "failures": ["eu-west-1: AccessDenied"]}
    done = drs("sweep", "--interval", "0.05s")
    assert done.code == ExitCode.ERROR
    assert "FAILED: eu-west-1: AccessDenied" in done.out


def test_a_sweep_without_a_report_says_why(sweeper, drs):
    sweeper.report = None
    done = drs("sweep", "--interval", "0.05s")
    assert done.code == ExitCode.ERROR
    assert "targets must be a list" in done.err


def test_a_sweep_that_is_slow_goes_on(sweeper, drs):
    sweeper.script = lambda *_: None
    done = drs("sweep", "--timeout", "0.1s", "--interval", "0.05s")
    assert done.code == ExitCode.TIMEOUT
    assert "it goes on" in done.err


def test_without_the_sweepers_dag_or_with_a_paused_one_nothing_is_triggered(airflow, drs):
    assert drs("sweep").code == ExitCode.NOT_FOUND
    airflow.add_plan("sweeper", is_paused=True)
    assert drs("sweep").code == ExitCode.NOT_STARTABLE
    assert airflow.sent("POST", "dagRuns") == []
