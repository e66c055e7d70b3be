"""Records and validates every raw response that botocore or aiobotocore receives from the service."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from botocore import handlers
from botocore.model import OperationModel

from drs_simulator.validation.messages import validate_response
from drs_simulator.validation.model import error_shape
from drs_simulator.validation.presence import check_presence
from drs_simulator.validation.transitions import TraceChecker
from drs_simulator.validation.violations import Check, Violation, shown

EVENT = "before-parse.drs"


@dataclass(frozen=True)
class Exchange:
    """One response: every attempt counts, also those that the SDK retries."""

    operation: str
    http_status: int
    error_code: str | None
    violations: tuple[Violation, ...]


@dataclass
class _Allowance:
    check: Check
    operation: str
    reason: str
    used: bool = False

    def covers(self, violation: Violation) -> bool:
        return violation.check is self.check and fnmatchcase(violation.operation, self.operation)


@dataclass
class Recorder:
    """The responses seen so far; `transitions` also follows jobs from one DescribeJobs to the next.

    Leave `transitions` off where several callers poll at once: their answers may be recorded out of order.
    """

    transitions: bool = False
    exchanges: list[Exchange] = field(default_factory=list)
    _trace: TraceChecker = field(default_factory=TraceChecker, repr=False)
    _allowances: list[_Allowance] = field(default_factory=list, repr=False)
    _closed: bool = field(default=False, repr=False)

    @property
    def violations(self) -> list[Violation]:
        """All violations that no allowance covers."""
        return [
            violation
            for exchange in self.exchanges
            for violation in exchange.violations
            if not any(allowance.covers(violation) for allowance in self._allowances)
        ]

    def allow(self, check: Check, operation: str = "*", *, reason: str) -> None:
        """Expect violations of `check` in operations of that glob, as after an injected fault."""
        self._allowances.append(_Allowance(check, operation, reason))

    def assert_none(self) -> None:
        """Raise AssertionError if there is a violation, an allowance nothing used, or no response at all."""
        problems = [str(violation) for violation in self.violations]
        problems += [
            f"nothing needed the allowance: {a.reason}" for a in self._allowances if not self._used(a)
        ]
        if not self.exchanges:
            problems.append("no response was recorded")
        if problems:
            raise AssertionError("\n".join(problems))

    def close(self) -> None:
        """Stop recording, in clients that live on too."""
        self._closed = True

    def on_response(
        self, operation_model: OperationModel, response_dict: Mapping[str, Any], **_: Any
    ) -> None:
        """The handler of the event; never changes the response."""
        if not self._closed:
            self.exchanges.append(self._exchange(operation_model, response_dict))

    def _used(self, allowance: _Allowance) -> bool:
        return any(allowance.covers(found) for exchange in self.exchanges for found in exchange.violations)

    def _exchange(self, model: OperationModel, response: Mapping[str, Any]) -> Exchange:
        status = int(response["status_code"])
        body, faults = _decoded(model, status, response["body"])
        code = None if status < 300 else _error_code(response["headers"], body)
        if not faults:
            faults = validate_response(model.name, status, body, error_code=code, headers=response["headers"])
            faults += _presence(model, code, body)
            faults += self._transitions(model, code, body, faults)
        return Exchange(model.name, status, code, tuple(faults))

    def _transitions(
        self, model: OperationModel, code: str | None, body: Mapping[str, Any], faults: list[Violation]
    ) -> list[Violation]:
        # Jobs that are wrong in themselves cannot be compared.
        if not self.transitions or model.name != "DescribeJobs" or code is not None or faults:
            return []
        return self._trace.observe(body["items"])


def install(client_or_session: Any, *, transitions: bool = False) -> Recorder:
    """Record every DRS response of a client, or of all clients that a session makes from now on.

    Takes clients and sessions of boto3, botocore and aiobotocore.
    """
    recorder = Recorder(transitions=transitions)
    _emitter(client_or_session).register(EVENT, recorder.on_response)
    return recorder


@contextmanager
def recording_everywhere(*, transitions: bool = False) -> Iterator[Recorder]:
    """Record the DRS responses of every session made inside the block, whoever makes it.

    Sessions made earlier (boto3's default session, for one) are not covered.
    """
    recorder = Recorder(transitions=transitions)
    entry = (EVENT, recorder.on_response)
    handlers.BUILTIN_HANDLERS.append(entry)
    try:
        yield recorder
    finally:
        handlers.BUILTIN_HANDLERS.remove(entry)
        recorder.close()


@contextmanager
def checked_responses(*, transitions: bool = False) -> Iterator[Recorder]:
    """`recording_everywhere` that ends with `assert_none`, for the body of a fixture.

    >>> @pytest.fixture
    ... def drs_responses():
    ...     with checked_responses() as recorder:
    ...         yield recorder
    """
    with recording_everywhere(transitions=transitions) as recorder:
        yield recorder
    recorder.assert_none()


def _emitter(client_or_session: Any) -> Any:
    if hasattr(client_or_session, "meta"):
        return client_or_session.meta.events
    if hasattr(client_or_session, "events"):
        return client_or_session.events
    return client_or_session


def _decoded(model: OperationModel, status: int, raw: bytes) -> tuple[dict[str, Any], list[Violation]]:
    if status == 204 or not raw:
        expected = status == 204 or (status < 300 and model.output_shape is None)
        return {}, [] if expected and not raw else [
            _body_fault(model, f"HTTP {status} with the body {shown(raw)}")
        ]
    try:
        body = json.loads(raw)
    except ValueError:
        return {}, [_body_fault(model, f"no JSON: {shown(raw)}")]
    return (body, []) if isinstance(body, dict) else ({}, [_body_fault(model, f"no object: {shown(raw)}")])


def _body_fault(model: OperationModel, message: str) -> Violation:
    return Violation(Check.BODY, model.name, "", message)


def _error_code(headers: Mapping[str, str], body: Mapping[str, Any]) -> str:
    """The error's name, found as botocore finds it; an empty one is no declared error of any operation."""
    code = str(headers.get("x-amzn-errortype") or body.get("code", body.get("Code", "")))
    return code.split(":", 1)[0].rsplit("#", 1)[-1]


def _presence(model: OperationModel, code: str | None, body: Mapping[str, Any]) -> list[Violation]:
    shape = model.output_shape if code is None else error_shape(code)
    return [] if shape is None else check_presence(shape.name, body, operation=model.name)
