"""Arguments of building blocks: one clear error when the DAG loads, where it can be known."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator

from drs_provider.operators.start_recovery import DrsStartRecoveryOperator
from drs_provider.operators.terminate_recovery_instances import DrsTerminateRecoveryInstancesOperator
from drs_provider.plan.blocks import BlockError, StartForm, read_arguments
from drs_provider.sensors.job import DrsJobSensor

SERVERS = ["s-4444444444444444a", "s-4444444444444444b"]
ARN = "arn:aws:drs:{region}:111122223333:source-server/s-4444444444444444a"
TARGET: dict[str, Any] = {
    "aws_conn_id": "aws_dr",
    "region_name": "eu-west-1",
    "account_id": "111122223333",
    "own_account": True,
}
START: dict[str, Any] = {**TARGET, "source_servers": SERVERS, "allowed_vpcs": ["vpc-0d5111aa"]}


def start(**changes: Any) -> DrsStartRecoveryOperator:
    with DAG("any", schedule=None):
        return DrsStartRecoveryOperator(task_id="start", **{**START, **changes})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"source_servers": None}, "neither source_servers nor server_tags"),
        ({"server_tags": {"App": "wiki"}}, "both source_servers and server_tags"),
        ({"source_servers": []}, "the list is empty"),
        ({"source_servers": None, "server_tags": {}}, "server_tags"),
        ({"source_servers": ["s-1"]}, "`s-1` is not a DRS source server ID"),
        ({"source_servers": [SERVERS[0], SERVERS[0]]}, "listed more than once"),
        ({"source_servers": [ARN.format(region="eu-central-1")]}, "eu-central-1"),
        (
            {"source_servers": [ARN.format(region="eu-west-1"), ARN.format(region="us-east-1")[:-1] + "b"]},
            "us-east-1",
        ),
        ({"own_account": False}, "how to reach the account"),
        ({"role": "DRS"}, "contradict each other"),
        ({"external_id": "abc"}, "does nothing without role"),
        ({"account_id": 111122223333}, "account_id"),
        ({"region_name": None}, "region_name"),
        ({"aws_conn_id": ""}, "aws_conn_id"),
        ({"allowed_vpcs": ()}, "where the drill may launch"),
        ({"any_network": True}, "contradicts the networks"),
        ({"source_state": "lost"}, "this is a DRILL"),
        ({"execution_type": "recovery"}, "execution_type"),
        ({"snapshots": "yesterday"}, "not an ISO 8601 time"),
        (
            {"snapshots": {"s-1111111111111111a": "pit-1111111111111111a"}},
            "none of the block's source servers",
        ),
        ({"job_tags": {"ExecutionId": "x"}}, "set by every execution itself"),
        ({"preflight": "skip"}, "preflight"),
        ({"timeout_minutes": 0}, "timeout_minutes"),
    ],
)
def test_what_is_wrong_is_told_when_the_dag_loads(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(BlockError) as caught:
        start(**changes)
    assert told in str(caught.value)
    assert str(caught.value).startswith("DrsStartRecoveryOperator start: ")


@pytest.mark.parametrize(
    "changes",
    [
        {"source_servers": "{{ params.servers }}"},
        {"source_servers": None, "server_tags": {"App": "{{ params.app }}"}},
        {"execution_type": "{{ params.type }}", "allowed_vpcs": (), "source_state": "{{ params.state }}"},
        {"account_id": "{{ var.value.account }}", "source_servers": [ARN.format(region="eu-west-1")]},
        {"snapshots": {"{{ params.server }}": "pit-1111111111111111a"}},
    ],
)
def test_templates_are_looked_at_when_they_are_known(changes: dict[str, Any]) -> None:
    start(**changes)


def test_the_output_of_another_task_is_looked_at_when_it_is_known() -> None:
    with DAG("any", schedule=None):
        rows = BaseOperator(task_id="rows")
        begun = DrsStartRecoveryOperator(task_id="start", **{**START, "source_servers": rows.output})
        wait = DrsJobSensor(task_id="wait", jobs=begun.output, **TARGET)
    assert begun.upstream_task_ids == {"rows"}
    assert wait.upstream_task_ids == {"start"}


def test_servers_are_ids_arns_rows_or_a_text_of_ids() -> None:
    for given in (
        SERVERS,
        " , ".join(SERVERS),
        [ARN.format(region="eu-west-1"), SERVERS[1]],
        [{"sourceServerId": SERVERS[0], "serverName": "a"}, {"sourceServerID": SERVERS[1]}],
    ):
        form = read_arguments(StartForm, {**START, "source_servers": given}, block="it")
        assert form.source_servers == tuple(SERVERS)


def test_a_text_that_is_rendered_wrong_is_refused_when_it_is_known() -> None:
    with pytest.raises(BlockError, match="not a DRS source server ID"):
        read_arguments(StartForm, {**START, "source_servers": str(SERVERS)}, block="it")


@pytest.mark.parametrize("jobs", [None, [], "", "job-1", [7], {"executionId": "x"}])
def test_jobs_that_are_none_are_told_when_the_dag_loads(jobs: Any) -> None:
    for block in (DrsJobSensor, DrsTerminateRecoveryInstancesOperator):
        with DAG("any", schedule=None), pytest.raises(BlockError, match="jobs"):
            block(task_id="it", jobs=jobs, **TARGET)


def test_a_sensor_that_would_hide_its_verdict_is_refused() -> None:
    with DAG("any", schedule=None), pytest.raises(ValueError, match="fail_if_not_recovered"):
        DrsJobSensor(task_id="it", jobs="drsjob-1111111111111111a", soft_fail=True, **TARGET)


def test_the_plan_of_a_block_is_checked_as_plans_are() -> None:
    form = read_arguments(
        StartForm, {**START, "job_tags": {"Team": "erp"}, "timeout_minutes": 30}, block="it"
    )
    plan = form.plan()
    (wave,) = plan.waves
    assert plan.network is not None
    assert plan.network.drill.allowed_vpcs == ("vpc-0d5111aa",)
    assert (wave.timeout_minutes, dict(plan.tags)) == (30, {"Team": "erp"})
    assert plan.target_of(wave) == form.target()
