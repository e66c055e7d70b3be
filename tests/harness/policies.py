"""Cluster policies of an installation, as ``airflow_local_settings`` defines them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

#: What `rules.json` beside it names is refused. It is read at each call: policies may begin to refuse at any time.
POLICIES: Final = """\
import json, pathlib
from airflow.exceptions import AirflowClusterPolicySkipDag, AirflowClusterPolicyViolation

def rules():
    return json.loads(pathlib.Path(__file__).with_name("rules.json").read_text())

def dag_policy(dag):
    rule = rules().get(dag.dag_id)
    if rule == "dag" or (rule == "scheduled" and dag.timetable.can_be_scheduled):
        raise AirflowClusterPolicyViolation("no DAG of the wiki team after Friday noon")
    if rule == "file" and (pathlib.Path(dag.fileloc).name, dag.relative_fileloc) != ("recovery_plans.py",) * 2:
        raise AirflowClusterPolicyViolation(f"wrong place: {dag.fileloc}, {dag.relative_fileloc}")
    if rule == "whole" and "withdrawn" not in dag.tags:
        raise AirflowClusterPolicyViolation("no new executions of the wiki team")
    if rule == "skip":
        raise AirflowClusterPolicySkipDag("not in this environment")
    if rule == "timetable":
        dag.timetable = type("OfNoPlugin", (type(dag.timetable),), {"__init__": lambda self: None})()
    if rule == "tag":
        dag.tags.add("t" * 101)
    if rule == "large" and len(dag.tasks) > 1:
        raise AirflowClusterPolicyViolation("too many tasks")

def task_policy(task):
    rule = rules().get(task.dag_id)
    if rule == "task":
        raise AirflowClusterPolicyViolation("no DAG of the wiki team after Friday noon")
    if rule == "bug":
        {}["cost_center"]
    if rule == "owner" and task.owner == "airflow":
        raise AirflowClusterPolicyViolation("an owner that is not Airflow's default")
    if rules().get("mutate"):
        task.queue += "_x"
"""


def install(folder: Path) -> Path:
    """Write the policies into a folder for the search path of modules, with no rules; return the folder."""
    folder.mkdir(parents=True)
    (folder / "airflow_local_settings.py").write_text(POLICIES)
    set_rules(folder)
    return folder


def set_rules(folder: Path, **rules: object) -> None:
    """Set what the policies do, by DAG id; nothing by default."""
    unfinished = folder / "rules.new"
    unfinished.write_text(json.dumps(rules))
    unfinished.replace(folder / "rules.json")
