"""What a plan is between its executions: failed over, skipped drills, back again; ready; drilled."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drs_provider.plan.model import Plan
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan, recovery_of
from tests.harness.stage import ACCOUNT, REGION, Stage
from tests.harness.worlds import world

RECOVERY = {"initiators": ["dr-lead"], "approvers": ["dr-approver-1"]}
SCHEDULE = {"cron": "0 3 * * 6"}
IN_AWS = world({WIKI[0]: {"origin_region": "eu-central-1"}})


def scheduled_plan() -> Plan:
    return plan(recovery=RECOVERY, schedule=SCHEDULE, drill={"hold": False})


def state(play: Stage) -> dict[str, Any]:
    return dict(json.loads(play.variables["drs_plan_state__drs_small"]))


def failed_over(play: Stage) -> PlanRun:
    made = scheduled_plan()
    run = play.plan_run(made, recovery_of(made), user="dr-lead").approve_everything()
    assert run.go() == "success"
    return run


def scheduled(play: Stage) -> PlanRun:
    run = play.plan_run(scheduled_plan(), run_type="scheduled")
    run.go()
    return run


def drs(play: Stage) -> Any:
    return play.simulator.client("drs", ACCOUNT, REGION)


@pytest.mark.drs_scenario(IN_AWS)
def test_a_plan_that_has_failed_over_skips_its_scheduled_drills_until_its_instances_are_gone(
    play: Stage,
) -> None:
    first = scheduled(play)
    assert state(play)["state"] == "PROTECTED"
    assert state(play)["lastDrill"]["runId"] == first.dag_run.run_id
    assert state(play)["drilledAt"] == first.record["endTime"]

    recovery = failed_over(play)
    kept = json.loads(play.variables["drs_failover__drs_small"])
    assert state(play)["state"] == "FAILED_OVER"
    assert state(play)["stateSince"] == kept["since"] == recovery.record["endTime"]
    rows = {row["sourceServerId"]: row for row in recovery.record["waves"][0]["serverStatuses"]}
    assert [row["sourceServerId"] for row in kept["servers"]] == list(WIKI)
    told = kept["servers"][0]
    assert (told["originAccountId"], told["originRegion"]) == (ACCOUNT, "eu-central-1")
    assert rows[WIKI[0]]["originZone"] == told["originZone"] == "eu-central-1a"
    assert "originRegion" not in kept["servers"][1]
    for name in ("recoveryInstanceId", "instanceId", "privateIp", "pointInTime"):
        assert told[name] == rows[WIKI[0]][name]

    jobs = len(play.jobs())
    skipped = scheduled(play)
    assert skipped.state == "success"  # skipped, not failed
    assert skipped.states["prepare"] == "skipped"
    why = skipped.xcom("prepare", "exclusion")
    assert why.startswith(
        f"small has failed over (2 servers run in recovery by {recovery.dag_run.run_id}: wiki-1, wiki-2)"
    )
    assert skipped.xcom("finalize") == {"outcome": "excluded", "why": why}
    assert len(play.jobs()) == jobs
    assert state(play)["state"] == "FAILED_OVER"

    play.variables = {key: value for key, value in play.variables.items() if "executions_of" in key}
    assert scheduled(play).states["prepare"] == "skipped"  # DRS tells, by the tags of the job
    assert state(play)["state"] == "FAILED_OVER"
    by_hand = play.drill(scheduled_plan())
    assert by_hand.state == "failed"
    assert "live recovery instances" in by_hand.stored["errorMessage"]

    instances = [row["recoveryInstanceID"] for row in drs(play).describe_recovery_instances()["items"]]
    drs(play).terminate_recovery_instances(recoveryInstanceIDs=instances)
    by_hand.advance(600)
    assert scheduled(play).record["status"] == "COMPLETED"
    assert state(play)["state"] == "PROTECTED"
    assert state(play)["stateWhy"] == "failed back: its recovery instances are gone"
    assert "drs_failover__drs_small" not in play.variables
    states = [(event["plan"], event["state"]) for event in play.events("planState")]
    assert [each for _, each in states] == ["PROTECTED", "FAILED_OVER", "FAILED_OVER", "PROTECTED"]


def test_an_instance_that_was_taken_out_of_drs_and_runs_on_is_told_until_people_say_so(play: Stage) -> None:
    failed_over(play)
    for row in drs(play).describe_recovery_instances()["items"]:
        drs(play).disconnect_recovery_instance(recoveryInstanceID=row["recoveryInstanceID"])
        drs(play).delete_recovery_instance(recoveryInstanceID=row["recoveryInstanceID"])
    assert scheduled(play).states["prepare"] == "skipped"
    dry = play.drill(scheduled_plan(), {"dry_run": True})
    (finding,) = [
        each
        for each in dry.xcom("prepare", "preflight")["findings"]
        if each["code"] == "recovery_instance_outside_drs"
    ]
    assert (finding["severity"], finding["serverCount"]) == ("WARN", 2)
    said = play.drill(scheduled_plan(), {"failed_back": "CHG7: the machines are kept for forensics"})
    assert said.record["status"] == "COMPLETED"
    assert state(play)["stateWhy"] == "failed back: CHG7: the machines are kept for forensics"
    (override,) = [each for each in said.record["overrides"] if each["what"] == "failed_back"]
    assert override["by"] == said.record["initiatedBy"]
    assert scheduled(play).record["status"] == "COMPLETED"


def test_readiness_is_that_of_the_last_preflight_of_all_waves(play: Stage) -> None:
    made = plan({"name": "one", "servers": WIKI[:1]}, {"name": "two", "servers": WIKI[1:]})
    play.drill(made, {"dry_run": True})
    assert (state(play)["state"], state(play)["readiness"]["status"]) == ("PROTECTED", "READY")
    drs(play).disconnect_source_server(sourceServerID=WIKI[1])
    play.drill(made, {"dry_run": True, "waves": ["one"]})
    assert state(play)["readiness"]["status"] == "READY"
    refused = play.drill(made)
    assert refused.state == "failed"
    kept = state(play)
    assert (kept["state"], kept["readiness"]["status"]) == ("NOT_PROTECTED", "NOT_READY")
    assert kept["stateWhy"] == "servers have no point in time: there is nothing to launch from (1 server)"
    assert kept["readiness"]["runId"] == refused.dag_run.run_id
    (lost,) = play.events("readinessLost")
    assert lost["codes"] == kept["readiness"]["codes"]
