"""What preflight finds, and the one report that people and records get."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from drs_provider.core.texts import cause, named
from drs_provider.core.times import format_time

# Kept well under Airflow's and DynamoDB's limits, which the report shares with other content.
MAX_REPORT_BYTES = 100_000
MAX_TEXT_SERVERS = 10
MAX_TEXT_FINDINGS = 40
_MAX_MESSAGE = 1_200
_MAX_DETAIL = 160
_SERVER_STEPS = (100, 50, 20, 5, 1, 0)


class Severity(StrEnum):
    """What a finding does to the execution."""

    BLOCK = "BLOCK"
    WARN = "WARN"
    INFO = "INFO"


_HEADINGS = {
    Severity.BLOCK: "WHAT STOPS THE EXECUTION",
    Severity.WARN: "WARNINGS",
    Severity.INFO: "NOTES",
}
_ORDER = {severity: position for position, severity in enumerate(Severity)}


@dataclass(frozen=True)
class ServerRef:
    """A server that a finding is about.

    :param detail: what differs from server to server, such as its lag
    """

    source_server_id: str
    name: str = ""
    detail: str = ""

    def __str__(self) -> str:
        told = [text for text in (self.source_server_id if self.name else "", self.detail) if text]
        label = self.name or self.source_server_id
        return f"{label} ({', '.join(told)})" if told else label

    def to_dict(self) -> dict[str, str]:
        """Return the record form; members without a value are left out."""
        data = {"sourceServerId": self.source_server_id, "serverName": self.name, "detail": self.detail}
        return {name: value for name, value in data.items() if value}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or worth knowing before an execution starts.

    Findings that differ in their servers only become one in the report, so what differs from server to
    server belongs into :attr:`ServerRef.detail`, and ``subject`` is never a server.

    :param code: stable name of the kind of finding, snake_case
    :param subject: what it is about: ``plan``, ``target main``, ``group erp_db``, ``wave database``
    :param message: what is wrong, naming the culprit
    :param remedy: what to do about it; may be empty for an INFO
    :param overridable: whether ``preflight: warn`` turns it from BLOCK into WARN
    :param overridden: True if it would stop the execution, but the run configuration says otherwise
    :param passing: whether it may be gone in a moment without anybody acting, such as a throttled check
    """

    code: str
    severity: Severity
    subject: str
    message: str
    remedy: str = ""
    overridable: bool = False
    overridden: bool = False
    servers: tuple[ServerRef, ...] = ()
    passing: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", cause(self.message, _MAX_MESSAGE))

    @property
    def server_ids(self) -> tuple[str, ...]:
        """Source server ids that the finding is about."""
        return tuple(server.source_server_id for server in self.servers)

    def to_dict(self, max_servers: int | None = None) -> dict[str, Any]:
        """Return the record form.

        :param max_servers: how many servers are named; ``serverCount`` tells how many there are
        """
        return {
            "code": self.code,
            "severity": self.severity.value,
            "subject": self.subject,
            "message": self.message,
            "remedy": self.remedy,
            "overridable": self.overridable,
            "overridden": self.overridden,
            "serverCount": len(self.servers),
            "servers": [server.to_dict() for server in self.servers[:max_servers]],
        }

    def text(self, max_servers: int = MAX_TEXT_SERVERS) -> str:
        """Return the finding for people: severity, culprit, servers, remedy."""
        note = " (overridden)" if self.overridden else ""
        lines = [f"{self.severity.value}{note} [{self.code}] {self.subject}: {self.message}"]
        if self.servers:
            lines.append(f"    Servers: {named(self.servers, max_servers)}")
        if self.remedy:
            lines.append(f"    Remedy: {self.remedy}")
        return "\n".join(lines)


