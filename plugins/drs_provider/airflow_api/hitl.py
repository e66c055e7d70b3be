"""Adapter over Airflow's human-in-the-loop mechanism (semi-private in Airflow 3.3).

A gate writes its detail, then defers to `triggers/gate.py`. Airflow's API resumes a deferred task in the moment in
which it stores an answer. One that it stores while the task still runs resumes nobody: the trigger reads it. Parking
(`TaskAwaitingInput`) needs no trigger, but relies on row locks for such an answer, which SQLite does not have.

When the time is over, the trigger answers the request with its default: an answer given before counts, one given
later is refused. The default is the option that stops, and the task takes it for what it is, a timeout. A task can
neither read nor close its request itself: a worker's supervisor does not know those messages (the triggerer's does).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowRuntimeError

from drs_provider.airflow_api.needed import optional
from drs_provider.core.texts import clean, visible
from drs_provider.rules.asking import Answer

_MODULE: Final = "airflow.sdk.execution_time.hitl"
HITLUser = optional(f"{_MODULE}:HITLUser")
get_hitl_detail_content_detail = optional(f"{_MODULE}:get_hitl_detail_content_detail")
update_hitl_detail_response = optional(f"{_MODULE}:update_hitl_detail_response")
upsert_hitl_detail = optional(f"{_MODULE}:upsert_hitl_detail")

#: The auth manager whose user ids are the logins, so that Airflow itself can refuse who is not named. Others know
#: people by numbers or opaque ids, which no plan can name.
SIMPLE_AUTH_MANAGER: Final = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
#: Resumes a task whose request nobody can see: the worker died before it was opened.
UNASKED: Final[Mapping[str, Any]] = {"unasked": True}


def text_field(title: str, *, description: str = "") -> dict[str, Any]:
    """Return the form definition of an optional text."""
    return {
        "value": None,
        "description": description,
        "schema": {"type": ["string", "null"], "title": title, "maxLength": 2000},
    }


def open_detail(
    ti_id: Any,
    *,
    subject: str,
    body: str,
    options: Sequence[str],
    closing: str,
    fields: Mapping[str, Any],
    approvers: Sequence[str] = (),
) -> None:
    """Show a request under Required Actions; without approvers everybody with the right may answer it.

    Opening it again erases an earlier answer, so store that first, and keeps the earlier text.

    :param approvers: logins; Airflow refuses everybody else only where its user ids are logins, elsewhere the gate
        has to look at who answered

    :param closing: the option that the trigger writes when the time is over, so that later answers are refused
    """
    logins = approvers if conf.get("core", "auth_manager", fallback="") == SIMPLE_AUTH_MANAGER else ()
    users = [HITLUser(id=login, name=login) for login in logins] or None
    upsert_hitl_detail(
        ti_id=ti_id,
        options=list(options),
        subject=subject,
        body=body,
        defaults=[closing],
        params=dict(fields),
        assigned_users=users,
    )


def timed_out(event: Mapping[str, Any]) -> bool:
    """Tell whether the task was resumed because nobody answered in time."""
    return event.get("timedout") is True


def read_answer(event: Mapping[str, Any]) -> Answer | None:
    """Read the answer that the task was resumed with; None: there is no request that could be answered.

    :raises ValueError: if the event is no answer
    """
    if event.get("unasked"):
        return None
    options = event.get("chosen_options") or []
    user = event.get("responded_by_user") or {}
    if len(options) != 1 or not user.get("id"):
        raise ValueError(f"not an answer by a person: {dict(event)!r}")
    responded_at = event["responded_at"]
    if isinstance(responded_at, str):
        responded_at = datetime.fromisoformat(responded_at)
    return Answer(
        option=options[0],
        user_id=str(user["id"]),
        login=str(user.get("name") or user["id"]),
        responded_at=responded_at.timestamp(),
        inputs=_cleaned(event.get("params_input") or {}),
    )


def read_response(ti_id: str) -> dict[str, Any] | None:
    """Return what a task would be resumed with: an answer, the timeout, or that nothing is asked; None: no answer yet.

    For the triggerer only.

    :raises AirflowRuntimeError: if Airflow's API cannot be asked
    """
    try:
        detail = get_hitl_detail_content_detail(ti_id=ti_id)
    except AirflowRuntimeError as error:
        if _status(error) == HTTPStatus.NOT_FOUND:
            return dict(UNASKED)
        raise
    if not detail.response_received:
        return None
    user = detail.responded_by_user
    return {
        "chosen_options": list(detail.chosen_options or []),
        "params_input": dict(detail.params_input or {}),
        "responded_at": detail.responded_at.isoformat() if detail.responded_at else None,
        "responded_by_user": {"id": user.id, "name": user.name} if user else None,
        "timedout": user is None,
    }


def close_request(ti_id: str, closing: str) -> None:
    """Answer a request with its default, so that later answers are refused; does nothing if it has an answer.

    For the triggerer only.

    :raises AirflowRuntimeError: if Airflow's API cannot be asked
    """
    try:
        update_hitl_detail_response(ti_id=ti_id, chosen_options=[closing], params_input={})
    except AirflowRuntimeError as error:
        if _status(error) != HTTPStatus.CONFLICT:
            raise


def _status(error: AirflowRuntimeError) -> Any:
    return (error.error.detail or {}).get("status_code")


def _cleaned(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: visible(clean(text)) if isinstance(text, str) else text for name, text in inputs.items()}
