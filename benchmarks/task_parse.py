"""Print the CPU seconds in which a task's process finds its DAG; arguments: DAG file, DAG id, task id.

What it begins with (Python, Airflow's task runner) is left out; it is the same for every DAG.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import airflow.sdk.execution_time.task_runner  # noqa: F401
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager


def main(file: str, dag_id: str, task_id: str) -> None:
    """Parse as the task runner does."""
    begin = time.process_time()
    with _airflow_parsing_context_manager(dag_id=dag_id, task_id=task_id):
        folder = Path(file).parent
        bag = BundleDagBag(dag_folder=file, safe_mode=False, load_op_links=False, bundle_path=folder)
        bag.dags[dag_id].task_dict[task_id]
    print(time.process_time() - begin)


if __name__ == "__main__":
    main(*sys.argv[1:])
