"""Building blocks on real Airflow: a drill from its start to its end, mapped starts, a plan that a DAG runs."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlparse

import pytest

from drs_provider.airflow_rest.executions import Execution
from embedded import simulated_aws
from embedded.needs import CONNECTION
from embedded.stack import Stack
from tests.e2e.waiting import ended, until

pytestmark = pytest.mark.e2e

DRILL, MAPPED = "example_drs_drill", "example_drs_start"
RUN_PLAN, AFTER = "example_drs_run_plan", "example_drs_after_drill"


def test_a_drill_and_mapped_starts(stack: Stack) -> None:
    with stack.api() as api:
        runs = {}
        for dag_id in (DRILL, MAPPED):
            stack.wait_for_dag(dag_id)
            runs[dag_id] = Execution.start(api, dag_id, {}, "blocks")
        states = {dag_id: ended(stack, run).run["state"] for dag_id, run in runs.items()}
        outputs = {
            dag_id: {task_id: run.facts(task_id, "return_value") for task_id in ("wait", "terminate")}
            for dag_id, run in runs.items()
        }
        addresses = runs[DRILL].facts("addresses", "return_value")
    assert states == {DRILL: "success", MAPPED: "success"}, outputs
    for told in outputs.values():
        assert (told["wait"]["met"], told["wait"]["recovered"]) == (True, 2)
        assert len(told["terminate"]["terminated"]) == 2
        assert told["terminate"]["remaining"] == []
    assert len(addresses) == 2
    launches = outputs[MAPPED]["wait"]["launches"]
    assert len({launched["executionId"] for launched in launches}) == 2
    assert [len(launched["jobs"]) for launched in launches] == [1, 1]


def test_a_plan_with_steps_is_run_by_a_dag_and_its_drill_starts_the_next(stack: Stack) -> None:
    with stack.api() as api:
        for dag_id in (RUN_PLAN, AFTER):
            stack.wait_for_dag(dag_id)
        run = ended(stack, Execution.start(api, RUN_PLAN, {}, "steps"), seconds=300)
        record = run.facts("drill", "return_value")
        assert run.run["state"] == "success", run.failure("drill")
        until(stack, lambda: api.get(f"/dags/{AFTER}/dagRuns")["total_entries"] > 0, f"{AFTER} is run")
        (woken,) = api.get(f"/dags/{AFTER}/dagRuns")["dag_runs"]
        after = ended(stack, Execution.of(api, AFTER, woken["dag_run_id"]))
        told = after.xcom("drills", "return_value")

    assert (record["status"], record["initiatedBy"]) == ("COMPLETED", "dr-operator")
    assert (after.run["state"], after.run["run_type"]) == ("success", "asset_triggered")
    (event,) = told
    assert (event["executionId"], event["executionType"]) == (record["executionId"], "DRILL")
    assert event["dagRunId"] == record["dagRunId"]
    # The steps of the plan: those of a drill were done, the DNS step and its like were not.
    (wave,) = record["waves"]
    passed = {step["name"] for step in wave["steps"] if step["status"] == "PASSED"}
    assert {"ec2_status", "database_port", "https_port", "front_page", "service", "search_index"} <= passed
    assert {step["name"]: step["status"] for step in record["steps"]}["point_to_recovered"] == "SKIPPED"
    account = stack.needs.connections[CONNECTION]
    stored = simulated_aws.stored_record(stack.simulator_url, account, record["executionId"])
    assert stored is not None
    report = Path(urlparse(record["attempts"][0]["reportUri"]).path).with_suffix(".json")
    reported = json.loads(report.read_text(encoding="utf-8"))["record"]
    for other in (stored, reported):
        assert [other["steps"], other["waves"][0]["steps"]] == [record["steps"], wave["steps"]]
    # The database of one of two servers refused at first, and that server was asked again.
    commands = simulated_aws.client("ssm", stack.simulator_url, account, "eu-west-1").list_commands()
    asked = [each for each in commands["Commands"] if "5432" in json.dumps(each["Parameters"])]
    assert sum(len(each["InstanceIds"]) for each in asked) == 3
    names = simulated_aws.client("route53", stack.simulator_url, account, "us-east-1")
    rows = names.list_resource_record_sets(HostedZoneId="Z0WIKIEXAMPLE")["ResourceRecordSets"]
    assert not [row for row in rows if row["Type"] == "CNAME"]
    assert set(simulated_aws.instance_states(stack.simulator_url, record).values()) == {"terminated"}
