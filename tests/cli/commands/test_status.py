"""Status, watch and report: what an execution looks like, line by line, in a pipe and for programs."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
import yaml

from drs_provider import keys
from drs_provider.airflow_rest.refused import ExitCode
from drs_provider.cli.commands import following
from drs_provider.report.build import build_report, report_json
from drs_provider.snapshot.wave_reader import wave_status
from tests.cli.airflow_server import WAVES, Refuse, complete, end, new_run, tell


@pytest.fixture
def run(airflow):
    return airflow.add(new_run(user="[b]jane[/b]"))


def begin(run, number: int, **progress) -> None:
    """Let a wave's jobs run."""
    run.tasks[keys.gate_task_id(number)] = "success"
    run.tasks[keys.wave_task_id(number, WAVES[number], keys.START_RECOVERY)] = "success"
    wait = keys.wave_task_id(number, WAVES[number], keys.WAIT_FOR_RECOVERY)
    run.tasks[wait] = "deferred"
    run.xcoms[wait, keys.PROGRESS] = {
        "servers": {"IN_PROGRESS": 2},
        "phase": "launch",
        "fraction": 0.5,
    } | progress


class Script:
    """Changes the run step by step, one each time its tasks are read for another look."""

    def __init__(self, airflow, *steps):
        self._steps = list(steps)
        airflow.script = self

    def __call__(self, method, path, _body):
        if (method, path.rpartition("/")[2]) == ("GET", "taskInstances") and self._steps:
            self._steps.pop(0)()


def nothing() -> None:
    pass


@pytest.mark.parametrize(
    ("gate", "tasks", "status"),
    [
        (None, (None, None, None), "PENDING"),
        ("deferred", (None, None, None), "WAITING"),
        ("success", ("scheduled", None, None), "LAUNCHING"),
        ("success", ("running", None, None), "LAUNCHING"),
        ("success", ("deferred", None, None), "LAUNCHING"),
        ("success", ("success", "deferred", None), "POLLING"),
        ("success", ("success", "success", "running"), "POLLING"),
        ("success", ("success", "success", "success"), "COMPLETED"),
        ("success", ("success", "success", "failed"), "FAILED"),
        ("success", ("failed", "upstream_failed", "upstream_failed"), "FAILED"),
        ("success", ("success", "failed", "skipped"), "CANCELLED"),
        ("success", ("skipped", "skipped", "skipped"), "SKIPPED"),
        ("failed", ("upstream_failed", "upstream_failed", "upstream_failed"), "CANCELLED"),
        ("skipped", ("skipped", "skipped", "skipped"), "CANCELLED"),
        ("upstream_failed", ("upstream_failed", "upstream_failed", "upstream_failed"), "CANCELLED"),
    ],
)
def test_a_waves_status_follows_from_its_tasks(gate, tasks, status):
    assert wave_status(gate, tasks) == status


@pytest.mark.parametrize(
    ("before", "tasks", "status"),
    [
        (("deferred",), (None, None, None, None), "LAUNCHING"),
        (("failed",), ("upstream_failed",) * 4, "FAILED"),
        (("success",), ("success", "success", "success", "deferred", None), "POLLING"),
        (("success",), ("success", "success", "success", "failed", "running"), "FAILED"),
        (("success",), ("success", "success", "success", "success", "success"), "COMPLETED"),
    ],
)
def test_and_from_its_steps(before, tasks, status):
    assert wave_status("success", tasks, before) == status


