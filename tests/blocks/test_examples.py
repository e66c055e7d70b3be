"""The example DAGs, each played to its end; the drill, mapped tasks and those of plans on real Airflow in tests/e2e."""

from __future__ import annotations

import runpy
import time
from pathlib import Path

import pytest
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization

from tests.harness.plans import WIKI
from tests.harness.stage import Stage

pytestmark = pytest.mark.drs_scenario("three_tier", history=False)

EXAMPLES = Path(__file__).parents[2] / "examples" / "blocks"


def example(name: str) -> DAG:
    """Return the DAG of a file."""
    dag = runpy.run_path(str(EXAMPLES / f"{name}.py"))["dag"]
    assert isinstance(dag, DAG)
    return dag


def test_every_block_has_one() -> None:
    told = " ".join(file.read_text(encoding="utf-8") for file in EXAMPLES.glob("*.py"))
    for name in ("StartRecovery", "EnrichRecovery", "TerminateRecoveryInstances"):
        assert f"Drs{name}Operator(" in told or f"Drs{name}Operator.partial(" in told
    assert "DrsJobSensor(" in told
    assert "DrsRunPlanOperator(" in told
    assert "DrsHook(" in told


def test_jobs_that_are_given_in_the_form_of_a_run(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: play.simulator.advance(60))
    drs = play.simulator.client()
    jobs = [
        drs.start_recovery(sourceServers=[{"sourceServerID": server}], isDrill=True)["job"]["jobID"]
        for server in WIKI
    ]
    conf = {"job_ids": ", ".join(jobs)}
    wait = play.dag_run(example("drs_wait"), conf)
    assert wait.go() == "success", wait.rows["wait"].error
    assert wait.xcom("wait")["recovered"] == 2
    assert wait.xcom("failed") == []
    rows = play.dag_run(example("drs_enrich"), conf)
    assert rows.go() == "success", rows.rows["rows"].error
    instances = sorted(row["instanceId"] for row in rows.xcom("rows"))
    look = play.dag_run(example("drs_hook"))
    assert look.go() == "success", look.rows["instances"].error
    assert sorted((row["instance"], row["server"]) for row in look.xcom("instances")) == sorted(
        (row["instanceId"], row["sourceServerId"]) for row in rows.xcom("rows")
    )
    end = play.dag_run(example("drs_terminate"), conf)
    assert end.go() == "success", end.rows["terminate"].error
    assert end.xcom("terminate")["terminated"] == instances
    assert set(play.instances().values()) == {"terminated"}


def test_a_form_without_jobs_does_nothing(play: Stage) -> None:
    run = play.dag_run(example("drs_terminate"), {"job_ids": ""})
    assert run.go() == "failed"
    assert "no jobs are given" in run.failure("terminate")
    assert play.jobs("TERMINATE") == []


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.py")), ids=lambda file: file.stem)
def test_airflow_takes_it(file: Path) -> None:
    """Serialized and read again, as the scheduler does."""
    stored = DagSerialization.to_dict(example(file.stem))
    assert DagSerialization.from_dict(stored).dag_id == f"example_{file.stem}"
