"""The report of a sweep: small and stable, for the log, the XCom ``sweep_report`` and the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields
from typing import Any

from drs_provider.core.canonical import camel_case
from drs_provider.core.times import format_time

VERSION = 1
#: More findings than this are counted, not listed; the log has them all.
MAX_FINDINGS = 100
_MAX_TEXT = 600


@dataclass(frozen=True)
class Finding:
    """Something that a sweep found.

    :param kind: what it is, such as ``orphaned record``
    :param subject: whose it is: execution or run, or account, Region and instance
    :param action: what was done: ``closed``, ``caught up``, ``terminated``, ``terminating``, ``would close``,
        ``would catch up``, ``would terminate``, ``left``
    :param reason: why it is a finding
    :param remedy: what a person must do; empty if nothing
    """

    kind: str
    subject: str
    action: str
    reason: str
    remedy: str = ""
    execution_id: str | None = None
    plan_name: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the finding's JSON form."""
        return {camel_case(name): _short(value) for name, value in vars(self).items() if value is not None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Finding:
        """Read :meth:`to_dict`'s data."""
        return cls(**{item.name: data[key] for item in fields(cls) if (key := camel_case(item.name)) in data})


@dataclass
class SweepReport:
    """What a sweep looked at, found and did.

    :param swept_at: epoch seconds
    :param history: whether there is a history table to sweep
    :param targets: accounts and Regions that were looked at, with the number of drill instances in each
    :param failures: what could not be looked at, or not done; the sweep's task fails if there is any
    :param complete: False while terminations are watched
    """

    swept_at: float
    deployment_id: str
    dry_run: bool = False
    terminate: bool = False
    history: bool = False
    records_open: int = 0
    targets: list[dict[str, Any]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    complete: bool = True
    findings_left_out: int = 0

    @property
    def ok(self) -> bool:
        """Whether everything could be looked at, and everything that was begun was done."""
        return not self.failures

    def counts(self) -> dict[str, int]:
        """Return the number of findings by action."""
        found: dict[str, int] = {}
        for finding in self.findings:
            found[finding.action] = found.get(finding.action, 0) + 1
        return dict(sorted(found.items()))

    def to_dict(self) -> dict[str, Any]:
        """Return the report's JSON form."""
        return {
            "version": VERSION,
            **{camel_case(name): value for name, value in vars(self).items()},
            "ok": self.ok,
            "targets": [dict(target) for target in self.targets],
            "counts": self.counts(),
            "findings": [finding.to_dict() for finding in self.findings[:MAX_FINDINGS]],
            "findingsLeftOut": self.findings_left_out + max(0, len(self.findings) - MAX_FINDINGS),
            "failures": [_short(text) for text in self.failures[:MAX_FINDINGS]],
            "notes": [_short(text) for text in self.notes[:MAX_FINDINGS]],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SweepReport:
        """Read :meth:`to_dict`'s data."""
        given = {item.name: deepcopy(data[camel_case(item.name)]) for item in fields(cls)}
        return cls(**{**given, "findings": [Finding.from_dict(item) for item in given["findings"]]})


def report_text(report: Mapping[str, Any]) -> str:
    """Return a report (:meth:`SweepReport.to_dict`) as text for people: one table, failures, notes."""
    mode = "dry run: nothing was changed" if report["dryRun"] else ""
    head = [
        f"Sweep of {format_time(report['sweptAt'])}, deployment {report['deploymentId']}",
        mode,
        f"{report['recordsOpen']} open records" if report["history"] else "history switched off",
        f"{len(report['targets'])} targets, {sum(row['drillInstances'] for row in report['targets'])} drill instances",
        "" if report["complete"] else "terminations are still being watched",
    ]
    lines = ["; ".join(part for part in head if part), ""]
    columns = ("kind", "subject", "action", "reason", "remedy")
    rows = [[str(finding.get(name, "")) for name in columns] for finding in report["findings"]]
    lines += _table([name.upper() for name in columns], rows) if rows else ["Nothing was found."]
    if report["findingsLeftOut"]:
        lines.append(f"and {report['findingsLeftOut']} more findings: see the task's log")
    for name in ("failures", "notes"):
        if report[name]:
            lines += ["", name.upper(), *(f"- {text}" for text in report[name])]
    return "\n".join(lines)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    # The last two columns are sentences: they are not padded.
    widths = [max(len(row[index]) for row in [head, *rows]) for index in range(3)]
    lines = []
    for row in [head, *rows]:
        padded = [text.ljust(width) for text, width in zip(row, widths, strict=False)]
        lines.append("  ".join([*padded, " → ".join(part for part in row[3:] if part)]).rstrip())
    return lines


def _short(text: Any) -> Any:
    if isinstance(text, str) and len(text) > _MAX_TEXT:
        return text[: _MAX_TEXT - 1] + "…"
    return text
