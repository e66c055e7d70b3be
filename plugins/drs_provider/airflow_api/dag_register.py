"""Which DAGs have executions: one Airflow Variable for each, since a worker cannot ask Airflow for a list of DAGs.

Plan files would not do: DAG processor and workers may have different ones, or none. Variables are in Airflow's
database, whatever the secrets backend: Airflow lists and writes them there only. One that is left behind by a DAG which
is gone names no run, and so holds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk import Variable
from airflow.sdk.exceptions import AirflowRuntimeError

from drs_provider.exceptions import RunUnknownError

#: Never changed: running executions, and those of other versions, are found by it.
PREFIX = "drs_executions_of__"
_DESCRIPTION = (
    "Written by the recovery plans, so that executions on the same servers see each other. Delete it only if the DAG "
    "is gone."
)


def register(dag_id: str) -> bool:
    """See that a DAG is among the registered ones; tell whether it had to be written.

    :raises RunUnknownError: if Airflow does not take it, or does not list it afterwards
    """
    if dag_id in registered():
        return False
    with _told(f"register {dag_id} in a Variable {PREFIX}{dag_id}"):
        Variable.set(f"{PREFIX}{dag_id}", dag_id, description=_DESCRIPTION)
    if dag_id not in registered():
        raise RunUnknownError(
            f"Airflow took the Variable {PREFIX}{dag_id}, and does not list it: other executions would not see this "
            "one. Nothing is started"
        )
    return True


def registered() -> set[str]:
    """Return the DAGs that ever began an execution in this Airflow, as far as their Variables were not deleted.

    :raises RunUnknownError: if Airflow does not tell
    """
    with _told(f"list the Variables {PREFIX}*, which say whose executions may hold the servers"):
        return {key.removeprefix(PREFIX) for key in Variable.keys(prefix=PREFIX)}


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except (AirflowRuntimeError, TypeError) as error:
        raise RunUnknownError(f"Airflow does not {what}: {error}") from error
