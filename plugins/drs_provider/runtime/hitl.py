"""Adapter over Airflow's human-in-the-loop mechanism (semi-private in Airflow 3.3).

A gate writes its detail, then parks in ``awaiting_input``: no worker, no pool slot and no trigger is held, and
an answer given between the two steps is seen when the task parks. An operator that defers instead would lose it.

When its time is over, Airflow's scheduler answers the request with its default and resumes the task, in one
transaction: an answer given before counts, one given later is refused. The default is the option that stops, and the
task takes it for what it is, a timeout. A task cannot close its request itself: a worker's supervisor does not know
that message (only the triggerer's does).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

from airflow.sdk.exceptions import TaskAwaitingInput
from airflow.sdk.execution_time.hitl import HITLUser, upsert_hitl_detail


@dataclass(frozen=True)
class Answer:
    """What a person answered.

    :param option: the chosen option
    :param user_id: id of the authenticated user, as Airflow's auth manager knows it
    :param user_name: that user's name
    :param responded_at: epoch seconds of the answer
    :param inputs: the form's fields
    """

    option: str
    user_id: str
    user_name: str
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

    Opening it again erases an earlier answer: store that first.

    :param closing: the option that Airflow writes when the time is over, so that later answers are refused
    """
    users = [HITLUser(id=user, name=user) for user in approvers] or None
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


def read_answer(event: Mapping[str, Any]) -> Answer:
    """Read the answer that the task was resumed with.

    :raises ValueError: if the event is no answer
    """
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
        user_name=str(user.get("name") or user["id"]),
        responded_at=responded_at.timestamp(),
        inputs=dict(event.get("params_input") or {}),
    )
