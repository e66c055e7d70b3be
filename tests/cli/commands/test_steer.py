"""Pausing, cancelling, retrying: what is written, and what comes too late."""

from __future__ import annotations

import io
import json
import sys

import pytest

from drs_provider import keys
from drs_provider.airflow_rest.refused import ExitCode
from drs_provider.core.task_states import TASK_ACTIVE
from tests.cli.airflow_server import WAVES, complete, end, new_run

CLEAR = "clearTaskInstances"


def start_of(number: int) -> str:
    return keys.wave_task_id(number, WAVES[number], keys.START_RECOVERY)


@pytest.fixture
def run(airflow):
    return airflow.add(new_run())


@pytest.fixture
def on_terminal(monkeypatch):
    def type_in(text: str) -> None:
        terminal = io.StringIO(text)
        terminal.isatty = lambda: True
        monkeypatch.setattr(sys, "stdin", terminal)

    return type_in


class TestPause:
    def test_a_gate_that_is_not_reached_is_armed(self, drs, run):
        done = drs("pause", "erp", "application")
        assert done.code == ExitCode.OK
        assert run.xcoms[keys.PREPARE, keys.pause_key(2)] is True
        assert "will wait for an approval before wave 2 application" in done.out

    def test_twice_is_as_good_as_once_and_it_can_be_taken_back(self, drs, run):
        drs("pause", "erp", "2")
        assert drs("pause", "erp", "2").code == ExitCode.OK
        assert drs("pause", "erp", "2", "--undo").code == ExitCode.OK
        assert run.xcoms[keys.PREPARE, keys.pause_key(2)] is False

    def test_of_a_gate_that_the_plan_armed_the_pause_is_taken_back_only(self, drs, run):
        run.xcoms[keys.PREPARE, keys.frozen_wave_key(2)]["payload"]["gate"]["armed_by"] = "plan"
        done = drs("pause", "erp", "2", "--undo")
        assert "still waits for an approval (the gate is armed by plan)" in done.out
        assert "no longer" not in done.out

    def test_a_wave_that_is_not_selected_cannot_wait(self, drs, run):
        run.xcoms[keys.PREPARE, keys.FROZEN_PLAN]["payload"]["waves"][1]["selected"] = False
        done = drs("pause", "erp", "2")
        assert done.code == ExitCode.CONFLICT
        assert "not selected" in done.err

    @pytest.mark.parametrize("state", ["success", "running", "deferred", "failed"])
    def test_a_gate_that_is_reached_is_too_late(self, airflow, drs, run, state):
        run.tasks[keys.gate_task_id(2)] = state
        assert drs("pause", "erp", "application").code == ExitCode.CONFLICT
        assert airflow.sent("POST", "xcomEntries") == []

    def test_while_the_execution_is_prepared_nothing_is_written_that_would_be_lost(self, airflow, drs, run):
        run.tasks[keys.PREPARE] = "running"
        done = drs("pause", "erp", "application")
        assert done.code == ExitCode.CONFLICT
        assert "--pause-before" in done.err
        assert airflow.sent("POST", "xcomEntries") == []

    def test_an_unknown_wave(self, drs, run):
        done = drs("pause", "erp", "aplication")
        assert done.code == ExitCode.NOT_FOUND
        assert "did you mean `application`?" in done.err


class TestCancel:
    def test_the_run_is_marked_failed_with_the_reason(self, airflow, drs, run):
        done = drs("cancel", "erp", "--reason", "wrong day")
        assert done.code == ExitCode.OK
        assert airflow.sent("PATCH", "dagRuns") == [{"state": "failed", "note": "wrong day"}]
        assert "its cleanup terminates what it launched" in done.out

    def test_of_a_drill_that_keeps_its_instances_they_stay(self, drs, run):
        run.xcoms[keys.PREPARE, keys.FROZEN_PLAN]["payload"]["cleanup"] = "keep"
        assert "its instances stay" in drs("cancel", "erp").out

    def test_of_a_recovery_the_instances_stay(self, drs, run):
        run.xcoms[keys.PREPARE, keys.FROZEN_PLAN]["payload"]["execution_type"] = "RECOVERY"
        assert "its instances stay" in drs("cancel", "erp").out

    @pytest.mark.parametrize(("typed", "code"), [("y\n", ExitCode.OK), ("\n", ExitCode.REFUSED_INPUT)])
    def test_a_person_is_asked(self, drs, run, on_terminal, typed, code):
        on_terminal(typed)
        assert drs("cancel", "erp").code == code
        assert run.state == ("failed" if code == ExitCode.OK else "running")

    def test_a_person_who_said_yes_is_not(self, drs, run, on_terminal):
        on_terminal("n\n")
        assert drs("cancel", "erp", "--yes").code == ExitCode.OK

    def test_what_has_ended_is_not_cancelled(self, airflow, drs, run):
        end(run, "COMPLETED")
        assert drs("cancel", "CHG1").code == ExitCode.CONFLICT
        assert airflow.sent("PATCH", "dagRuns") == []

    def test_waiting_for_it_succeeds_when_the_execution_is_cancelled(self, airflow, drs, run):
        def script(method, path, _body):
            if method == "GET" and path.endswith("/taskInstances") and run.state == "failed":
                end(run, "CANCELLED")

        airflow.script = script
        done = drs("cancel", "erp", "--wait", "--interval", "0.05s")
        assert done.code == ExitCode.OK
        assert "CANCELLED" in done.out