@dataclass(frozen=True)
class PreflightReport:
    """Every finding of one preflight, worst first, equal findings of several servers as one.

    Build it with :func:`build_report`.

    :param checked_at: epoch seconds
    :param server_count: how many servers the selected waves have
    :param overridden_by: who answers for the overridden findings
    """

    findings: tuple[Finding, ...]
    checked_at: float
    server_count: int = 0
    overridden_by: str = ""

    @property
    def may_pass(self) -> bool:
        """Whether everything that stops the execution may be gone in a moment."""
        return all(finding.passing for finding in self.blocking)

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """Findings that stop the execution."""
        return self._of(Severity.BLOCK)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Findings that do not stop it, overridden ones included."""
        return self._of(Severity.WARN)

    @property
    def ok(self) -> bool:
        """Whether the execution may start."""
        return not self.blocking

    def summary(self) -> dict[str, Any]:
        """Return what execution records carry: counts, and which kinds of findings there are."""
        counts = {severity.value.lower(): len(self._of(severity)) for severity in Severity}
        overridden = sum(finding.overridden for finding in self.findings)
        codes = {
            severity.value.lower(): sorted({f.code for f in self._of(severity)}) for severity in Severity
        }
        return {
            "ok": self.ok,
            "checkedAt": self.checked_at,
            "serverCount": self.server_count,
            "counts": {**counts, "overridden": overridden},
            "codes": codes,
            **({"overriddenBy": self.overridden_by} if overridden and self.overridden_by else {}),
        }

    def overrides(self, max_servers: int = 50) -> list[dict[str, Any]]:
        """Return what was overridden, for the execution record; who did it, and why, the caller adds."""
        return [
            {
                "what": f"{finding.code}: {finding.message}",
                "subject": finding.subject,
                "serverCount": len(finding.servers),
                "servers": list(finding.server_ids[:max_servers]),
            }
            for finding in self.findings
            if finding.overridden
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON data (camelCase) of at most :data:`MAX_REPORT_BYTES`.

        Where that is too little, fewer servers are named for each finding, then the last findings are left
        out (``findingsLeftOff``): the findings that stop the execution come first.
        """
        for shown in _SERVER_STEPS:
            data = self._data([finding.to_dict(shown) for finding in self.findings])
            if _size(data) <= MAX_REPORT_BYTES:
                return data
        while data["findings"] and _size(data) > MAX_REPORT_BYTES:
            data = self._data(data["findings"][: len(data["findings"]) * 3 // 4])
        return data

    def _data(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        return {**self.summary(), "findingsLeftOff": len(self.findings) - len(rows), "findings": rows}

    def text(self) -> str:
        """Return the report for people: a head line, then the findings by severity, the worst first.

        Each severity is cut off by itself, so that notes never push a warning out.
        """
        lines = [self._head()]
        for severity in Severity:
            lines += self._section(severity)
        return "\n".join(lines)

    def _section(self, severity: Severity) -> Iterator[str]:
        findings = self._of(severity)
        if not findings:
            return
        yield f"\n{_HEADINGS[severity]} ({len(findings)})"
        yield from (finding.text() for finding in findings[:MAX_TEXT_FINDINGS])
        left_off = len(findings) - MAX_TEXT_FINDINGS
        if left_off > 0:
            yield f"{left_off} more findings are not shown."

    def _head(self) -> str:
        verdict = "nothing stops the execution" if self.ok else "the execution must not start"
        counts = self.summary()["counts"]
        by = f" by {self.overridden_by}" if self.overridden_by else ""
        overridden = f" ({counts['overridden']} overridden{by})" if counts["overridden"] else ""
        return (
            f"Preflight of {self.server_count} servers at {format_time(self.checked_at)}: {verdict}. "
            f"{counts['block']} blocking, {counts['warn']} warnings{overridden}, {counts['info']} notes."
        )

    def _of(self, severity: Severity) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is severity)


def build_report(
    findings: Iterable[Finding],
    *,
    checked_at: float,
    server_count: int = 0,
    override: bool = False,
    initiated_by: str = "",
) -> PreflightReport:
    """Return the report of these findings.

    :param override: turn the blocking findings that may be overridden into warnings (``preflight: warn``)
    :param initiated_by: who answers for what is overridden
    """
    decided = (_overridden(finding) if override else finding for finding in findings)
    merged = sorted(_merged(decided), key=_place)
    return PreflightReport(tuple(merged), checked_at, server_count, initiated_by)


def _place(finding: Finding) -> tuple[int, bool]:
    # Among warnings those that would have stopped the execution come first.
    return _ORDER[finding.severity], not finding.overridden


def _overridden(finding: Finding) -> Finding:
    if finding.severity is Severity.BLOCK and finding.overridable:
        return replace(finding, severity=Severity.WARN, overridden=True)
    return finding


def _merged(findings: Iterable[Finding]) -> Iterator[Finding]:
    groups: dict[Finding, dict[ServerRef, None]] = {}
    for finding in findings:
        servers = groups.setdefault(replace(finding, servers=()), {})
        for server in finding.servers:
            servers[replace(server, detail=cause(server.detail, _MAX_DETAIL))] = None
    for finding, servers in groups.items():
        yield replace(finding, servers=tuple(servers))


def _size(data: dict[str, Any]) -> int:
    return len(json.dumps(data, ensure_ascii=False).encode())
