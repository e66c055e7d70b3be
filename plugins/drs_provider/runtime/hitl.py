"""Adapter over Airflow's human-in-the-loop mechanism (semi-private in Airflow 3.3).

A gate writes its detail, then parks in ``awaiting_input``: no worker, no pool slot and no trigger is held, and
an answer given between the two steps is seen when the task parks. An operator that defers instead would lose it.

A task that comes back after a lost try must not park again on a request that is answered already: Airflow would
resume it at once, before its scheduler has seen the end of the parking process, and take it for a killed one. It
defers to `triggers/gate.py`, which reads the answer; only a triggerer's supervisor knows that message.

When its time is over, Airflow's scheduler answers the request with its default and resumes the task, in one
transaction: an answer given before counts, one given later is refused. The default is the option that stops, and the
task takes it for what it is, a timeout. A task cannot close its request itself: a worker's supervisor does not know
that message (only the triggerer's does).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, NoReturn

from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowRuntimeError, TaskAwaitingInput
from airflow.sdk.execution_time.hitl import (
    HITLUser,
    get_hitl_detail_content_detail,
    update_hitl_detail_response,
    upsert_hitl_detail,
)

from drs_provider.plan.texts import clean, visible

#: The auth manager whose user ids are the logins, so that Airflow itself can refuse who is not named. Others know
#: people by numbers or opaque ids, which no plan can name.
SIMPLE_AUTH_MANAGER: Final = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
#: Resumes a task whose request nobody can see: the worker died before it was opened.
UNASKED: Final[Mapping[str, Any]] = {"unasked": True}


@dataclass(frozen=True)
class Answer:
    """What a person answered.

    :param option: the chosen option
    :param user_id: id of the authenticated user, as Airflow's auth manager knows it: a login, a number, opaque
    :param login: what that person logs in with, and what Airflow shows and records for who triggers a run
    :param responded_at: epoch seconds of the answer
    :param inputs: the form's fields
    """

    option: str
    user_id: str
    login: str
    responded_at: float
    inputs: dict[str, Any]


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

    :param closing: the option that Airflow writes when the time is over, so that later answers are refused
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


def park(method_name: str, *, timeout_seconds: float, kwargs: dict[str, Any] | None = None) -> NoReturn:
    """Leave the worker until the request is answered, or until it times out.

    :param kwargs: what the method gets beside ``context`` and ``event``
    :raises TaskAwaitingInput: always; it is how Airflow parks a task
    """
    timeout = timedelta(seconds=max(timeout_seconds, 1))
    raise TaskAwaitingInput(method_name=method_name, kwargs=kwargs, timeout=timeout)


def timed_out(event: Mapping[str, Any]) -> bool:
    """Tell whether the task was resumed because nobody answered in time."""
    return event.get("timedout") is True or event.get("error_type") == "timeout"


def read_answer(event: Mapping[str, Any]) -> Answer | None:
    """Read the answer that the task was resumed with; None: there is no request that could be answered.

    :raises ValueError: if the event is no answer
    """
    if event == UNASKED:
        return None
    options = event.get("chosen_options") or []
    user = event.get("responded_by_user") or {}
    if "error" in event or len(options) != 1 or not user.get("id"):
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
        detail = get_hitl_detail_content_detail(ti_id=ti_id)  # type: ignore[arg-type]
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
        update_hitl_detail_response(ti_id=ti_id, chosen_options=[closing], params_input={})  # type: ignore[arg-type]
    except AirflowRuntimeError as error:
        if _status(error) != HTTPStatus.CONFLICT:
            raise


def _status(error: AirflowRuntimeError) -> Any:
    return (error.error.detail or {}).get("status_code")


def _cleaned(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: visible(clean(text)) if isinstance(text, str) else text for name, text in inputs.items()}
