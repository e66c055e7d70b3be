"""The sweeper's DAG: its schedule, its form, and what parsing it costs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization

from drs_provider import keys
from drs_provider.dag_factory import sweeper
from drs_provider.dag_factory.sweeper import sweeper_dag, sweeper_dags
from drs_provider.exceptions import DrsConfigurationError
from drs_provider.plan.model import Plan
from tests.contract.repository import DAGS, PLUGINS
from tests.harness.plans import plan
from tests.harness.stage import SAMPLE_PLANS


def test_it_sweeps_by_its_own_schedule_and_is_never_paused_by_itself() -> None:
    dag = DagSerialization.from_dict(
        json.loads(json.dumps(DagSerialization.to_dict(sweeper_dag(SAMPLE_PLANS))))
    )
    assert dag.dag_id == "drs_sweeper"
    assert dag.timetable.summary == "*/15 * * * *"
    assert (dag.catchup, dag.is_paused_upon_creation, dag.max_consecutive_failed_dag_runs) == (
        False,
        False,
        0,
    )
    assert dag.timetable.serialize()["run_immediately"] == 0.0
    assert set(dag.task_dict) == {keys.SWEEP}


@pytest.mark.parametrize("text", ["off", "OFF", ""])
def test_its_schedule_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("AIRFLOW__DRS__SWEEP_SCHEDULE", text)
    dag = DagSerialization.from_dict(
        json.loads(json.dumps(DagSerialization.to_dict(sweeper_dag(SAMPLE_PLANS))))
    )
    assert dag.timetable.can_be_scheduled is False


def test_a_wrong_schedule_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DRS__SWEEP_SCHEDULE", "hourly")
    with pytest.raises(
        DrsConfigurationError, match=r"sweep_schedule must be a cron expression .* not 'hourly'"
    ):
        sweeper_dag(SAMPLE_PLANS)


def test_its_form_offers_the_plans_targets_and_refuses_wrong_values() -> None:
    dag = sweeper_dag(SAMPLE_PLANS)
    assert dag.params.get_param("targets").schema["examples"] == [
        "111122223333/eu-west-1",
        "222233334444/eu-central-1",
    ]
    params = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag)))).params
    assert params.deep_merge({"targets": ["111122223333"], "terminate": True}).validate()["terminate"] is True
    for wrong in ({"targets": ["Ireland"]}, {"terminate": "yes"}, {"dry_run": 1}):
        with pytest.raises((ParamValidationError, ValueError), match="Invalid input for param"):
            params.deep_merge(wrong).validate()


def test_all_plans_go_first() -> None:
    task = sweeper_dag(SAMPLE_PLANS).get_task(keys.SWEEP)
    assert (task.priority_weight, str(task.weight_rule), task.retries) == (1, "absolute", 1)


def test_a_task_of_another_dag_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Context:
        dag_id = "drs_wiki"

    monkeypatch.setattr(sweeper, "get_parsing_context", Context)
    assert sweeper_dags(SAMPLE_PLANS) == {}


def test_no_plan_can_take_its_dags_name() -> None:
    with pytest.raises(ValueError, match="drs_sweeper is the sweeper's DAG"):
        Plan.model_validate({**plan().to_dict(), "name": "sweeper"})


def test_parsing_its_file_makes_the_dag_and_loads_no_aws_library() -> None:
    code = (
        "import runpy, sys; found = runpy.run_path(sys.argv[1]); assert 'drs_sweeper' in found; "
        "print([name for name in ('boto3', 'botocore', 'aiobotocore') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(DAGS / "recovery_sweeper.py")],
        env={"PYTHONPATH": str(PLUGINS), "PATH": "", "AIRFLOW_HOME": str(Path(__file__).parent / "none")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout.strip().splitlines()[-1:] == ["[]"], done.stderr
