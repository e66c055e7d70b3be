"""Starting: what is sent, what is refused before Airflow is asked, what a second start does."""

from __future__ import annotations

import io
import json
import sys
from functools import partial

import pytest

from drs_provider import keys
from drs_provider.airflow_rest.refused import ExitCode
from tests.cli.airflow_server import Refuse, end, new_run

TRIGGER = "drs_erp/dagRuns"
REPORT = {
    "ok": True,
    "checkedAt": 1_772_375_400.0,
    "serverCount": 8,
    "counts": {"block": 0, "warn": 0, "info": 0, "overridden": 0},
    "findingsLeftOff": 0,
    "findings": [],
}
FINDING = {
    "code": "lag",
    "severity": "WARN",
    "subject": "wave database",
    "message": "[red]late[/red]",
    "remedy": "wait",
    "overridable": True,
    "overridden": False,
    "serverCount": 7,
    "servers": [
        {"sourceServerId": f"s-{each}", "serverName": f"db-{each}", "detail": "P1D"} for each in range(7)
    ],
}


@pytest.fixture
def plans(airflow):
    airflow.add_plan("erp")
    airflow.add_plan("wiki")
    return airflow


def triggered(airflow):
    return [body for body in airflow.sent("POST", TRIGGER) if "dag_ids" not in body]


def test_a_drill_sends_what_was_asked_and_says_how_to_follow(plans, drs):
    done = drs("drill", "erp", "--run-id", "CHG1", "--ticket", "CHG1", "--waves", "database")
    assert done.code == ExitCode.OK
    conf = {"execution_type": "DRILL", "ticket": "CHG1", "waves": ["database"]}
    assert triggered(plans) == [{"logical_date": None, "conf": conf, "dag_run_id": "CHG1"}]
    assert "started erp/CHG1" in done.out
    assert "airflow drs watch erp/CHG1" in done.out
    assert f"{plans.url}/dags/drs_erp/runs/CHG1" in done.out


def test_programs_get_the_run(plans, drs):
    data = json.loads(drs("drill", "erp", "--run-id", "CHG1", "-o", "json").out)
    assert (data["dagRunId"], data["started"], data["initiatedBy"]) == ("CHG1", True, "dr-operator")


def test_a_run_id_that_airflow_could_write_no_logs_for_is_refused(plans, drs):
    done = drs("drill", "erp", "--run-id", "x" * 251)
    assert done.code == ExitCode.REFUSED_INPUT
    assert "use at most 248" in done.err
    assert triggered(plans) == []
    assert drs("drill", "erp", "--run-id", "x" * 248).code == ExitCode.OK


def test_the_same_start_again_starts_nothing(plans, drs):
    words = ("drill", "erp", "--run-id", "CHG1", "--ticket", "CHG1")
    assert drs(*words).code == ExitCode.OK
    again = drs(*words)
    assert again.code == ExitCode.OK
    assert "exists already" in again.out
    assert "nothing was started" in again.out
    assert json.loads(drs(*words, "-o", "json").out)["started"] is False
    assert len(plans.runs) == 1


def test_another_start_of_the_same_name_is_a_conflict_that_names_the_difference(plans, drs):
    drs("drill", "erp", "--run-id", "CHG1", "--ticket", "CHG1")
    other = drs("drill", "erp", "--run-id", "CHG1", "--ticket", "CHG2", "--dry-run")
    assert other.code == ExitCode.CONFLICT
    assert "dry_run, ticket" in other.err
    assert "hidden" not in other.err


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"is_paused": True}, "airflow dags unpause drs_erp"),
        ({"has_import_errors": True}, "import errors"),
        ({"is_stale": True}, "stale"),
        ({"tags": [{"name": "drs"}, {"name": "withdrawn"}]}, "plans validate"),
    ],
)
@pytest.mark.parametrize("verb", ["drill", "recover", "preflight"])
def test_trap_40_what_airflow_would_leave_in_its_queue_is_refused(plans, drs, change, told, verb):
    plans.add_plan("erp", **change)
    words = ("--confirm-plan", "erp") if verb == "recover" else ()
    done = drs(verb, "erp", *words)
    assert done.code == ExitCode.NOT_STARTABLE
    assert told in done.err
    assert triggered(plans) == []


def test_a_sick_scheduler_is_warned_of(plans, drs):
    plans.health = {"scheduler": {"status": "unhealthy"}, "triggerer": {"status": "healthy"}}
    done = drs("drill", "erp")
    assert done.code == ExitCode.OK
    assert "warning: Airflow's scheduler is not healthy" in done.err


def test_an_unknown_plan_is_told_with_what_may_be_meant(plans, drs):
    plans.add_plan("sweeper", description="DRS sweeper")
    done = drs("drill", "erpp")
    assert done.code == ExitCode.NOT_FOUND
    assert "did you mean `erp`?" in done.err
    assert "the plans are `erp`, `wiki`" in drs("drill", "something_else").err


def test_what_airflow_refuses_is_refused_input(plans, drs):
    def refuse(method, path, _body):
        if method == "POST" and path.endswith(TRIGGER):
            raise Refuse(400, "Invalid input for param waves: 'x' is not one of ['database']")

    plans.script = refuse
    done = drs("drill", "erp", "--waves", "x")
    assert done.code == ExitCode.REFUSED_INPUT
    assert "'x' is not one of ['database']" in done.err


