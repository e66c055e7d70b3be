"""Between HTTP and the DRS backend: parameters in, body or error out."""

from __future__ import annotations

import json
from typing import Any

from moto.core.request import Request
from moto.core.responses import BaseResponse

from drs_simulator.adapter.current import current_simulation
from drs_simulator.adapter.drs_wire import http_status, parse_drs_request, render_drs_error
from drs_simulator.adapter.models import DrsBackend, drs_backends
from drs_simulator.engine.errors import DrsError, not_implemented

Answer = tuple[int, dict[str, str], str]


class DrsResponse(BaseResponse):
    """One DRS request. Access is checked by the gate, not by moto."""

    def __init__(self) -> None:
        super().__init__(service_name="drs")

    @property
    def backend(self) -> DrsBackend:
        """The backend of the caller's account and the request's Region."""
        return drs_backends[self.current_account][self.region]

    def _dispatch(self, request: Request, full_url: str | None = None, headers: Any = None) -> Answer:
        self.setup_class(request, full_url, headers)
        operation = ""
        try:
            parsed = parse_drs_request(self.method, self.raw_path, self.parsed_url.query, self.body)
            if parsed is None:
                raise not_implemented(f"{self.method} {self.path}")
            operation, params = parsed
            simulation = current_simulation()
            simulation.check_request(operation, params)
            caller = simulation.identities.caller(self.access_key)
            body = self.backend.perform(operation, params, caller)
        except DrsError as error:
            return render_drs_error(error)
        status = http_status(operation)
        headers = {"Content-Type": "application/json"}
        return status, headers, "" if status == 204 else json.dumps(body)