class TestRetry:
    def cleared(self, airflow):
        (body,) = airflow.sent("POST", CLEAR)
        assert (body["include_downstream"], body["only_failed"], body["dry_run"]) == (True, False, False)
        assert (body["reset_dag_runs"], body["dag_run_id"]) == (True, "CHG1")
        return body["task_ids"]

    def failed(self, run, number=2):
        complete(run, *range(1, number))
        name = WAVES[number]
        run.tasks[keys.gate_task_id(number)] = "success"
        run.tasks[keys.wave_task_id(number, name, keys.START_RECOVERY)] = "success"
        run.tasks[keys.wave_task_id(number, name, keys.WAIT_FOR_RECOVERY)] = "success"
        run.tasks[keys.wave_task_id(number, name, keys.ENRICH)] = "failed"
        run.tasks[keys.HOLD_DRILL] = "upstream_failed"
        run.tasks[keys.CLEANUP_DRILL] = "success"
        statuses = {each: "COMPLETED" for each in range(1, number)} | {number: "FAILED"}
        end(run, "PARTIAL", statuses | {each: "CANCELLED" for each in WAVES if each > number})

    def test_the_failed_wave_and_what_is_behind(self, airflow, drs, run):
        self.failed(run)
        done = drs("retry", "erp")
        assert done.code == ExitCode.OK
        assert self.cleared(airflow) == [start_of(2)]
        assert "wave 2 application" in done.out

    def test_what_is_behind_a_failed_wave_is_not_named_again(self, airflow, drs, run):
        self.failed(run, 1)
        drs("retry", "erp")
        assert self.cleared(airflow) == [start_of(1)]

    def test_a_drill_that_was_cleaned_up_begins_again(self, airflow, drs, run):
        self.failed(run)
        run.xcoms[keys.CLEANUP_DRILL, keys.CLEANUP] = {"action": "terminated", "instances": 2}
        done = drs("retry", "erp")
        assert self.cleared(airflow) == [start_of(1)]
        assert "begins again with its first wave" in done.err

    def test_a_drill_that_was_kept_does_not(self, airflow, drs, run):
        self.failed(run)
        run.xcoms[keys.CLEANUP_DRILL, keys.CLEANUP] = {"action": "kept"}
        drs("retry", "erp")
        assert self.cleared(airflow) == [start_of(2)]

    def test_a_rejected_gate_asks_again(self, airflow, drs, run):
        complete(run, 1)
        run.tasks[keys.gate_task_id(2)] = "failed"
        end(run, "CANCELLED", {1: "COMPLETED", 2: "CANCELLED"})
        drs("retry", "erp")
        assert self.cleared(airflow) == [keys.gate_task_id(2), start_of(2)]

    def test_waves_can_be_named(self, airflow, drs, run):
        complete(run, 1, 2)
        end(run, "COMPLETED")
        assert drs("retry", "erp", "--waves", "application").code == ExitCode.OK
        assert self.cleared(airflow) == [start_of(2)]

    def test_a_cleanup_that_was_marked_as_success_although_instances_are_left(self, airflow, drs, run):
        complete(run, 1)
        complete(run, 2)
        record = end(run, "PARTIAL")
        run.tasks[keys.CLEANUP_DRILL] = "success"
        record["cleanup"] = {"action": "incomplete", "left": [{"instances": ["i-0aaa"]}]}
        assert drs("retry", "erp").code == ExitCode.OK
        (body,) = airflow.sent("POST", CLEAR)
        assert body["task_ids"] == [keys.CLEANUP_DRILL]

    def test_a_failed_cleanup_alone(self, airflow, drs, run):
        complete(run, 1, 2)
        run.tasks[keys.CLEANUP_DRILL] = "failed"
        end(run, "FAILED", {1: "COMPLETED", 2: "COMPLETED"})
        assert drs("retry", "erp").code == ExitCode.OK
        assert self.cleared(airflow) == [keys.CLEANUP_DRILL]

    def test_nothing_failed(self, airflow, drs, run):
        complete(run, 1, 2)
        end(run, "COMPLETED")
        done = drs("retry", "erp")
        assert done.code == ExitCode.CONFLICT
        assert airflow.sent("POST", CLEAR) == []

    def test_that_airflow_clears_nothing_is_no_success(self, airflow, drs, run):
        self.failed(run)
        airflow.script = lambda _method, path, _body: {"task_instances": []} if CLEAR in path else None
        done = drs("retry", "erp")
        assert done.code == ExitCode.CONFLICT
        assert start_of(2) in done.err

    def test_an_execution_that_never_started_is_started_anew_instead(self, airflow, drs, run):
        run.tasks[keys.PREPARE] = "failed"
        run.xcoms[keys.PREPARE, keys.FAILURE] = {"message": "preflight refuses the execution"}
        run.state = "failed"
        done = drs("retry", "erp")
        assert done.code == ExitCode.CONFLICT
        assert "preflight refuses the execution" in done.err
        assert airflow.sent("POST", CLEAR) == []

    def test_a_wave_that_runs_is_left_alone(self, airflow, drs, run):
        run.tasks[start_of(1)] = "running"
        assert drs("retry", "erp", "--waves", "database").code == ExitCode.CONFLICT
        assert airflow.sent("POST", CLEAR) == []

    @pytest.mark.parametrize("state", sorted(TASK_ACTIVE))
    def test_whatever_airflow_goes_on_with_by_itself_runs(self, airflow, drs, run, state):
        run.tasks[start_of(1)] = state
        done = drs("retry", "erp", "--waves", "database")
        assert (done.code, airflow.sent("POST", CLEAR)) == (ExitCode.CONFLICT, [])
        assert "runs or waits" in done.err

    def test_a_wave_that_the_dag_has_no_more_neither_runs_nor_can_be_cleared(self, airflow, drs, run):
        self.failed(run)
        run.tasks |= dict.fromkeys((task for task in run.tasks if task.startswith("wave_2_")), "removed")
        done = drs("retry", "erp")
        assert (done.code, airflow.sent("POST", CLEAR)) == (ExitCode.CONFLICT, [])
        assert "is not in the DAG any more" in done.err
        assert "start a new execution" in done.err

    def test_a_wave_that_was_left_out_is_no_retry(self, airflow, drs, run):
        complete(run, 1)
        run.xcoms[keys.PREPARE, keys.FROZEN_PLAN]["payload"]["waves"][1]["selected"] = False
        end(run, "COMPLETED", {1: "COMPLETED", 2: "SKIPPED"})
        assert drs("retry", "erp", "--waves", "application").code == ExitCode.REFUSED_INPUT
        assert airflow.sent("POST", CLEAR) == []

    def test_programs_get_what_was_cleared(self, drs, run):
        self.failed(run)
        assert json.loads(drs("retry", "erp", "-o", "json").out)["cleared"] == [start_of(2)]