class TestRecover:
    def test_programs_confirm_with_an_option(self, plans, drs):
        words = ("--confirm-plan", "erp", "--source-state", "lost", "--incident-time", "2026-03-01T14:30:00Z")
        assert drs("recover", "erp", *words).code == ExitCode.OK
        (body,) = triggered(plans)
        assert body["conf"] == {
            "execution_type": "RECOVERY",
            "confirm_plan": "erp",
            "source_state": "lost",
            "incident_time": "2026-03-01T14:30:00Z",
        }

    def test_without_a_terminal_nothing_is_asked_and_nothing_started(self, plans, drs, monkeypatch):
        monkeypatch.setattr(sys, "stdin", io.StringIO("erp\n"))
        done = drs("recover", "erp")
        assert done.code == ExitCode.REFUSED_INPUT
        assert "--confirm-plan erp" in done.err
        assert triggered(plans) == []

    @pytest.mark.parametrize(("typed", "code"), [("erp\n", ExitCode.OK), ("yes\n", ExitCode.REFUSED_INPUT)])
    def test_on_a_terminal_the_plans_name_must_be_typed(self, plans, drs, monkeypatch, typed, code):
        terminal = io.StringIO(typed)
        terminal.isatty = lambda: True
        monkeypatch.setattr(sys, "stdin", terminal)
        assert drs("recover", "erp").code == code
        assert len(triggered(plans)) == (code == ExitCode.OK)

    def test_another_plans_name_confirms_nothing(self, plans, drs):
        assert drs("recover", "erp", "--confirm-plan", "wiki").code == ExitCode.REFUSED_INPUT
        assert triggered(plans) == []


class TestWaiting:
    @pytest.mark.parametrize(
        ("status", "code"),
        [
            ("COMPLETED", ExitCode.OK),
            ("PARTIAL", ExitCode.PARTIAL),
            ("FAILED", ExitCode.FAILED),
            ("CANCELLED", ExitCode.CANCELLED),
        ],
    )
    @pytest.mark.parametrize("how", ["--wait", "--watch"])
    def test_the_exit_code_is_the_executions_end(self, plans, drs, status, code, how):
        self.ends(plans, partial(end, status=status))
        done = drs("drill", "erp", how, "--interval", "0.05s")
        assert done.code == code
        assert f"{status}, 2 of 2 waves, verdict passed after 50 s" in done.out

    def test_time_that_is_up_stops_the_wait_and_not_the_execution(self, plans, drs):
        done = drs("drill", "erp", "--run-id", "CHG1", "--wait", "--timeout", "0.1s", "--interval", "0.05s")
        assert done.code == ExitCode.TIMEOUT
        assert "airflow drs watch erp/CHG1" in done.err
        assert plans.sent("PATCH", "dagRuns") == []

    @staticmethod
    def ends(airflow, how):
        """Let the run end when its tasks are read for the second time."""
        seen = []

        def script(_method, path, _body):
            if path.endswith("/taskInstances"):
                seen.append(path)
                if len(seen) == 2:
                    (run,) = airflow.runs.values()
                    how(run)

        airflow.script = script


class TestPreflight:
    def done(self, airflow, drs, report, *words, state="success"):
        airflow.add_plan("erp")

        def script(method, path, _body):
            if method == "GET" and path.endswith("/taskInstances"):
                (run,) = airflow.runs.values()
                run.state = state
                run.tasks[keys.PREPARE] = state
                run.xcoms[keys.PREPARE, keys.OUTCOME] = "dry_run"
                if report:
                    run.xcoms[keys.PREPARE, keys.PREFLIGHT] = report
                else:
                    run.xcoms[keys.PREPARE, keys.FAILURE] = {"message": "the run configuration is refused"}

        airflow.script = script
        return drs("preflight", "erp", "--interval", "0.05s", *words)

    def test_nothing_found(self, airflow, drs):
        done = self.done(airflow, drs, REPORT)
        assert done.code == ExitCode.OK
        assert "nothing stops an execution now (8 servers, 0 blocking, 0 warnings" in done.out
        (body,) = triggered(airflow)
        assert body["conf"] == {"execution_type": "DRILL", "dry_run": True}

    def test_warnings(self, airflow, drs):
        report = REPORT | {"counts": REPORT["counts"] | {"warn": 1}, "findings": [FINDING]}
        done = self.done(airflow, drs, report)
        assert done.code == ExitCode.WARNINGS
        assert "[red]late[/red]" in done.out
        assert "db-4 P1D and 2 more" in done.out

    def test_what_stops_an_execution(self, airflow, drs):
        blocking = FINDING | {"severity": "BLOCK"}
        report = REPORT | {"ok": False, "counts": REPORT["counts"] | {"block": 1}, "findings": [blocking]}
        done = self.done(airflow, drs, report, "-o", "json", state="failed")
        assert done.code == ExitCode.BLOCKED
        assert json.loads(done.out)["findings"] == [blocking]

    def test_a_configuration_that_is_refused(self, airflow, drs):
        done = self.done(airflow, drs, None, state="failed")
        assert done.code == ExitCode.REFUSED_INPUT
        assert "the run configuration is refused" in done.err

    def test_a_recovery_needs_no_confirmation_to_be_checked(self, airflow, drs):
        assert self.done(airflow, drs, REPORT, "--type", "RECOVERY").code == ExitCode.OK
        (body,) = triggered(airflow)
        assert body["conf"] == {"execution_type": "RECOVERY", "confirm_plan": "erp", "dry_run": True}


def test_runs_of_other_plans_are_not_looked_at(plans, drs):
    plans.add(new_run("CHG9", "wiki"))
    assert drs("drill", "erp", "--run-id", "CHG9").code == ExitCode.OK
    assert len(plans.runs) == 2
