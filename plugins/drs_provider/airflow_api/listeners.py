"""Adapter over Airflow's listeners: plugins that are told of every end of a task in its worker."""

from __future__ import annotations

from airflow.sdk.listener import get_listener_manager


def has_listeners() -> bool:
    """Tell whether somebody listens in this Airflow.

    A task that its trigger ends is told to no listener; Airflow refuses DAGs that ask for it while there is one
    (``airflow/dag_processing/dagbag.py``).
    """
    return bool(get_listener_manager().has_listeners)
