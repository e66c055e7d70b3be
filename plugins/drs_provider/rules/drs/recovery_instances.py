"""Recovery instances as DRS describes them, as typed values.

They are what a launch destroys and what a cleanup terminates. So what DRS does not tell counts for the worst: an
instance that does not say that it is a drill's is live, one that does not say which job launched it is never
terminated, and one that does not say whose server it is blocks every server that it may be of.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from drs_provider.core.answers import Members

log = logging.getLogger(__name__)

# EC2 states in which the machine is gone, or past saving.
GONE_EC2_STATES = frozenset({"TERMINATED", "NOT_FOUND", "SHUTTING-DOWN"})


@dataclass(frozen=True)
class RecoveryInstanceView:
    """A recovery instance as DRS knows it.

    :param recovery_instance_id: empty if DRS does not tell it
    :param source_server_id: empty if DRS does not tell it
    :param job_id: the job that launched it; with ``is_drill`` the test of whose it is
    :param is_drill: False unless DRS says that it is a drill's
    :param point_in_time: epoch seconds of the snapshot it was launched from
    :param failback_state: state of its failback, empty if DRS tells none
    :param missing: which of the members that prove whose it is DRS does not tell
    """

    recovery_instance_id: str
    ec2_instance_id: str | None
    ec2_state: str
    source_server_id: str
    job_id: str | None
    is_drill: bool
    point_in_time: float | None = None
    failback_state: str = ""
    missing: tuple[str, ...] = ()

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> RecoveryInstanceView:
        """Read a ``RecoveryInstance``. One that does not say that it is a drill's counts as live."""
        row = Members(data)
        is_drill = row.flag("isDrill")
        proof = {name: row.text(name) for name in ("recoveryInstanceID", "sourceServerID", "jobID")}
        missing = [name for name, value in proof.items() if not value]
        return cls(
            recovery_instance_id=proof["recoveryInstanceID"],
            ec2_instance_id=row.text("ec2InstanceID") or None,
            ec2_state=row.text("ec2InstanceState"),
            source_server_id=proof["sourceServerID"],
            job_id=proof["jobID"] or None,
            is_drill=is_drill is True,
            point_in_time=row.moment("pointInTimeSnapshotDateTime"),
            failback_state=row.part("failback").text("state"),
            missing=tuple([*missing, "isDrill"] if is_drill is None else missing),
        )

    @property
    def exists(self) -> bool:
        """Whether the machine is there; a state that DRS does not tell, or that is new, counts as there."""
        return self.ec2_state not in GONE_EC2_STATES

    @property
    def identified(self) -> bool:
        """Whether DRS tells which recovery instance of which server it is."""
        return bool(self.recovery_instance_id and self.source_server_id)

    @property
    def replaceable(self) -> bool:
        """Whether a launch may remove it without a question: it is a drill's, and DRS tells which one it is."""
        return self.is_drill and self.identified and "sourceServerID" not in self.missing

    @property
    def instance_id(self) -> str:
        """EC2 instance id, empty if DRS tells none; DRS gives its recovery instances the same id."""
        return self.ec2_instance_id or self.recovery_instance_id

    @property
    def name(self) -> str:
        """What it is called in messages."""
        name = self.instance_id or "an instance without an id"
        return f"{name} of {self.source_server_id}" if self.source_server_id else name


def parse_instances(items: Iterable[Mapping[str, Any]]) -> tuple[RecoveryInstanceView, ...]:
    """Read the ``items`` of DescribeRecoveryInstances."""
    views = tuple(RecoveryInstanceView.from_api(item) for item in items)
    for view in views:
        if view.missing:
            log.warning("DescribeRecoveryInstances: %s has no %s", view.name, ", ".join(view.missing))
    return views


def instance_ids(views: Iterable[RecoveryInstanceView]) -> set[str]:
    """Return the EC2 instance ids that DRS tells of recovery instances."""
    return {view.instance_id for view in views if view.instance_id}


def instances_of(
    items: Iterable[Mapping[str, Any]], asked: Collection[str]
) -> tuple[RecoveryInstanceView, ...]:
    """Read the recovery instances of servers.

    An instance that exists and does not tell whose server it is may be that of any server for which DRS lists no other
    one: it is given to each of them, as one that blocks it.

    :param asked: the source servers that DRS was asked for
    """
    views = parse_instances(items)
    told = [view for view in views if view.source_server_id in asked]
    found = {view.source_server_id for view in told}
    suspects = [server for server in asked if server not in found] or list(asked)
    strays = [view for view in views if not view.source_server_id and view.exists]
    return (*told, *(replace(view, source_server_id=server) for view in strays for server in suspects))


def instances_by_server(
    items: Iterable[Mapping[str, Any]], asked: Collection[str]
) -> dict[str, RecoveryInstanceView]:
    """Read the recovery instances of servers, by server; see :func:`instances_of`."""
    return by_server(instances_of(items, asked))


def by_server(views: Iterable[RecoveryInstanceView]) -> dict[str, RecoveryInstanceView]:
    """Return one recovery instance of each server.

    DRS keeps one recovery instance per server. Should it list more, one that exists wins, and among those one that
    is no drill's, or not known to be: it is the one that a launch must not destroy.
    """
    found: dict[str, RecoveryInstanceView] = {}
    for view in views:
        known = found.get(view.source_server_id)
        if known is None or _weight(view) > _weight(known):
            found[view.source_server_id] = view
    return found


def _weight(view: RecoveryInstanceView) -> tuple[bool, bool]:
    return view.exists, not view.replaceable