class TestExtend:
    def test_a_drill_that_holds_gets_more_time(self, drs, run):
        run.ask(keys.HOLD_DRILL)
        done = drs("extend", "erp", "90m", "-o", "json")
        assert done.code == ExitCode.OK
        # It holds for an hour from the question on, which came ten seconds after the start.
        assert json.loads(done.out)["holdUntil"] == pytest.approx(run.began + 10 + 3600 + 5400)
        assert run.xcoms[keys.PREPARE, keys.HOLD_UNTIL] == json.loads(done.out)["holdUntil"]

    def test_what_was_added_counts_for_the_next_time(self, drs, run):
        run.ask(keys.HOLD_DRILL)
        drs("extend", "erp", "1h")
        drs("extend", "erp", "1h")
        assert run.xcoms[keys.PREPARE, keys.HOLD_UNTIL] == pytest.approx(run.began + 10 + 3 * 3600)

    def test_no_drill_gets_older_than_its_plan_lets_it(self, drs, run):
        run.ask(keys.HOLD_DRILL)
        done = drs("extend", "erp", "12h")
        assert done.code == ExitCode.REFUSED_INPUT
        assert "at most 10 h 59 min" in done.err
        assert (keys.PREPARE, keys.HOLD_UNTIL) not in run.xcoms

    def test_what_does_not_hold_is_not_extended(self, drs, run):
        assert drs("extend", "erp", "1h").code == ExitCode.CONFLICT


class TestCleanUp:
    def test_only_the_cleanup_looks_again_also_where_a_wave_failed(self, airflow, drs, run):
        complete(run, 1, 2)
        run.tasks[keys.CLEANUP_DRILL] = "failed"
        end(run, "FAILED", {1: "COMPLETED", 2: "FAILED"})
        done = drs("clean-up", "erp")
        assert done.code == ExitCode.OK
        assert [body["task_ids"] for body in airflow.sent("POST", CLEAR)] == [[keys.CLEANUP_DRILL]]

    def test_what_left_nothing_or_still_runs_is_not_cleaned_up(self, airflow, drs, run):
        assert "cleans up at its end" in drs("clean-up", "erp").err
        complete(run, 1, 2)
        run.tasks[keys.CLEANUP_DRILL] = "success"
        end(run, "COMPLETED")
        done = drs("clean-up", "erp")
        assert (done.code, airflow.sent("POST", CLEAR)) == (ExitCode.CONFLICT, [])
        assert "left nothing" in done.err

    def test_instances_of_a_recovery_stay(self, airflow, drs, run):
        complete(run, 1, 2)
        run.tasks[keys.CLEANUP_DRILL] = "failed"
        end(run, "FAILED")["executionType"] = "RECOVERY"
        done = drs("clean-up", "erp")
        assert (done.code, airflow.sent("POST", CLEAR)) == (ExitCode.CONFLICT, [])
        assert "its instances stay" in done.err
