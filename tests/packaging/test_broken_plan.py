"""What broken, deleted and unreadable plan files do to the DAGs of a running Airflow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.forks import Evaluate
from tests.packaging.support import lay_out, parsing

pytestmark = pytest.mark.contract

SAMPLES = ["drs_erp_three_tier", "drs_shop_two_regions", "drs_wiki", "drs_wiki_with_steps"]
MAINTENANCE = ("drs_doctor", "drs_evidence", "drs_readiness", "drs_sweeper")
SWEEPER = {dag_id: ["drs-maintenance"] for dag_id in MAINTENANCE}
LOADED = """
import os, shutil
from pathlib import Path
from airflow.dag_processing.dagbag import DagBag
"""
PARSE = (
    LOADED
    + """
folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
plans = folder / "plans"

def parse():
    bag = DagBag(str(folder))
    return {
        "errors": {Path(file).name: text for file, text in bag.import_errors.items()},
        "dags": {dag_id: sorted(tag for tag in dag.tags if ":" not in tag) for dag_id, dag in sorted(bag.dags.items())},
        "tasks": {dag_id: sorted(dag.task_ids) for dag_id, dag in sorted(bag.dags.items())},
    }

def break_plan(name):
    file = plans / f"{name}.yaml"
    file.write_text(file.read_text() + "wawes: []\\n")
"""
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plans")


@pytest.fixture(scope="module")
def airflow(airflow_home: Path, folder: Path) -> Iterator[Evaluate]:
    with parsing(airflow_home, folder, LOADED) as evaluate:
        yield evaluate


@pytest.fixture
def parses(airflow: Evaluate, folder: Path) -> Evaluate:
    """Runs code in a process of its own over a copy of the DAG folder, with a place for the last good plans."""
    lay_out(folder)
    return lambda code, **settings: airflow(PARSE + code, **settings)


def test_trap_34_broken_and_deleted_plans_stop_no_dag(parses):
    whole, broken, deleted = parses(
        "result = [parse()]; break_plan('erp_three_tier'); result += [parse()]\n"
        "(plans / 'wiki.yaml').unlink(); result += [parse()]"
    )
    assert whole["errors"] == {}
    assert whole["dags"] == {dag_id: ["drs"] for dag_id in SAMPLES} | SWEEPER

    assert list(broken["errors"]) == ["recovery_plan_errors.py"]
    (text,) = broken["errors"].values()
    assert "erp_three_tier.yaml" in text
    assert "wawes" in text
    assert broken["dags"] == whole["dags"] | {"drs_erp_three_tier": ["drs", "withdrawn"]}
    assert broken["tasks"] == whole["tasks"]

    assert deleted["errors"] == broken["errors"]
    assert deleted["dags"] == broken["dags"] | {"drs_wiki": ["drs", "withdrawn"]}
    assert deleted["tasks"] == whole["tasks"]


def test_trap_34_a_task_of_a_broken_plan_finds_its_operator(parses):
    """In a task's own process, even without a last good form: it works from the frozen plan."""
    task_id = "wave_1_everything.wait_for_recovery"
    seen = parses(
        "break_plan('wiki'); result = parse()",
        _AIRFLOW_PARSING_CONTEXT_DAG_ID="drs_wiki",
        _AIRFLOW_PARSING_CONTEXT_TASK_ID=task_id,
    )
    assert (seen["errors"], seen["tasks"]) == ({}, {"drs_wiki": [task_id]})


def test_a_missing_plans_folder_is_an_error_of_the_other_file_only(parses):
    missing = parses("shutil.rmtree(plans); result = parse()")
    assert list(missing["errors"]) == ["recovery_plan_errors.py"]
    assert missing["dags"] == SWEEPER
