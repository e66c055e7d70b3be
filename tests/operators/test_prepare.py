"""What never becomes an execution, and what it leaves behind."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider.plan.files.folder import load_plan
from tests.harness.plan_run import PlanRun
from tests.harness.plans import plan, recovery_of, two_waves
from tests.harness.stage import SAMPLE_PLANS, Stage

RECOVERY = {"initiators": ["dr-lead"], "approvers": ["dr-approver-1"]}
LIVE = pytest.mark.drs_scenario("live_instance")
HOUR = 3600


def refused(run: PlanRun) -> str:
    """Run what must be refused; return why."""
    assert run.go() == "failed"
    assert run.states["prepare"] == "failed"
    assert run.states["wave_1_" + run.plan.waves[0].name + ".start_recovery"] == "upstream_failed"
    assert run.stage.jobs() == []
    assert run.stored["status"] == run.record["status"] == "FAILED"
    assert run.ran("prepare") == 1
    return str(run.stored["errorMessage"])


def test_preflight_findings_refuse_the_execution_all_at_once(play: Stage) -> None:
    made = plan({"name": "everything", "servers": ("s-4444444444444444a", "s-9999999999999999f")})
    message = refused(play.plan_run(made))
    assert "s-9999999999999999f" in message


def test_the_record_of_a_refused_run_says_what_was_asked(play: Stage) -> None:
    made = plan({"name": "everything", "servers": ("s-9999999999999999f",)}, objectives={"rto_minutes": 120})
    run = play.plan_run(made, {"reason": "test", "ticket": "CHG2", "initiated_by": "ops room"})
    refused(run)
    record = run.stored
    assert (record["reason"], record["ticket"], record["requestedBy"]) == ("test", "CHG2", "ops room")
    assert record["initiatedBy"] == "dr-operator"
    assert record["attempts"][0]["reportUri"].endswith("report-1.json")
    assert record["preflight"]
    assert record["objectives"] == {"rtoMinutes": 120}


@pytest.mark.parametrize(
    ("conf", "named"),
    [
        ({"wavs": ["first"]}, "wavs"),
        ({"waves": ["third"]}, "third"),
        ({"execution_type": "RECOVER"}, "execution_type"),
        ({"dry_run": "perhaps"}, "dry_run"),
    ],
)
def test_trap_21_bad_conf_is_refused_before_any_call(play: Stage, conf: dict[str, Any], named: str) -> None:
    message = refused(play.plan_run(two_waves(), conf))
    assert named in message
    assert play.simulator.calls() == []


def test_trap_31_a_recovery_needs_the_plans_name(play: Stage) -> None:
    made = plan(recovery=RECOVERY)
    conf = {"execution_type": "RECOVERY", "confirm_plan": "wiki", "source_state": "lost"}
    message = refused(play.plan_run(made, conf, user="dr-lead"))
    assert "confirm_plan" in message
    assert play.simulator.calls() == []


def test_trap_31_a_recovery_is_started_by_the_plans_initiators_only(play: Stage) -> None:
    made = plan(recovery=RECOVERY)
    message = refused(play.plan_run(made, recovery_of(made), user="dr-operator"))
    assert "dr-operator" in message
    assert "dr-lead" in message
    assert play.simulator.calls() == []


def test_trap_31_a_schedule_cannot_run_a_recovery(play: Stage) -> None:
    made = plan(recovery=RECOVERY)
    run = play.plan_run(made, recovery_of(made), run_type="scheduled")
    assert "schedule" in refused(run)


@LIVE
def test_trap_20_a_drill_does_not_replace_a_live_instance(play: Stage) -> None:
    made = load_plan(SAMPLE_PLANS, "erp_three_tier")
    before = play.instances()
    message = refused(play.plan_run(made))
    assert "erp-db-2" in message
    assert play.instances() == before


@LIVE
def test_trap_20_preflight_warn_does_not_let_it_pass(play: Stage) -> None:
    made = load_plan(SAMPLE_PLANS, "erp_three_tier")
    assert "erp-db-2" in refused(play.plan_run(made, {"preflight": "warn"}))


@pytest.mark.drs_scenario("wrong_network")
def test_trap_39_a_drill_does_not_launch_into_production(play: Stage) -> None:
    message = refused(play.plan_run("erp_three_tier"))
    assert "erp-db-1" in message
    assert "erp-db-2" in message


def test_trap_38_credentials_of_another_account_are_refused(play: Stage) -> None:
    targets = {
        "main": {
            "account_id": "999988887777",
            "region": "eu-west-1",
            "connection": "aws_dr",
            "own_account": True,
        }
    }
    message = refused(play.plan_run(plan(targets=targets)))
    assert "999988887777" in message
    assert "111122223333" in message


def test_a_dry_run_leaves_no_record_and_runs_nothing(play: Stage) -> None:
    run = play.plan_run(two_waves(), {"dry_run": True})
    assert run.go() == "success"
    assert run.states["prepare"] == "success"
    assert run.xcom("prepare")["outcome"] == "dry_run"
    assert {run.states[task] for task in ("gate_1", "wave_2_second.enrich", "hold_drill")} == {"skipped"}
    assert play.jobs() == []
    table = play.simulator.client("dynamodb")
    assert table.scan(TableName="execution-history")["Count"] == 0
    assert {file.suffix for file in play.reports.rglob("*.*")} == {".html", ".sh"}  # the runbook


def test_a_dry_run_that_finds_a_blocker_is_red(play: Stage) -> None:
    made = plan({"name": "everything", "servers": ("s-9999999999999999f",)})
    run = play.plan_run(made, {"dry_run": True})
    assert run.go() == "failed"
    assert "s-9999999999999999f" in run.failure("finalize")
    table = play.simulator.client("dynamodb")
    assert table.scan(TableName="execution-history")["Count"] == 0


def test_a_backfill_drills_nothing(play: Stage) -> None:
    run = play.plan_run(plan(), run_type="backfill")
    assert "single run" in refused(run)
    assert play.jobs() == []


def test_a_scheduled_drill_in_an_exclusion_window_is_skipped_green(play: Stage) -> None:
    schedule = {
        "cron": "0 3 * * 6",
        "timezone": "UTC",
        "exclude": [{"from": "2020-01-01", "to": "2090-01-01", "reason": "freeze"}],
    }
    run = play.plan_run(plan(schedule=schedule), run_type="scheduled")
    assert run.go() == "success"
    assert run.states["prepare"] == "skipped"
    assert run.states["finalize"] == "success"
    assert run.xcom("prepare", "outcome") == "excluded"
    assert play.jobs() == []
    by_hand = play.plan_run(plan(schedule=schedule), {"skip_gates": True})
    assert by_hand.go() == "success"
    assert len(play.jobs()) == 1


def test_a_scheduled_drill_that_is_late_waits_for_its_next_turn(play: Stage) -> None:
    schedule = {"cron": "0 3 * * 6", "timezone": "UTC"}
    run = play.plan_run(plan(schedule=schedule), run_type="scheduled", run_after=play.now() - 2 * HOUR)
    assert run.go() == "success"
    assert run.states["prepare"] == "skipped"
    assert play.jobs() == []


def test_a_scheduled_drill_runs_as_the_scheduler(play: Stage) -> None:
    schedule = {"cron": "0 3 * * 6", "timezone": "UTC"}
    run = play.plan_run(plan(schedule=schedule), run_type="scheduled", run_after=play.now() - 60)
    assert run.approve_everything().go() == "success"
    assert run.record["initiatedBy"] == "scheduler"


def test_only_the_selected_waves_run(play: Stage) -> None:
    run = play.plan_run(two_waves(), {"waves": ["second"]}).approve_everything()
    assert run.go() == "success"
    assert run.outline().status == "COMPLETED"
    assert run.outline().waves == {"first": "SKIPPED", "second": "COMPLETED"}
    assert play.launched_servers() == ["s-4444444444444444b"]
    assert run.states["wave_1_first.start_recovery"] == "skipped"


def test_a_missing_signing_key_starts_nothing(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DRS__SIGNING_KEY", "short")
    run = play.plan_run(plan())
    assert run.go() == "failed"
    assert "signing_key" in run.failure("prepare")
    assert play.simulator.calls() == []


def test_a_retry_of_prepare_keeps_what_was_frozen(play: Stage) -> None:
    play.kill_worker("PutItem")  # after the plan was frozen
    run = play.plan_run(plan()).approve_everything()
    begun = play.now()
    assert run.go() == "success"
    assert run.ran("prepare") == 2
    assert run.record["startTime"] == pytest.approx(begun, abs=0.01)
    assert len(play.jobs()) == 1


def test_a_preflight_that_aws_did_not_answer_is_tried_again(play: Stage) -> None:
    # Both attempts of the SDK.
    play.simulator.inject("DescribeSourceServers", code="ThrottlingException", times=2)
    run = play.plan_run("wiki").approve_everything()

    assert run.go() == "success"
    assert run.ran("prepare") == 2
    assert run.stored["status"] == "COMPLETED"


def test_a_preflight_that_aws_never_answers_refuses_in_the_end_and_says_why(play: Stage) -> None:
    play.simulator.inject("DescribeSourceServers", code="ThrottlingException")
    run = play.plan_run("wiki")

    assert run.go() == "failed"
    assert run.ran("prepare") == 4
    assert play.jobs() == []
    assert run.stored["status"] == "FAILED"
    assert "DescribeSourceServers" in run.stored["errorMessage"]


def test_what_will_not_pass_by_itself_is_refused_at_once_also_while_aws_throttles(play: Stage) -> None:
    play.simulator.inject("DescribeJobs", code="ThrottlingException")
    made = plan({"name": "everything", "servers": ("s-9999999999999999f",)})

    assert "s-9999999999999999f" in refused(play.plan_run(made))