class TestStatus:
    def test_one_execution(self, drs, run):
        complete(run, 1)
        begin(run, 2, remainingSeconds=90)
        done = drs("status", "CHG1")
        assert done.code == ExitCode.OK
        assert "by [b]jane[/b]" in done.out
        assert re.search(r"RTO 2 h: 1 min( 0\d s)? used", done.out)
        lines = {tuple(line.split()[:2]): line.split() for line in done.out.splitlines() if line.strip()}
        assert lines["1", "database"][2:5] == ["COMPLETED", "2", "LAUNCHED"]
        assert lines["2", "application"][2:7] == ["POLLING", "2", "IN_PROGRESS", "launch", "50%"]
        assert " ".join(lines["2", "application"][-8:]) == "8 min 56 s 1 min 30 s"

    def test_programs_get_everything(self, drs, run):
        complete(run, 1)
        run.ask(keys.gate_task_id(2), approvers=("dr-approver-1",))
        for form, read in (("json", json.loads), ("yaml", yaml.safe_load)):
            data = read(drs("status", "erp", "-o", form).out)
            assert (data["status"], data["ended"], data["executionId"]) == ("PAUSED", False, "id-CHG1")
            assert [wave["status"] for wave in data["waves"]] == ["COMPLETED", "WAITING"]
            (question,) = data["questions"]
            assert question["approvers"] == ["dr-approver-1"]
            assert question["deadline"] == pytest.approx(question["openedAt"] + 3600)
            assert data["expectedSeconds"] == pytest.approx(2 * 536)

    def test_what_was_expected_when_the_plan_was_frozen_counts(self, drs, run):
        run.xcoms[keys.PREPARE, keys.FROZEN_PLAN]["payload"]["expected"] = {
            "seconds": 777,
            "source": "history",
        }
        assert json.loads(drs("status", "erp", "-o", "json").out)["expectedSeconds"] == 777

    def test_without_an_execution_the_newest_of_all_plans_are_listed(self, airflow, drs, run):
        end(airflow.add(new_run("W1", "wiki", began=run.began - 100)), "PARTIAL")
        airflow.add_plan("sweeper", description="DRS sweeper")
        run.ask(keys.gate_task_id(1), approvers=("dr-lead",))
        rows = drs("status").out.splitlines()
        assert [row.split()[0] for row in rows[2:]] == ["erp/CHG1", "wiki/W1"]
        assert "gate before wave 1 database: dr-lead" in rows[2]
        assert "PARTIAL" in rows[3]
        assert len(json.loads(drs("status", "--limit", "1", "-o", "json").out)) == 1
        assert drs("status", "--limit", "0").code == ExitCode.REFUSED_INPUT

    @pytest.mark.parametrize(
        ("status", "code"),
        [("COMPLETED", ExitCode.OK), ("FAILED", ExitCode.FAILED), ("CANCELLED", ExitCode.CANCELLED)],
    )
    def test_of_an_execution_that_has_ended_the_exit_code_tells_how(self, drs, run, status, code):
        end(run, status)
        assert drs("status", "CHG1").code == code

    def test_what_is_left_of_a_drill_is_named_with_the_reason(self, drs, run):
        record = end(run, "PARTIAL")
        record["errorMessage"] = "cleanup failed: i-0aaa is left: denied"
        left = {"accountId": "111122223333", "region": "eu-west-1", "instances": ["i-0aaa"], "why": "denied"}
        record["cleanup"] = {"action": "incomplete", "left": [left]}
        done = drs("status", "CHG1")
        assert done.code == ExitCode.PARTIAL
        assert "cleanup failed: i-0aaa is left: denied" in done.out
        assert json.loads(drs("status", "CHG1", "-o", "json").out)["instancesLeft"] == [left]

    def test_the_objective_is_missed_out_loud(self, drs, run):
        run.xcoms[keys.PREPARE, keys.FROZEN_PLAN]["payload"]["objectives"] = {"rto_minutes": 0.5}
        assert re.search(r"MISSED by 3\d s", drs("status", "CHG1").out)

    def test_a_dry_run_is_no_execution(self, drs, run):
        run.state = "success"
        run.xcoms[keys.PREPARE, keys.OUTCOME] = "dry_run"
        done = drs("status", "CHG1")
        assert done.code == ExitCode.OK
        assert "DRY_RUN: nothing was launched" in done.out

    def test_why_an_execution_did_not_start(self, drs, run):
        run.tasks[keys.PREPARE] = "failed"
        run.state = "failed"
        run.xcoms[keys.PREPARE, keys.FAILURE] = {"message": "preflight refuses\nthe execution"}
        done = drs("status", "CHG1")
        assert done.code == ExitCode.FAILED
        assert "preflight refuses the execution" in done.out

    def test_in_a_new_attempt_nothing_is_shown_of_the_one_before(self, drs, run):
        end(run, "FAILED")
        run.state = "running"
        run.tasks[keys.FINALIZE] = None
        data = json.loads(drs("status", "CHG1", "-o", "json").out)
        assert (data["attempt"], data["ended"]) == (2, False)


