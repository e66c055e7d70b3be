"""Where the real service departs from its published model: the complete list, each with its reason.

Nothing else is forgiven. A name here is what documentation and tests refer to.
"""

from __future__ import annotations

from dataclasses import dataclass

from drs_simulator.validation.model import compiled
from drs_simulator.validation.violations import Check


@dataclass(frozen=True)
class ValueDeviation:
    """A value that the service sends although the model forbids it, in one member and for one check."""

    name: str
    member: str  # "<shape>.<member>" that holds the value, or the shape of the value in answers
    check: Check
    pattern: str
    reason: str


@dataclass(frozen=True)
class ErrorDeviation:
    """An error that operations may answer although they do not declare it: those named, or any."""

    code: str
    http_statuses: frozenset[int]
    reason: str
    operations: frozenset[str] = frozenset()


VALUE_DEVIATIONS: tuple[ValueDeviation, ...] = (
    ValueDeviation(
        "launch_end_event",
        member="JobLog.event",
        check=Check.ENUM,
        pattern="LAUNCH_END",
        reason="The service ends a successful launch with this event, which the model's enum lacks.",
    ),
    ValueDeviation(
        "offset_timestamp",
        member="ISO8601DatetimeString",
        check=Check.PATTERN,
        pattern=r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}\+00:00",
        reason="Times come with microseconds and a UTC offset, where the model's pattern asks for Z.",
    ),
)

_BAD_CREDENTIALS = "The signature layer refuses bad credentials before any operation sees the call."
_FRONT_END = "The front end of every AWS service may answer this before the operation is reached."

ERROR_DEVIATIONS: dict[str, ErrorDeviation] = {
    deviation.code: deviation
    for deviation in (
        ErrorDeviation(
            "ValidationException",
            frozenset({400}),
            "Request members are checked before the operation runs, declared or not.",
        ),
        ErrorDeviation(
            "AccessDeniedException",
            frozenset({403}),
            "IAM refuses a caller before the operation runs, declared or not.",
        ),
        ErrorDeviation(
            "ResourceNotFoundException",
            frozenset({404}),
            "The log of an unknown job was answered so.",
            operations=frozenset({"DescribeJobLogItems"}),
        ),
        ErrorDeviation("UnrecognizedClientException", frozenset({403}), _BAD_CREDENTIALS),
        ErrorDeviation("ExpiredTokenException", frozenset({403}), _BAD_CREDENTIALS),
        ErrorDeviation("InvalidSignatureException", frozenset({403}), _BAD_CREDENTIALS),
        ErrorDeviation("MissingAuthenticationTokenException", frozenset({403}), _BAD_CREDENTIALS),
        ErrorDeviation("IncompleteSignatureException", frozenset({400, 403}), _BAD_CREDENTIALS),
        ErrorDeviation("RequestTimeoutException", frozenset({408}), _FRONT_END),
        ErrorDeviation("InternalFailure", frozenset({500}), _FRONT_END),
        ErrorDeviation("ServiceUnavailableException", frozenset({503}), _FRONT_END),
        ErrorDeviation(
            "UnknownOperationException",
            frozenset({404, 501}),
            "AWS answers 404 to a path it does not know; 501 is the simulator's own, for what it leaves out.",
        ),
    )
}

# rest-json servers may repeat the error's name here; no model lists it.
ERROR_ENVELOPE_MEMBERS = frozenset({"__type"})
# Errors without a shape of their own carry a text under either spelling.
GENERIC_ERROR_MEMBERS = ERROR_ENVELOPE_MEMBERS | {"message", "Message"}


def is_known_error(operation: str, code: str) -> bool:
    """Whether an operation is known to answer an error that it does not declare."""
    deviation = ERROR_DEVIATIONS.get(code)
    return deviation is not None and (not deviation.operations or operation in deviation.operations)


def is_known_deviation(member: str, shape: str, check: Check, value: object) -> bool:
    """Whether a value of `shape` that breaks `check` in `member` is one the real service is known to send."""
    # What the service sends in its answers it refuses in requests.
    names = {member} if "Request" in member else {member, shape}
    return isinstance(value, str) and any(
        deviation.member in names
        and deviation.check is check
        and compiled(deviation.pattern).fullmatch(value) is not None
        for deviation in VALUE_DEVIATIONS
    )
