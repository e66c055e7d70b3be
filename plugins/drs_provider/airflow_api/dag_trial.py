"""Adapter over what Airflow does with a DAG between its import and its database: tried on a copy.

One DAG that is refused there is an import error of its whole file, and makes every DAG of that file stale: by Airflow's
own checks, by a cluster policy of the installation (``airflow_local_settings`` or a plugin's ``airflow.policy``), by
serialization, or by the database. Read in ``airflow/dag_processing/dagbag.py`` and ``processor.py``.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import sys
from functools import cache
from pathlib import Path

from airflow.sdk import DAG

from drs_provider import __version__
from drs_provider.airflow_api.needed import DAG_TRIAL, missing
from drs_provider.core.canonical import content_hash

log = logging.getLogger(__name__)

# Columns of Airflow's tables. A text that is longer makes the write of the whole file fail, except on SQLite; what a
# policy sets, Airflow does not check before.
_MAX_TAG = 100
_MAX_OWNERS = 2000
_MAX_DISPLAY_NAME = 2000
_MAX_POOL_AND_QUEUE = 256


def refusal_of(dag: DAG, *, dag_file: Path | None, serialized: bool) -> str | None:
    """Return why Airflow does not take a DAG, or None if it does. The DAG itself is not changed.

    A policy may change DAGs and tasks, so it is tried on a copy: what is handed out passes through it only once.

    :param dag_file: the file that hands the DAG out, which policies may look at
    :param serialized: whether to try what comes after the import, too: serialization, and what the database takes
    """
    if not _can_try():
        return None
    try:
        tried = copy.deepcopy(dag)
        _try(tried, dag_file)
        if serialized:
            _serialize(tried)
    # A policy is code of the installation, and may raise anything.
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def answer_depends_on(*settings: object) -> str | None:
    """Return what Airflow's answer depends on, beside the plan that a DAG is built from.

    :param settings: what else goes into every DAG
    :returns: None if policies of the installation decide: code that may answer otherwise at any time
    """
    from airflow import __version__ as airflow_version

    if not _can_try():
        return None
    from airflow.settings import get_policy_plugin_manager

    hooks = get_policy_plugin_manager().hook
    if hooks.dag_policy.get_hookimpls() or hooks.task_policy.get_hookimpls():
        return None
    return content_hash([airflow_version, __version__, *map(str, settings)])


@cache
def _can_try() -> bool:
    """Tell whether this Airflow's checks can be called: what they would say of our call is nothing about a DAG."""
    problems = [problem for _, problem in missing(DAG_TRIAL)]
    if problems:
        log.error("DAGs are handed out untried: %s", "; ".join(problems))
    return not problems


def _try(dag: DAG, dag_file: Path | None) -> None:
    from airflow.dag_processing.dagbag import DagBag

    if dag_file is not None:
        dag.fileloc, dag.relative_fileloc = str(dag_file), _relative(dag_file)
    dag.validate()
    DagBag(dag_folder=os.devnull, collect_dags=False).bag_dag(dag)


def _relative(dag_file: Path) -> str:
    """Return the file's path in its bundle, whose folder Airflow puts on the search path for modules."""
    folders = [
        folder for folder in map(Path, sys.path) if folder.is_absolute() and folder in dag_file.parents
    ]
    return str(
        dag_file.relative_to(max(folders, key=lambda folder: len(folder.parts), default=dag_file.parent))
    )


def _serialize(dag: DAG) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    text = json.dumps(DagSerialization.to_dict(dag), ensure_ascii=False)
    text.encode()
    if "\\u0000" in text:
        raise ValueError("it holds a NUL character, which databases do not take")
    for tag in dag.tags:
        _check_length("a tag", tag, _MAX_TAG)
    _check_length("owners", dag.owner, _MAX_OWNERS)
    _check_length("dag_display_name", dag.dag_display_name, _MAX_DISPLAY_NAME)
    for task in dag.tasks:
        _check_length(f"pool of {task.task_id}", task.pool, _MAX_POOL_AND_QUEUE)
        _check_length(f"queue of {task.task_id}", task.queue, _MAX_POOL_AND_QUEUE)


def _check_length(what: str, text: str | None, limit: int) -> None:
    if text and len(text) > limit:
        raise ValueError(f"{what} has {len(text)} characters, and Airflow's database takes {limit}")
