"""Finds plans, protection groups and target accounts in the data of all sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from drs_provider.plan_import.fields import Fields, folded, is_empty, leaves, shown
from drs_provider.plan_import.result import Outcome, ReportEntry
from drs_provider.plan_import.sources import ImportSource, SourceError, opened, plain

# Names of the lists that hold records, in exports, API answers, scans and table exports.
_LISTS: Final = {
    "recoveryplans": "plan",
    "plans": "plan",
    "protectiongroups": "group",
    "groups": "group",
    "targetaccounts": "account",
    "accounts": "account",
}
_WRAPPERS: Final = frozenset(
    {"items", "item", "data", "body", "results", "putrequest", "configuration"}
    | {"result", "response", "responses", "output", "payload"}
)
_CUT_OFF: Final = frozenset({"lastevaluatedkey", "nexttoken"})
_ENVELOPE: Final = frozenset(
    {"count", "scannedcount", "consumedcapacity", "responsemetadata", "metadata", "success", "statuscode"}
    | {"headers", "multivalueheaders", "isbase64encoded"}
    | {"schemaversion", "version", "exportedat", "sourceregion", "exportedby", "totalcount", "message"}
)
_NATIVE: Final = "recoveryplanarn"


@dataclass
class Records:
    """What the sources hold.

    :param plans: plans of the reference system
    :param native: native plans of DRS
    :param groups: protection groups
    :param accounts: target accounts
    :param entries: what is none of these, for the report
    """

    plans: list[Fields] = field(default_factory=list)
    native: list[Fields] = field(default_factory=list)
    groups: list[Fields] = field(default_factory=list)
    accounts: list[Fields] = field(default_factory=list)
    entries: list[ReportEntry] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Return how many records of each kind there are."""
        return {
            "plans": len(self.plans) + len(self.native),
            "protection groups": len(self.groups),
            "target accounts": len(self.accounts),
        }


LOOKED_FOR: Final = (
    "objects with `waves`, `planId` or `planName`, lists called `recoveryPlans` or `plans`, and native plans with "
    "`recoveryPlanArn`, also inside `Items`, `data`, `body` and other envelopes, as objects or as JSON text"
)
"""What makes a record a plan, for a message."""


def collect(sources: Sequence[ImportSource]) -> Records:
    """Return the records of all sources; what is none is reported.

    :raises SourceError: if a source is nested too deeply
    """
    records = Records()
    for source in sources:
        try:
            _Walk(source.name, records).visit("", plain(source.data), None)
        except RecursionError as error:
            raise SourceError(f"{source.name}: it is nested too deeply") from error
    return records


class _Walk:
    """One source, visited from the outside in."""

    def __init__(self, source: str, records: Records) -> None:
        self._source = source
        self._records = records

    def visit(self, path: str, data: Any, kind: str | None) -> None:
        """Take what the data hold; ``kind`` is what the list around it says they are."""
        if isinstance(data, str) and (carried := opened(self._source, data, is_base64=False)) is not None:
            self.visit(path, plain(carried), kind)
        elif isinstance(data, list):
            for position, item in enumerate(data):
                self.visit(f"{path}[{position}]", item, kind)
        elif not isinstance(data, Mapping):
            self._report(Outcome.DROPPED, path, data, "a value outside of any record", "")
        elif (found := _kind_of(data, kind)) is not None:
            self._keep(Fields(self._source, path, data), found)
        else:
            self._open(path, data)

    def _keep(self, record: Fields, kind: str) -> None:
        if kind == "execution":
            why = "an execution of the other system: histories are not imported, only plans"
            self._report(Outcome.NOTE, record.path, record.peek("executionid"), why, "")
            return
        kept = {
            "plan": self._records.plans,
            "native": self._records.native,
            "group": self._records.groups,
            "account": self._records.accounts,
        }
        kept[kind].append(record)

    def _open(self, path: str, data: Mapping[str, Any]) -> None:
        is_base64 = any(folded(name) == "isbase64encoded" and value is True for name, value in data.items())
        for name, given in data.items():
            key, place, value = folded(name), f"{path}.{name}" if path else name, given
            if isinstance(given, str) and (key in _LISTS or key in _WRAPPERS):
                carried = opened(f"{self._source}, {place}", given, is_base64=is_base64)
                value = given if carried is None else plain(carried)
            if key in _LISTS and isinstance(value, list | Mapping):
                self.visit(place, value, _LISTS[key])
            elif key in _WRAPPERS and isinstance(value, list | Mapping):
                self.visit(place, value, None)
            elif isinstance(value, list) and value and all(isinstance(v, Mapping) for v in value):
                self.visit(place, value, None)  # a batch-write file: table name → requests
            else:
                self._envelope(key, place, value)

    def _envelope(self, key: str, place: str, value: Any) -> None:
        for path, leaf in leaves(place, value):
            if is_empty(leaf):
                continue
            if key in _CUT_OFF:
                why = "the export is not complete: the answer was cut off and has a next page"
                self._report(
                    Outcome.DECIDE, path, leaf, why, "export the rest as well, and import it together"
                )
            elif key in _ENVELOPE:
                self._report(Outcome.NOTE, path, leaf, "about the export itself", "")
            else:
                why = "neither a plan, nor a protection group, nor a target account"
                self._report(Outcome.DROPPED, path, leaf, why, "look whether a plan needs it")

    def _report(self, outcome: Outcome, path: str, value: Any, why: str, remedy: str) -> None:
        self._records.entries.append(ReportEntry(outcome, self._source, path, shown(value), why, remedy))


def _kind_of(data: Mapping[str, Any], kind: str | None) -> str | None:
    names = {folded(name) for name in data}
    if _NATIVE in names:
        return "native"
    if "executionid" in names:
        return "execution"
    if kind is not None and not _only_lists(data):
        return kind
    if "waves" in names or {"planid", "planname"} & names:
        return "plan"
    if {"groupid", "groupname", "sourceserverids", "serverselectiontags"} & names:
        return "group"
    if "protectiongroupid" in names and "region" in names:
        return "group"
    account = {"rolearn", "crossaccountrolearn", "assumerolename", "externalid", "accountname"}
    if "accountid" in names and (account | {"iscurrentaccount", "stagingaccounts"}) & names:
        return "account"
    return None


def _only_lists(data: Mapping[str, Any]) -> bool:
    """Whether the data only wrap further records, as an API answer does."""
    return bool(data) and all(folded(name) in (_LISTS.keys() | _WRAPPERS) for name in data)
