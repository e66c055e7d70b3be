"""Cluster policies that refuse, skip or change one plan's DAG: the others live, the culprit is named.

Parsed as Airflow's DAG processor parses, with an ``airflow_local_settings`` of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.forks import Evaluate
from tests.harness.policies import install, set_rules
from tests.packaging.support import lay_out, parsing

pytestmark = pytest.mark.contract

OTHERS = {"drs_erp_three_tier", "drs_shop_two_regions", "drs_wiki_with_steps"}
MAINTENANCE = {"drs_doctor", "drs_evidence", "drs_readiness"}
LOADED = """
import json, os
from pathlib import Path
import structlog
from airflow.dag_processing.processor import DagFileParseRequest, _parse_file
"""
PARSE = (
    LOADED
    + """
folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
plans = folder / "plans"

def rule(**rules):
    (Path(os.environ["RULES"])).write_text(json.dumps(rules))

def parse():
    seen = {"errors": {}, "dags": {}, "queues": {}, "tasks": {}}
    for file in sorted(folder.glob("*.py")):
        request = DagFileParseRequest(file=str(file), bundle_path=folder, bundle_name="dags-folder")
        result = _parse_file(request, structlog.get_logger())
        seen["errors"] |= result.import_errors
        for stored in result.serialized_dags:
            dag = stored.data["dag"]
            seen["dags"][stored.dag_id] = sorted(tag for tag in dag.get("tags", []) if ":" not in tag)
            seen["tasks"][stored.dag_id] = sorted(task["__var"]["task_id"] for task in dag["tasks"])
            seen["queues"][stored.dag_id] = sorted({task["__var"].get("queue", "default") for task in dag["tasks"]})
    return seen

def edit(name, old, new):
    file = plans / f"{name}.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
