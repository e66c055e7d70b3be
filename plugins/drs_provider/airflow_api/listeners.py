"""Adapter over Airflow's listeners: plugins that are told of every end of a task in its worker."""

from __future__ import annotations

from drs_provider.airflow_api.needed import Missing, optional

get_listener_manager = optional("airflow.sdk.listener:get_listener_manager")


def has_listeners() -> bool:
    """Tell whether somebody listens in this Airflow.

    A task that its trigger ends is told to no listener; Airflow refuses DAGs that ask for it while there is one
    (``airflow/dag_processing/dagbag.py``). Where Airflow does not tell, somebody may.
    """
    return isinstance(get_listener_manager, Missing) or bool(get_listener_manager().has_listeners)
