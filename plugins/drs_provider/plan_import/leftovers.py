"""What a record holds that nothing has read: every leaf of it is reported, with the reason where it is known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from drs_provider.plan_import.fields import Fields, is_empty, shown
from drs_provider.plan_import.result import Outcome, ReportEntry

_LAUNCH: Final = (
    "launch settings belong to the server in DRS; plans do not set them",
    "check them in DRS; network.drill in the plan says where a drill may launch",
)
_HEALTH: Final = (
    "plan files of this version have no health checks",
    "look at the servers at the gate or the hold",
)
_NOTIFY: Final = ("it is not known which notifier is meant", "write notifications in the plan")
_WAIT: Final = (
    "a wave starts as soon as the waves before it are recovered",
    "add a gate where somebody should look",
)

_DROPPED: Final[dict[str, tuple[str, str]]] = {
    "launchconfig": _LAUNCH,
    "launchconfiguration": _LAUNCH,
    "launchsettings": _LAUNCH,
    "launchtemplate": _LAUNCH,
    "servers": _LAUNCH,
    "waittime": _WAIT,
    "waittimeseconds": _WAIT,
    "waitduration": _WAIT,
    "delayseconds": _WAIT,
    "executiontype": ("all servers of a wave are launched together", "make waves where the order matters"),
    "healthchecks": _HEALTH,
    "healthcheck": _HEALTH,
    "postlaunchactions": (
        "post-launch actions belong to the server in DRS",
        "post_launch in a wave says if they decide",
    ),
    "notificationemail": _NOTIFY,
    "notificationemails": _NOTIFY,
    "notifications": _NOTIFY,
    "snstopicarn": _NOTIFY,
    "schedule": ("schedules have another form here", "write schedule in the plan"),
    "tags": ("tags of the record itself", "write tags in the plan if its recovery jobs should carry them"),
    "stagingaccounts": ("DRS knows the staging accounts of its servers itself", ""),
    "regions": ("a target has one Region: that of its protection groups", ""),
    "rto": ("the duration cannot be read", "write objectives.rto_minutes in the plan"),
    "rpo": ("the duration cannot be read", "write objectives.rpo_minutes in the plan"),
    "dependsonwaves": ("it cannot be read", "write depends_on in the plan"),
}
_NOTES: Final = frozenset(
    {"createdat", "createdby", "createddate", "updatedat", "updatedby", "updateddate", "lastmodifiedat"}
    | {
        "lastmodifiedby",
        "lastmodifieddate",
        "version",
        "status",
        "addedat",
        "addedby",
        "totalwaves",
        "totalservers",
    }
    | {"servercount", "resolvedservercount", "executioncount", "estimatedduration", "estimatedtotalduration"}
    | {
        "lastexecutionid",
        "lastexecutionstatus",
        "lastexecutiondate",
        "laststarttime",
        "lastendtime",
        "wavecount",
    }
    | {
        "lastexecution",
        "lastexecutiontime",
        "launchconfigstatus",
        "lastvalidated",
        "servernames",
        "stackname",
    }
    | {"recoveryplansteparn", "recoveryplancount", "hasserverconflict", "conflictinfo", "selectionmode"}
)


def leftover_entries(records: Iterable[tuple[Fields, str | None]]) -> list[ReportEntry]:
    """Return an entry for every leaf that nothing has read.

    :param records: each with the plan that it belongs to, if it is one's
    """
    return [
        _entry(record, name, path, value, plan)
        for record, plan in records
        for name, path, value in record.rest()
    ]


def _entry(record: Fields, name: str, path: str, value: object, plan: str | None) -> ReportEntry:
    if name in _NOTES:
        return ReportEntry(
            Outcome.NOTE, record.source, path, shown(value), "about the record itself", "", plan
        )
    if is_empty(value):
        return ReportEntry(Outcome.NOTE, record.source, path, shown(value), "it says nothing", "", plan)
    why, remedy = _DROPPED.get(name, ("unknown field", "look whether the plan needs something in its place"))
    return ReportEntry(Outcome.DROPPED, record.source, path, shown(value), why, remedy, plan)
