"""`dags/` and `plugins/` mounted as Airflow's own folders: the form of the compose file and of managed Airflows."""

from __future__ import annotations

import shutil
import sys

import pytest

from tests.contract.repository import PLANS, PLUGINS
from tests.packaging import loading

pytestmark = pytest.mark.contract

SAMPLES = sorted(f"drs_{file.stem}" for file in PLANS.glob("*.yaml") if "\nwaves:" in file.read_text())


def test_there_are_no_import_errors(in_mounted):
    assert in_mounted.airflow_json("dags", "list-import-errors", "--local") == []


def test_airflow_plugins_lists_the_plugin_once(in_mounted):
    listed = [plugin for plugin in in_mounted.airflow_json("plugins") if plugin["name"] == "drs"]
    assert [plugin["source"] for plugin in listed] == ["$PLUGINS_FOLDER/drs_provider/drs_plugin.py"]


@pytest.mark.parametrize("loader", [loading.CORE, loading.SDK], ids=["core", "sdk"])
def test_only_the_plugin_file_is_loaded_by_its_stem(mounted, loader):
    report = mounted.evaluate(loader + loading.REPORT)
    assert report["plugins"] == ["drs"]
    assert report["errors"] == {}
    assert report["by_stem"] == ["drs_plugin"]
    assert report["package"] == [str(PLUGINS / "drs_provider" / "__init__.py")]


def test_only_the_plugin_file_is_loaded_where_ignore_files_are_regular_expressions(in_mounted):
    regexp = {"AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX": "regexp"}
    report = in_mounted.evaluate(loading.CORE + loading.REPORT, **regexp)
    assert (report["plugins"], report["errors"], report["by_stem"]) == (["drs"], {}, ["drs_plugin"])


def test_every_sample_plan_is_a_dag_and_no_class_exists_twice(in_mounted):
    code = """
import gc, os
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
from drs_provider.plan_tasks.prepare import PlanPrepareOperator
from drs_provider.links import DrsJobsLink
ours = ("PlanPrepareOperator", "DrsJobsLink", "DrsLink")
gc.unfreeze()  # the DAG file has frozen what was loaded, which get_objects() leaves out
classes = [item for item in gc.get_objects() if isinstance(item, type) and item.__name__ in ours]
result = {
    "errors": bag.import_errors,
    "dags": sorted(bag.dags),
    "names": sorted(item.__name__ for item in classes),
    "operators": {
        type(dag.get_task("prepare")) is PlanPrepareOperator for dag in bag.dags.values() if "drs" in dag.tags
    } == {True},
    "links": [type(plugin.operator_extra_links[0]) is DrsJobsLink for plugin in plugins if plugin.name == "drs"],
}
"""
    report = in_mounted.evaluate(loading.CORE + code)
    assert report == {
        "errors": {},
        "dags": sorted([*SAMPLES, "drs_sweeper", "drs_doctor", "drs_evidence", "drs_readiness"]),
        "names": ["DrsJobsLink", "DrsLink", "PlanPrepareOperator"],
        "operators": True,
        "links": [True],
    }


def test_loading_the_plugin_costs_task_processes_nothing(mounted):
    code = """
import sys
heavy = ("boto3", "botocore", "fastapi", "moto", "pydantic.v1")
result = [name for name in heavy if name in sys.modules]
"""
    with mounted.loaded("from airflow.sdk import BaseOperatorLink") as evaluate:
        before = evaluate(code)
        assert evaluate(loading.SDK + code) == before


def test_without_its_ignore_file_the_folder_starts_and_replaces_nothing(mounted, tmp_path):
    """Dotfiles get lost in copies; then Airflow executes every file under its stem."""
    ignored = shutil.ignore_patterns(".airflowignore", "__pycache__")
    shutil.copytree(PLUGINS, tmp_path / "plugins", ignore=ignored)
    report = mounted.with_(plugins_folder=tmp_path / "plugins").evaluate(loading.CORE + loading.REPORT)
    assert report["plugins"] == ["drs"]
    assert report["errors"] == {}
    assert "states" in report["by_stem"]
    assert not set(report["by_stem"]) & set(sys.stdlib_module_names)
