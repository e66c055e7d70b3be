"""A RECOVERY: more is asked of people, nothing is cleaned up, live instances are sacred."""

from __future__ import annotations

import pytest

from drs_provider.plan.files.folder import load_plan
from tests.harness.plans import WIKI, plan, recovery_of
from tests.harness.stage import SAMPLE_PLANS, Stage

RECOVERY = {"initiators": ["dr-lead"], "approvers": ["dr-approver-1", "dr-approver-2"]}


def test_a_recovery_runs_to_its_end_and_keeps_what_it_launched(play: Stage) -> None:
    made = load_plan(SAMPLE_PLANS, "erp_three_tier")
    run = play.plan_run(made, recovery_of(made), user="dr-lead").approve_everything()
    run.answer("gate_2", "Approve", user="dr-approver-1").answer("gate_2", "Approve", user="dr-approver-2")
    assert run.go() == "success"
    record = run.stored
    assert (record["status"], record["executionType"]) == ("COMPLETED", "RECOVERY")
    assert [wave.get("gate", {}).get("armedBy") for wave in record["waves"]] == ["default", "plan", None]
    assert [row["respondedBy"] for row in run.wave("application")["gate"]["responses"]] == [
        "dr-approver-1",
        "dr-approver-2",
    ]
    assert set(play.instances().values()) == {"running"}
    assert [job.initiated_by for job in play.jobs()] == ["START_RECOVERY"] * 3
    assert play.jobs("TERMINATE") == []
    assert not any(row["isDrill"] for wave in record["waves"] for row in wave["serverStatuses"])


def test_trap_43_a_recovery_does_not_start_while_the_source_is_alive(play: Stage) -> None:
    made = plan(recovery=RECOVERY)
    run = play.plan_run(made, recovery_of(made, source_state="unknown"), user="dr-lead")
    assert run.go() == "failed"
    assert "source_state" in run.stored["errorMessage"]
    assert play.jobs() == []


def test_trap_33_a_second_recovery_does_not_touch_live_instances(play: Stage) -> None:
    made = plan(recovery=RECOVERY)
    first = play.plan_run(made, recovery_of(made), user="dr-lead").approve_everything()
    assert first.go() == "success"
    live = play.instances()
    second = play.plan_run(made, recovery_of(made), user="dr-lead").approve_everything()
    assert second.go() == "failed"
    assert second.stored["status"] == "FAILED"
    assert "live" in second.stored["errorMessage"]
    assert play.instances() == live
    assert len(play.jobs()) == 1


def test_trap_33_a_live_instance_is_replaced_only_where_conf_names_it_and_somebody_approves(
    play: Stage,
) -> None:
    made = plan({"name": "everything", "servers": WIKI[:1]}, recovery=RECOVERY)
    first = play.plan_run(made, recovery_of(made), user="dr-lead").approve_everything()
    assert first.go() == "success"
    conf = recovery_of(made, replace_live_instances=[WIKI[0]])
    second = play.plan_run(made, conf, user="dr-lead").answer("gate_1", "Approve")
    assert second.go() == "success"
    assert len(play.jobs()) == 2
    assert sorted(play.instances().values()) == ["running", "terminated"]
    assert any(WIKI[0] in str(item) for item in second.stored["overrides"])
    assert second.stored["overrides"][0]["by"] == "dr-lead"


@pytest.mark.drs_scenario("live_instance")
def test_trap_33_a_drill_that_replaces_a_live_instance_needs_an_approval(play: Stage) -> None:
    server = "s-1111111111111111b"
    made = plan({"name": "everything", "servers": (server,)})
    run = play.plan_run(made, {"replace_live_instances": [server]}).answer("gate_1", "Reject")
    before = play.instances()
    asked: list[str] = []
    run.when("gate_1", "deferred", lambda: asked.append(run.request("gate_1").body))
    assert run.go() == "failed"
    assert "destroyed" in asked[0]
    assert r"erp\-db\-2" in asked[0]
    assert play.instances() == before
    assert play.jobs() == []
