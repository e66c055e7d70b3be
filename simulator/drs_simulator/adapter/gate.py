"""What every request passes: time goes on, the caller is checked, faults strike, the call is noted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from drs_simulator.adapter.drs_wire import parse_drs_request
from drs_simulator.adapter.launch_templates import (
    asks_for_all_templates,
    describe_all_templates,
)
from drs_simulator.adapter.other_services import answer_other_service
from drs_simulator.adapter.policy_simulation import simulate_principal_policy
from drs_simulator.adapter.simulation import Simulation
from drs_simulator.adapter.wire import (
    WireRequest,
    WireResponse,
    denied_code,
    expired_code,
    render_error,
    unknown_key,
)
from drs_simulator.engine.entities import Caller
from drs_simulator.engine.errors import DrsError, unauthorized_text
from drs_simulator.engine.faults import FaultSpec
from drs_simulator.engine.ids import digest_uuid
from drs_simulator.engine.quotas import SERVICE_NAMES, answer_quota_call

Forward = Callable[[], WireResponse]
_QUOTA_SERVICE = "servicequotas"
_ACTIONS = {"Invoke": "InvokeFunction"}
"""Rights that are not called like their operation."""


class ConnectionBroken(Exception):
    """A fault wants the connection to break instead of an answer."""


class Gate:
    """The way to moto's backends."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._requests = 0

    def handle(self, request: WireRequest, forward: Forward) -> WireResponse:
        """Answer a request, or let ``forward`` do it. ConnectionBroken if a fault says so."""
        simulation = self._simulation
        with simulation.lock:
            simulation.world.tick()
            caller = simulation.identities.find(request.access_key)
            fault = self._strike(request, caller)
        if fault is not None and fault.delay_seconds:
            time.sleep(fault.delay_seconds)
        with simulation.lock:
            simulation.world.tick()
            response = self._respond(request, caller, fault, forward)
            if response is not None:
                response.headers.setdefault("x-amzn-RequestId", self._request_id())
            self._note(request, caller, fault, response)
        if response is None:
            raise ConnectionBroken
        return response

    def _request_id(self) -> str:
        self._requests += 1
        return digest_uuid(self._simulation.world.seed, self._requests)

    def _strike(self, request: WireRequest, caller: Caller | None) -> FaultSpec | None:
        account = caller.account_id if caller else ""
        faults = self._simulation.world.faults
        return faults.pick(request.service, request.operation, account, request.region, request.body)

    def _respond(
        self, request: WireRequest, caller: Caller | None, fault: FaultSpec | None, forward: Forward
    ) -> WireResponse | None:
        refused = self._refuse(request, caller)
        if refused is not None:
            return refused
        takes_effect = fault is None or fault.after or fault.kind in {"delay", "truncate"}
        response = self._answer(request, caller, forward) if takes_effect else None
        return _spoil(request, fault, response) if fault is not None else response

    def _refuse(self, request: WireRequest, caller: Caller | None) -> WireResponse | None:
        if caller is None:
            if request.access_key is None:
                error = DrsError("MissingAuthenticationToken", "Missing Authentication Token")
                return render_error(request, error)
            return render_error(request, unknown_key(request))
        if caller.expires_at is not None and caller.expires_at <= time.time():
            text = "The security token included in the request is expired"
            return render_error(request, DrsError(expired_code(request), text))
        action = f"{request.service}:{_ACTIONS.get(request.operation, request.operation)}"
        if request.service != "drs" and caller.lacks(action):
            return render_error(
                request, DrsError(denied_code(request), unauthorized_text(caller.arn, action))
            )
        return self._refuse_assume_role(request, caller)

    def _refuse_assume_role(self, request: WireRequest, caller: Caller) -> WireResponse | None:
        if (request.service, request.operation) != ("sts", "AssumeRole"):
            return None
        error = self._simulation.identities.refuse_assume_role(
            caller,
            request.parameter("RoleArn") or "",
            request.parameter("ExternalId"),
            int(request.parameter("DurationSeconds") or 3600),
        )
        return render_error(request, error) if error is not None else None

    def _answer(self, request: WireRequest, caller: Caller | None, forward: Forward) -> WireResponse:
        if caller is not None and (request.service, request.operation) == ("iam", "SimulatePrincipalPolicy"):
            return simulate_principal_policy(request, self._simulation.identities)
        if caller is not None and asks_for_all_templates(request):
            return describe_all_templates(request, caller.account_id)
        if request.service == _QUOTA_SERVICE and caller is not None:
            params = json.loads(request.body or b"{}")
            if params.get("ServiceCode") in SERVICE_NAMES:
                return self._quotas(request, caller, params)
        answered = caller and answer_other_service(self._simulation.world, request, caller, forward)
        return answered or forward()

    def _quotas(self, request: WireRequest, caller: Caller, params: dict[str, Any]) -> WireResponse:
        quotas = self._simulation.scenario.quotas
        try:
            body = answer_quota_call(request.operation, params, quotas, request.region, caller.account_id)
        except DrsError as error:
            return render_error(request, error)
        headers = {"Content-Type": "application/x-amz-json-1.1"}
        return WireResponse(200, headers, json.dumps(body).encode())

    def _note(
        self,
        request: WireRequest,
        caller: Caller | None,
        fault: FaultSpec | None,
        response: WireResponse | None,
    ) -> None:
        world = self._simulation.world
        world.calls.add(
            at=world.now,
            service=request.service,
            operation=request.operation,
            account_id=caller.account_id if caller else "",
            region=request.region,
            caller_arn=caller.arn if caller else None,
            session_name=caller.session_name if caller else None,
            status=response.status if response else None,
            error=_error_code(response),
            fault=fault.kind if fault else None,
            params=_drs_params(request),
        )


def _spoil(request: WireRequest, fault: FaultSpec, response: WireResponse | None) -> WireResponse | None:
    if fault.kind == "reset":
        return None
    if fault.kind == "error":
        return render_error(
            request, DrsError(fault.code, fault.message), status=fault.status, retry_after=fault.retry_after
        )
    if fault.kind == "raw":
        headers = {"Content-Type": "text/html"}
        if fault.retry_after is not None:
            headers["Retry-After"] = str(fault.retry_after)
        return WireResponse(fault.status or 503, headers, fault.body.encode())
    if fault.kind == "truncate" and response is not None:
        response.cut_at = len(response.body) // 2
    return response


def _error_code(response: WireResponse | None) -> str | None:
    if response is None or response.status < 300:
        return None
    headers = {key.lower(): value for key, value in response.headers.items()}
    return headers.get("x-amzn-errortype", str(response.status))


def _drs_params(request: WireRequest) -> dict[str, Any] | None:
    if request.service != "drs":
        return None
    try:
        parsed = parse_drs_request(
            request.method, request.path, request.query, request.body.decode("utf-8", "replace")
        )
    except DrsError:
        return None
    return parsed[1] if parsed else None