class TestWatch:
    WORDS = ("watch", "CHG1", "--interval", "0.05s")

    def test_a_pipe_gets_a_line_for_each_change(self, airflow, drs, run):
        def gate():
            complete(run, 1)
            run.ask(keys.gate_task_id(2), approvers=("dr-approver-1",))

        def approved():
            run.questions.clear()
            begin(run, 2)

        Script(
            airflow,
            lambda: begin(run, 1, remainingSeconds=285),
            nothing,
            gate,
            approved,
            lambda: end(run, "COMPLETED"),
        )
        done = drs(*self.WORDS)
        assert done.code == ExitCode.OK
        told = [line.partition("] ")[2] for line in done.out.splitlines()]
        assert told[0] == "DRILL A plan erp/CHG1"
        assert [line for line in told if line.startswith("wave")] == [
            "wave 1 database: POLLING, 2 IN_PROGRESS, launch, about 4 min 45 s left",
            "wave 1 database: COMPLETED, 2 LAUNCHED",
            "wave 2 application: WAITING",
            "wave 2 application: POLLING, 2 IN_PROGRESS, launch",
            "wave 1 database: COMPLETED",
            "wave 2 application: COMPLETED",
        ]
        (asked,) = [line for line in told if "waits for" in line]
        assert asked.startswith("gate before wave 2 application waits for dr-approver-1 until 20")
        assert asked.endswith("Z (then: reject)")
        for verb in ("approve", "reject", "skip"):
            assert f"  airflow drs {verb} erp/CHG1 --wave application" in told
        assert told[-1] == "COMPLETED, 2 of 2 waves, verdict passed after 50 s"
        assert "\x1b" not in done.out

    def test_a_verdict_is_asked_for_with_its_command(self, airflow, drs, run):
        complete(run, 1, 2)
        run.ask(keys.HOLD_DRILL)
        Script(airflow, nothing, nothing, lambda: end(run, "COMPLETED"))
        assert "airflow drs verdict erp/CHG1 passed --notes …" in drs(*self.WORDS).out.replace("'", "")

    def test_programs_get_a_line_of_json_for_each_change(self, airflow, drs, run):
        Script(
            airflow,
            lambda: begin(run, 1),
            nothing,
            nothing,
            lambda: end(run, "FAILED", {1: "FAILED", 2: "CANCELLED"}),
        )
        done = drs(*self.WORDS, "-o", "json")
        assert done.code == ExitCode.FAILED
        states = [json.loads(line)["status"] for line in done.out.splitlines()]
        assert states == ["POLLING", "FAILED"]

    def test_an_interrupt_leaves_the_execution_running_and_says_so(self, airflow, drs, run, monkeypatch):
        def interrupt(_seconds):
            raise KeyboardInterrupt

        monkeypatch.setattr(following.time, "sleep", interrupt)
        done = drs(*self.WORDS)
        assert done.code == ExitCode.INTERRUPTED
        assert "erp/CHG1 goes on. Follow it: airflow drs watch erp/CHG1" in done.err
        assert [method for method, _, _ in airflow.requests if method != "GET"] == []

    def test_a_restart_of_the_api_server_is_waited_for(self, airflow, drs, run):
        def away():
            raise Refuse(503, "starting")

        Script(airflow, nothing, away, away, lambda: end(run, "COMPLETED"))
        done = drs(*self.WORDS)
        assert done.code == ExitCode.OK
        assert done.err.count("trying again") == 1

    def test_a_server_that_stays_away_is_given_up(self, airflow, drs, run, monkeypatch):
        monkeypatch.setattr(following, "PATIENCE_SECONDS", 0.0)

        def away():
            raise Refuse(503, "gone")

        Script(airflow, nothing, *[away] * 50)
        assert drs(*self.WORDS).code == ExitCode.UNREACHABLE

    def test_a_right_that_is_taken_away_is_not_waited_for(self, airflow, drs, run):
        def forbidden():
            raise Refuse(403, "Forbidden")

        Script(airflow, nothing, forbidden)
        assert drs(*self.WORDS).code == ExitCode.NOT_ALLOWED

    def test_progress_does_not_flicker_between_trigger_and_worker(self, airflow, drs, run):
        wait = keys.wave_task_id(1, WAVES[1], keys.WAIT_FOR_RECOVERY)
        Script(
            airflow,
            lambda: begin(run, 1),
            nothing,
            lambda: run.tasks.update({wait: "queued"}),
            nothing,
            lambda: end(run, "COMPLETED"),
        )
        lines = [line for line in drs(*self.WORDS).out.splitlines() if "POLLING, " in line]
        assert len(lines) == 1


