"""Let task instances wait, as if their tasks had deferred; argument: a file of waits; runs in a stack's environment.

The file holds the DAG, the name of the waits and, for each, the class path and the arguments of its trigger.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

#: Written together: SQLite takes one writer at a time, and the triggerer writes meanwhile.
TOGETHER = 50


def main(file: str) -> None:
    """Make a run of the DAG for each wait, whose only task waits for the trigger."""
    from airflow.models.dagbag import DBDagBag
    from airflow.models.trigger import Trigger
    from airflow.sdk.timezone import utcnow
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState, TaskInstanceState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    content = json.loads(Path(file).read_text(encoding="utf-8"))
    waits = content["waits"]
    for first in range(0, len(waits), TOGETHER):
        with create_session() as session:
            dag = DBDagBag().get_latest_version_of_dag(content["dag_id"], session=session)
            if dag is None:
                raise RuntimeError(f"there is no DAG {content['dag_id']}")
            for number, (classpath, arguments) in enumerate(waits[first : first + TOGETHER], start=first):
                run = dag.create_dagrun(
                    run_id=f"{content['name']}-{number}",
                    run_after=utcnow(),
                    run_type=DagRunType.MANUAL,
                    triggered_by=DagRunTriggeredByType.TEST,
                    state=DagRunState.RUNNING,
                    session=session,
                )
                (instance,) = run.get_task_instances(session=session)
                trigger = Trigger(classpath=classpath, kwargs=arguments)
                session.add(trigger)
                session.flush()
                instance.state = TaskInstanceState.DEFERRED
                instance.trigger_id = trigger.id
                instance.next_method, instance.next_kwargs = "look_again", {}
                instance.start_date, instance.try_number = utcnow(), 1


if __name__ == "__main__":
    main(*sys.argv[1:])
