"""What was called: a bounded list for tests and for people who watch a rehearsal."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from drs_simulator.engine.times import stamp

KEPT = 20_000


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One request as the simulator saw it."""

    number: int
    at: float
    service: str
    operation: str
    account_id: str
    region: str
    caller_arn: str | None
    session_name: str | None
    status: int | None
    """HTTP status, None when the connection was broken."""
    error: str | None
    fault: str | None
    """The kind of the fault that struck, None if none did."""
    params: dict[str, Any] | None
    """Parameters of DRS calls; None for other services."""

    def to_dict(self) -> dict[str, Any]:
        """For the control interface; ``time`` is simulated."""
        record = asdict(self)
        record["time"] = stamp(record.pop("at"))
        return record


class CallLog:
    """The latest calls, oldest first."""

    def __init__(self) -> None:
        self._records: deque[CallRecord] = deque(maxlen=KEPT)
        self._count = 0

    def __iter__(self) -> Iterator[CallRecord]:
        return iter(list(self._records))

    def add(self, **fields: Any) -> CallRecord:
        """Note a call."""
        self._count += 1
        record = CallRecord(number=self._count, **fields)
        self._records.append(record)
        return record

    def clear(self) -> None:
        """Forget all calls."""
        self._records.clear()

    def select(self, service: str = "*", operation: str = "*", account_id: str = "*") -> list[CallRecord]:
        """Calls whose service, operation and account match the globs."""
        return [
            r
            for r in self
            if fnmatchcase(r.service, service)
            and fnmatchcase(r.operation, operation)
            and fnmatchcase(r.account_id, account_id)
        ]