class TestReport:
    def test_it_is_the_stored_one_byte_for_byte(self, drs, run, tmp_path):
        record = end(run, "COMPLETED")
        findings = [{"severity": "WARN", "message": "late"}]
        run.xcoms[keys.PREPARE, keys.PREFLIGHT] = {"findings": findings}
        stored = report_json(build_report(record, findings=findings))
        sha256 = hashlib.sha256(stored.encode()).hexdigest()
        file = tmp_path / "report-1.json"
        file.write_text(stored)
        record["attempts"][0] |= {"reportUri": file.as_uri(), "reportSha256": sha256}
        done = drs("report", "erp")
        assert done.code == ExitCode.OK
        assert done.out == stored
        assert f"the same as the stored report {file.as_uri()}, which was read (sha256 {sha256})" in done.err

    @pytest.mark.parametrize(
        ("found", "told"),
        [
            (None, "there is no file"),
            ("changed", "was changed"),
            ("folder", "cannot be read from here"),
            ("another", "not the same as the stored report"),
        ],
    )
    def test_what_is_said_of_the_stored_file_was_looked_at(self, drs, run, tmp_path, found, told):
        record = end(run, "COMPLETED")
        file = tmp_path / "report-1.json"
        if found == "folder":
            file.mkdir()
        elif found is not None:
            file.write_text(found)
        made = report_json(build_report(record))
        written = "another" if found == "another" else made
        sha256 = hashlib.sha256(written.encode()).hexdigest()
        record["attempts"][0] |= {"reportUri": file.as_uri(), "reportSha256": sha256}
        done = drs("report", "erp")
        assert (done.code, done.out) == (ExitCode.OK, made)
        assert told in done.err
        assert file.as_uri() in done.err
        assert "the same as the stored report" not in done.err.replace("not the same as", "")

    @pytest.mark.parametrize(
        "uri", ["s3://r/report-1.json", "s3://no_such_connection@r/report-1.json", "x:/y"]
    )
    def test_a_place_that_cannot_be_reached_from_here_is_no_claim(self, drs, run, uri):
        record = end(run, "COMPLETED")
        record["attempts"][0] |= {"reportUri": uri, "reportSha256": "0" * 64}
        done = drs("report", "erp")
        assert done.code == ExitCode.OK
        assert f"{uri} cannot be read from here" in done.err

    def test_a_report_that_could_not_be_written_is_seen(self, drs, run):
        record = end(run, "COMPLETED")
        record["attempts"][0]["reportError"] = "s3://r/x: no such bucket"
        assert "report: NOT WRITTEN: s3://r/x: no such bucket" in drs("status", "CHG1").out
        assert "no report was stored when it ended: s3://r/x: no such bucket" in drs("report", "erp").err

    def test_it_can_be_saved_as_a_page(self, drs, run, tmp_path):
        end(run, "COMPLETED")
        file = tmp_path / "r.html"
        done = drs("report", "CHG1", "--format", "html", "-o", str(file))
        assert (done.code, done.out) == (ExitCode.OK, "")
        assert "id-CHG1" in file.read_text()
        assert "<html" in file.read_text()
        assert drs("report", "CHG1", "-o", str(tmp_path / "no" / "r.json")).code == ExitCode.ERROR

    def test_before_the_end_and_for_dry_runs_there_is_none(self, drs, run):
        assert drs("report", "CHG1").code == ExitCode.CONFLICT
        run.state = "success"
        assert drs("report", "CHG1").code == ExitCode.NOT_FOUND


@pytest.mark.parametrize("value", ["nonsense", [1], {}, {"payload": "nonsense"}, {"payload": {"waves": 1}}])
def test_trap_37_xcoms_that_somebody_wrote_do_not_hide_an_execution(airflow, drs, run, value):
    begin(run, 1)
    for address in list(run.xcoms):
        run.xcoms[address] = value
    shown = drs("status", "CHG1")
    assert shown.code == ExitCode.OK, shown.err
    assert "CHG1" in shown.out


def test_a_recoverys_gate_shows_who_is_asked_what_comes_next_and_who_decided_alone(airflow, drs):
    run = airflow.add(new_run())
    run.xcoms[keys.PREPARE, keys.FROZEN_PLAN]["payload"]["execution_type"] = "RECOVERY"
    for number in (1, 2):
        wave = run.xcoms[keys.PREPARE, keys.frozen_wave_key(number)]["payload"]
        wave["gate"] |= {"armed_by": "plan", "approvers": ["team:storage"], "emergency_approvers": ["ceo"]}
    first, second = keys.gate_task_id(1), keys.gate_task_id(2)
    run.tasks[first] = "success"
    alone = {"decision": "Approve in emergency", "respondedBy": "ceo", "respondedAt": run.began + 20}
    tell(run, first, {**alone, "comment": "both on a plane", "emergency": True})
    run.ask(second)
    run.xcoms[second, keys.GATE_ANSWERS] = {
        "responses": [],
        "asked": [{"at": run.began + 10, "names": ["team:storage"], "teams": {"storage": ["alice", "bob"]}}],
        "reminders": 2,
        "remindedAt": run.began + 1800,
        "next": {"at": run.began + 3600, "name": "team:managers"},
    }
    data = json.loads(drs("status", "CHG1", "-o", "json").out)
    (question,) = data["questions"]
    assert question["approvers"] == ["alice", "bob"]
    assert question["emergencyApprovers"] == ["ceo"]
    assert question["deadline"] == run.began + 3600
    assert question["onTimeout"] == "team:managers is asked as well"
    assert question["asked"][0]["teams"] == {"storage": ["alice", "bob"]}
    assert data["emergencies"] == [
        "gate before wave 1 database: Approve in emergency by ceo alone, because: both on a plane"
    ]
    text = " ".join(drs("status", "CHG1").out.split())
    assert "waits for alice, bob until" in text
    assert "(then: team:managers is asked as well)" in text
    assert "team:storage (alice, bob)" in text
    assert "reminded 2 times" in text
    assert "--emergency" in text
    assert "EMERGENCY, gate before wave 1 database" in text
