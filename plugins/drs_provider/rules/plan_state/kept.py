"""What is kept of a plan between its executions, in the form in which it is kept.

It is a projection: what DRS shows goes before what was kept, and nothing starts or terminates because of what was kept.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from drs_provider.core.texts import cause, named

MOST_WHY: Final = 300
"""Longest reason that is kept, in characters: the list of all plans reads each plan's."""


class PlanState(StrEnum):
    """What a plan's servers are."""

    PROTECTED = "PROTECTED"
    FAILED_OVER = "FAILED_OVER"
    NOT_PROTECTED = "NOT_PROTECTED"
    UNKNOWN = "UNKNOWN"


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    @classmethod
    def believed(cls, kept: Any) -> Self | None:
        """Return what was kept; None if it has another form, since anybody may have edited it."""
        try:
            return cls.model_validate(kept)
        except ValidationError:
            return None

    def kept_form(self) -> dict[str, Any]:
        """Return the form in which it is kept."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


class FailedOverServer(_Kept):
    """What failback needs to know of a server that runs in recovery; what is not known is None.

    :param account_id: where it runs now, with ``region``
    :param origin_account_id: where its source is, if that is in AWS, with ``origin_region`` and ``origin_zone``
    :param point_in_time: of the data that it began with, epoch seconds
    """

    source_server_id: str
    name: str = ""
    account_id: str = ""
    region: str = ""
    origin_account_id: str | None = None
    origin_region: str | None = None
    origin_zone: str | None = None
    recovery_instance_id: str | None = None
    instance_id: str | None = None
    private_ip: str | None = None
    hostname: str | None = None
    point_in_time: float | None = None

    @property
    def ec2_id(self) -> str:
        """Its EC2 instance, empty if unknown; DRS gives its recovery instances the same id."""
        return self.instance_id or self.recovery_instance_id or ""


class Failover(_Kept):
    """Servers of a plan that run in recovery.

    :param execution_id: the RECOVERY that told it last, with ``run_id``; empty if only DRS told it
    """

    execution_id: str = ""
    run_id: str = ""
    since: float
    servers: tuple[FailedOverServer, ...]

    def text(self) -> str:
        """Return it for people."""
        by = f" by {self.run_id}" if self.run_id else ""
        names = named([server.name or server.source_server_id for server in self.servers], 5)
        noun = "server runs" if len(self.servers) == 1 else "servers run"
        return cause(f"{len(self.servers)} {noun} in recovery{by}: {names}", MOST_WHY)


class Readiness(_Kept):
    """What the last preflight of the whole plan came to.

    :param codes: kinds of the findings that would stop an execution
    """

    status: Literal["READY", "NOT_READY", "UNKNOWN"]
    at: float
    errors: int = 0
    warnings: int = 0
    codes: tuple[str, ...] = ()
    execution_type: str = "DRILL"
    run_id: str = ""


class LastDrill(_Kept):
    """How the last drill ended.

    :param result: people's verdict; its status in small letters if it did not complete
    """

    result: str
    status: str
    at: float
    run_id: str


class KeptState(_Kept):
    """What is kept of a plan; times are epoch seconds.

    :param known_since: when it was first told anything
    :param drilled_at: end of the last drill of the whole plan that completed, and was not judged as failed
    :param overdue_told_for: since when a drill was overdue, as people were told last
    :param ready_at: when it was last seen ready
    :param lost_told_for: the `ready_at` of which people were told last that it is over
    """

    state: PlanState = PlanState.UNKNOWN
    state_since: float | None = None
    state_why: str = ""
    state_run_id: str = ""
    readiness: Readiness | None = None
    last_drill: LastDrill | None = None
    known_since: float | None = None
    drilled_at: float | None = None
    overdue_told_for: float | None = None
    ready_at: float | None = None
    lost_told_for: float | None = None

    def moved(self, state: PlanState, at: float, why: str = "", run_id: str = "") -> KeptState:
        """Return it in a state: since when is told by the first to find it so."""
        since = self.state_since if self.state is state and self.state_since is not None else at
        return self.model_copy(
            update={
                "state": state,
                "state_since": since,
                "state_why": cause(why, MOST_WHY),
                "state_run_id": run_id,
                "known_since": at if self.known_since is None else self.known_since,
            }
        )
