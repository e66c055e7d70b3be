"""What Airflow's database and API server hold of one DAG run: task states, XComs, task state stores, requests."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4


def as_json(value: Any) -> Any:
    """Return a value as it comes back from Airflow's API; what is no plain JSON is refused."""
    plain = json.loads(json.dumps(value, allow_nan=False))
    assert plain == value, f"changes on its way through JSON: {value!r}"
    return plain


@dataclass
class TaskRow:
    """A task instance."""

    state: str | None = None
    try_number: int = 0
    tries_left: int = 0
    id: UUID = field(default_factory=uuid4)
    next_method: str | None = None
    next_kwargs: dict[str, Any] = field(default_factory=dict)
    error: BaseException | None = None


@dataclass
class Request:
    """A human-in-the-loop detail.

    :param approvers: the only users that may answer; empty: everybody
    :param defaults: the answer that a timeout gives
    :param response: the answer, once there is one
    """

    subject: str
    body: str
    options: list[str]
    fields: dict[str, Any]
    approvers: list[str]
    defaults: list[str]
    response: dict[str, Any] | None = None


class People:
    """Airflow's human-in-the-loop mechanism: requests by task instance, and who may answer them.

    ``ids`` are the auth manager's user ids by login, for those who have another one than their login.
    """

    def __init__(self, now: Any) -> None:
        self.now = now
        self.requests: dict[UUID, Request] = {}
        self.erased: list[dict[str, Any]] = []
        self.ids: dict[str, str] = {}

    def upsert(
        self,
        ti_id: UUID,
        options: list[str],
        subject: str,
        body: str | None = None,
        defaults: list[str] | None = None,
        multiple: bool = False,
        params: dict[str, Any] | None = None,
        assigned_users: Sequence[Mapping[str, str]] | None = None,
    ) -> None:
        """Open a request as ``upsert_hitl_detail`` does: anew, an earlier answer is gone and the text stays."""
        assert params is not None, "422: params are required"
        assert defaults in (["Reject"], ["Failed"], ["Fail"]), (
            "a gate without an answer must not let anything go on"
        )
        assert not multiple, "a gate takes one answer"
        approvers = [user["id"] for user in assigned_users or ()]
        made = Request(subject, body or "", list(options), as_json(params), approvers, list(defaults))
        if (known := self.requests.setdefault(ti_id, made)).response is not None:
            self.erased.append(known.response)
            known.response = None

    def time_out(self, ti_id: UUID) -> dict[str, Any]:
        """Answer a request with its default, as a gate's trigger does, unless somebody has answered it."""
        request = self.requests[ti_id]
        if request.response is None:
            given = {name: spec["value"] for name, spec in request.fields.items()}
            request.response = {**self._response(request.defaults, given, None), "timedout": True}
        return request.response

    def respond(self, ti_id: UUID, option: str, user: str, fields: Mapping[str, Any]) -> int:
        """Answer as a user (by login), through the API; return the HTTP status."""
        user_id = self.ids.get(user, user)
        request = self.requests.get(ti_id)
        if request is None:
            return 404
        if request.response is not None:
            return 409
        if request.approvers and user_id not in request.approvers:
            return 403
        if option not in request.options or not fields.keys() <= request.fields.keys():
            return 400
        given = {name: fields.get(name, spec["value"]) for name, spec in request.fields.items()}
        request.response = self._response([option], given, {"id": user_id, "name": user})
        return 200

    def _response(
        self, options: list[str], fields: Mapping[str, Any], user: dict[str, str] | None
    ) -> dict[str, Any]:
        return {
            "chosen_options": options,
            "params_input": dict(fields),
            "responded_by_user": user,
            "responded_at": datetime.fromtimestamp(self.now(), UTC),
            "timedout": False,
        }


class XComs:
    """XComs by task id and key."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], Any] = {}

    def get(self, task_id: str, key: str) -> Any:
        return copy.deepcopy(self._values.get((task_id, key)))

    def set(self, task_id: str, key: str, value: Any) -> None:
        self._values[task_id, key] = as_json(value)

    def clear_task(self, task_id: str) -> None:
        for address in [address for address in self._values if address[0] == task_id]:
            del self._values[address]

    def sizes(self) -> dict[tuple[str, str], int]:
        """Bytes of every XCom."""
        return {address: len(json.dumps(value).encode()) for address, value in self._values.items()}


class StateStore:
    """``context["task_state_store"]`` of one task: survives retries and clears.

    :param about_to: told of every change before it happens
    """

    def __init__(self, values: dict[str, Any], about_to: Callable[[str], None]) -> None:
        self._values = values
        self._about_to = about_to

    def get(self, key: str, default: Any = None) -> Any:
        return copy.deepcopy(self._values.get(key, default))

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        if value is None:
            raise ValueError("Cannot set value as None")
        assert retention is not None, "a default retention would forget the value while the run lives"
        self._about_to(f"state {key}")
        self._values[key] = as_json(value)

    def delete(self, key: str) -> None:
        if key in self._values:
            self._about_to(f"state {key} deleted")
        self._values.pop(key, None)
