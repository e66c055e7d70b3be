"""The users of the tests' Airflow: its simple auth manager, with one who may do everything, but not with every DAG."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

from tests.web.roles import HER_DAG, SHORT_SIGHTED, STRANGER


class People(SimpleAuthManager):
    """Gives nora rights on one DAG only."""

    def is_authorized_dag(self, *, user: Any, details: Any = None, **asked: Any) -> bool:
        if user.get_name() == STRANGER and details is not None and details.id not in (None, HER_DAG):
            return False
        if user.get_name() == SHORT_SIGHTED and asked.get("access_entity") is DagAccessEntity.XCOM:
            return False
        return super().is_authorized_dag(user=user, details=details, **asked)
