"""What the caller may do with a plan's DAG: told beside each act, and asked again before it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.models import DagModel

#: What Airflow's REST API requires for what an act calls
NEEDED: Final[dict[str, tuple[ResourceMethod, DagAccessEntity]]] = {
    "start": ("POST", DagAccessEntity.RUN),
    "answer_gate": ("PUT", DagAccessEntity.HITL_DETAIL),
    "skip_wave": ("PUT", DagAccessEntity.HITL_DETAIL),
    "drill_result": ("PUT", DagAccessEntity.HITL_DETAIL),
    "answer_step": ("PUT", DagAccessEntity.HITL_DETAIL),
    "pause_before": ("POST", DagAccessEntity.XCOM),
    "extend_hold": ("POST", DagAccessEntity.XCOM),
    "cancel": ("PUT", DagAccessEntity.RUN),
    "retry": ("PUT", DagAccessEntity.TASK_INSTANCE),
    "clean_up": ("PUT", DagAccessEntity.TASK_INSTANCE),
}


@dataclass(frozen=True)
class Rights:
    """What the caller may do.

    :param login: as plans name people
    :param acts: acts that Airflow lets the caller do
    """

    login: str
    acts: frozenset[str]

    @classmethod
    def of(cls, user: BaseUser, dag_id: str) -> Rights:
        """Ask the auth manager about the rights on a DAG."""
        details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
        manager = get_auth_manager()
        may = {
            need: manager.is_authorized_dag(method=need[0], access_entity=need[1], details=details, user=user)
            for need in set(NEEDED.values())
        }
        return cls(user.get_name(), frozenset(act for act, need in NEEDED.items() if may[need]))

    def why_not(self, act: str) -> str:
        """Return why an act is not the caller's, or an empty text."""
        if act in self.acts:
            return ""
        return f"{self.login} may look at this plan, but has no right to do this: ask for it, or ask others"