"""
)
AS_TASK = {
    "_AIRFLOW_PARSING_CONTEXT_DAG_ID": "drs_wiki",
    "_AIRFLOW_PARSING_CONTEXT_TASK_ID": "wave_1_everything.enrich",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("policies")


@pytest.fixture(scope="module")
def airflow(airflow_home: Path, folder: Path) -> Iterator[Evaluate]:
    policies = install(folder / "config")
    settings = {"PYTHONPATH": str(policies), "RULES": str(policies / "rules.json")}
    with parsing(airflow_home, folder, LOADED, **settings) as evaluate:
        yield evaluate


@pytest.fixture
def parses(airflow: Evaluate, folder: Path) -> Evaluate:
    """Runs code in a process of its own over a copy of the DAG folder, under policies."""
    lay_out(folder)
    set_rules(folder / "config")
    return lambda code, **settings: airflow(PARSE + code, **settings)


def the_error(parsed: dict[str, Any]) -> str:
    """Return the only import error, which is that of the file that shows what is wrong with plans."""
    assert list(parsed["errors"]) == ["recovery_plan_errors.py"], parsed["errors"]
    return parsed["errors"]["recovery_plan_errors.py"]


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("dag", "AirflowClusterPolicyViolation: no DAG of the wiki team after Friday noon"),
        ("task", "AirflowClusterPolicyViolation: no DAG of the wiki team after Friday noon"),
        ("bug", "AirflowClusterPolicyError: 'cost_center'"),
        ("skip", "AirflowClusterPolicySkipDag: not in this environment"),
        ("tag", "a tag has 101 characters"),
        ("timetable", "OfNoPlugin"),
    ],
)
def test_trap_34_a_policy_that_refuses_one_plan_stops_no_other(parses, rule, told):
    """No form of it passes: it is left out and named, also when its file is removed afterwards."""
    before, refused, removed, allowed = parses(
        f"result = [parse()]; rule(drs_wiki={rule!r}); result += [parse()]\n"
        "text = (plans / 'wiki.yaml').read_text(); (plans / 'wiki.yaml').unlink(); result += [parse()]\n"
        "(plans / 'wiki.yaml').write_text(text); rule(); result += [parse()]"
    )
    assert before["errors"] == {}
    assert set(before["dags"]) == {*OTHERS, "drs_wiki", "drs_sweeper", *MAINTENANCE}
    for parsed in (refused, removed):
        assert parsed["dags"] == {name: tags for name, tags in before["dags"].items() if name != "drs_wiki"}
        assert told in the_error(parsed)
        assert "running ones do not continue" in the_error(parsed)
    assert "wiki.yaml: Airflow takes no DAG of this plan" in the_error(refused)
    assert "state/plans/wiki.json: the file of plan wiki does not load" in the_error(removed)
    assert allowed == before


def test_trap_34_an_edit_that_a_policy_refuses_leaves_the_last_good_form(parses):
    before, edited = parses(
        "edit('wiki', 'name: wiki', 'name: wiki\\nowner: wiki team'); rule(drs_wiki='owner'); result = [parse()]\n"
        "edit('wiki', 'owner: wiki team', 'title: without an owner'); result += [parse()]"
    )
    assert before["errors"] == {}
    assert edited["dags"] == before["dags"] | {"drs_wiki": ["drs", "withdrawn"]}
    assert edited["tasks"] == before["tasks"]
    assert "an owner that is not Airflow's default" in the_error(edited)
    assert "running ones continue" in the_error(edited)


def test_trap_34_without_a_last_good_form_its_present_content_stays_withdrawn(parses):
    """A policy against the schedule takes the form without one: what runs goes on even where no form was kept."""
    first, lost = parses(
        "import shutil\nresult = [parse()]; shutil.rmtree(os.environ['AIRFLOW__DRS__STATE_PATH'])\n"
        "rule(drs_erp_three_tier='scheduled'); result += [parse()]"
    )
    assert lost["dags"] == first["dags"] | {"drs_erp_three_tier": ["drs", "withdrawn"]}
    assert "running ones continue" in the_error(lost)


def test_a_policy_that_changes_tasks_is_applied_once(parses):
    """What is tried is a copy."""
    parsed = parses("rule(mutate=True); result = parse()")
    assert parsed["errors"] == {}
    assert {tuple(queues) for queues in parsed["queues"].values()} == {("default_x",)}


def test_a_policy_sees_the_file_that_hands_the_dag_out(parses):
    parsed = parses("rule(drs_wiki='file'); result = parse()")
    assert parsed["errors"] == {}
    assert "drs_wiki" in parsed["dags"]


def test_trap_34_a_task_of_a_refused_plan_finds_its_operator(parses):
    whole, refused = parses("result = [parse()]; rule(drs_wiki='large'); result += [parse()]", **AS_TASK)
    assert (whole["errors"], refused["errors"]) == ({}, {})
    assert {"prepare", "finalize"} < set(whole["tasks"]["drs_wiki"])
    assert refused["tasks"] == {"drs_wiki": [AS_TASK["_AIRFLOW_PARSING_CONTEXT_TASK_ID"]]}


def test_trap_34_a_task_of_a_broken_plan_has_the_owner_that_a_policy_asks_for(parses):
    """The plan's own, from its last good form, or that of the configuration."""
    broken = "edit('wiki', 'name: wiki', 'name: wiki\\nwawes: []'); rule(drs_wiki='owner'); result = parse()"
    owned = parses(broken, AIRFLOW__DRS__OWNER="recovery team", **AS_TASK)
    assert owned["errors"] == {}
    assert owned["tasks"]["drs_wiki"] == [AS_TASK["_AIRFLOW_PARSING_CONTEXT_TASK_ID"]]


def test_trap_34_a_task_of_a_broken_plan_is_found_in_its_last_good_form(parses):
    parses("edit('wiki', 'name: wiki', 'name: wiki\\nowner: wiki team'); result = parse()")
    broken = "edit('wiki', 'owner: wiki team', 'wawes: []'); rule(drs_wiki='owner'); result = parse()"
    kept = parses(broken, **AS_TASK)
    assert kept["errors"] == {}
    assert "prepare" in kept["tasks"]["drs_wiki"]


def test_a_policy_against_the_sweeper_stops_no_plan(parses):
    refused = parses("rule(drs_sweeper='owner'); result = parse()")
    assert list(refused["errors"]) == ["recovery_sweeper.py"]
    assert set(refused["dags"]) == {*OTHERS, "drs_wiki", *MAINTENANCE}, (
        "the doctor is no plan, and was not meant"
    )
    owned = parses("result = parse()", AIRFLOW__DRS__OWNER="recovery team")
    assert owned["errors"] == {}
    assert "drs_sweeper" in owned["dags"]
