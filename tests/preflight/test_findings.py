from __future__ import annotations

import json

from drs_provider.preflight.findings import (
    MAX_REPORT_BYTES,
    MAX_TEXT_FINDINGS,
    Finding,
    ServerRef,
    Severity,
    build_report,
)


def _finding(code: str = "stalled", severity: Severity = Severity.BLOCK, **fields: object) -> Finding:
    values = {"subject": "target main", "message": "replication is STALLED", "remedy": "Repair it.", **fields}
    return Finding(code, severity, **values)  # type: ignore[arg-type]


def test_findings_that_differ_in_servers_only_become_one() -> None:
    one = _finding(servers=(ServerRef("s-1", "a", "lag PT1H"),))
    other = _finding(servers=(ServerRef("s-2", "b"),))
    report = build_report([one, _finding("else"), other, one], checked_at=0.0)
    assert [(finding.code, finding.server_ids) for finding in report.findings] == [
        ("stalled", ("s-1", "s-2")),
        ("else", ()),
    ]


def test_worst_findings_come_first_in_the_order_they_were_found() -> None:
    levels = [Severity.INFO, Severity.WARN, Severity.BLOCK, Severity.WARN, Severity.BLOCK]
    report = build_report([_finding(f"f{n}", level) for n, level in enumerate(levels)], checked_at=0.0)
    assert [finding.code for finding in report.findings] == ["f2", "f4", "f1", "f3", "f0"]


def test_an_override_covers_overridable_blocks_only() -> None:
    findings = [
        _finding("may", overridable=True),
        _finding("never"),
        _finding("warns", Severity.WARN, overridable=True),
    ]
    report = build_report(findings, checked_at=0.0, override=True)
    assert [finding.code for finding in report.blocking] == ["never"]
    assert [(f.code, f.overridden) for f in report.warnings] == [("may", True), ("warns", False)]
    assert [row["what"] for row in report.overrides()] == ["may: replication is STALLED"]


def test_without_an_override_everything_that_blocks_stays() -> None:
    report = build_report([_finding(overridable=True)], checked_at=0.0)
    assert not report.ok
    assert report.overrides() == []


def test_the_text_names_culprit_servers_and_remedy() -> None:
    servers = tuple(ServerRef(f"s-{n}", f"erp-{n}", "lag PT1H") for n in range(12))
    text = build_report([_finding(servers=servers)], checked_at=0.0, server_count=12).text()
    assert "must not start" in text
    assert "BLOCK [stalled] target main: replication is STALLED" in text
    assert "erp-0 (s-0, lag PT1H)" in text
    assert "and 2 more" in text
    assert "Remedy: Repair it." in text


def test_record_form_is_camel_case_json() -> None:
    servers = (ServerRef("s-1", "erp-1", "lag PT1H"),)
    data = build_report([_finding(servers=servers)], checked_at=5.0, server_count=1).to_dict()
    assert json.loads(json.dumps(data)) == {
        "ok": False,
        "checkedAt": 5.0,
        "serverCount": 1,
        "counts": {"block": 1, "warn": 0, "info": 0, "overridden": 0},
        "codes": {"block": ["stalled"], "warn": [], "info": []},
        "findingsLeftOff": 0,
        "findings": [
            {
                "code": "stalled",
                "severity": "BLOCK",
                "subject": "target main",
                "message": "replication is STALLED",
                "remedy": "Repair it.",
                "overridable": False,
                "overridden": False,
                "serverCount": 1,
                "servers": [{"sourceServerId": "s-1", "serverName": "erp-1", "detail": "lag PT1H"}],
            }
        ],
    }


def test_trap_26_the_record_form_of_4000_servers_stays_small() -> None:
    servers = tuple(ServerRef(f"s-{n:017d}", f"erp-server-{n}", "x" * 500) for n in range(4000))
    report = build_report([_finding(servers=servers), _finding("else", servers=servers)], checked_at=0.0)
    data = report.to_dict()
    assert len(json.dumps(data)) <= MAX_REPORT_BYTES
    assert [row["serverCount"] for row in data["findings"]] == [4000, 4000]
    assert all(0 < len(row["servers"]) < 4000 for row in data["findings"])
    assert data["findingsLeftOff"] == 0


def test_trap_26_thousands_of_findings_are_cut_off_from_the_end() -> None:
    notes = [_finding("note", Severity.INFO, message=f"{n} " + "x" * 3000) for n in range(4000)]
    report = build_report([*notes, _finding("blocks")], checked_at=0.0)
    data = report.to_dict()
    assert len(json.dumps(data)) <= MAX_REPORT_BYTES
    assert data["findings"][0]["code"] == "blocks"
    assert data["findingsLeftOff"] == 4001 - len(data["findings"])
    assert data["counts"]["info"] == 4000
    assert f"{4000 - MAX_TEXT_FINDINGS} more findings are not shown" in report.text()


def test_each_severity_has_its_section_and_is_cut_off_by_itself() -> None:
    many = [_finding(f"note{n}", Severity.INFO) for n in range(MAX_TEXT_FINDINGS + 5)]
    findings = [*many, _finding("warned", Severity.WARN), _finding("blocks")]
    text = build_report(findings, checked_at=0.0).text()
    places = [text.index(part) for part in ("WHAT STOPS THE EXECUTION (1)", "WARNINGS (1)", "NOTES (45)")]
    assert places == sorted(places)
    assert "[warned]" in text
    assert "5 more findings are not shown" in text


def test_sections_without_findings_are_left_out() -> None:
    text = build_report([_finding("warned", Severity.WARN)], checked_at=0.0).text()
    assert "WHAT STOPS" not in text
    assert "NOTES (" not in text


def test_overridden_findings_come_first_among_warnings_and_name_who_answers() -> None:
    findings = [_finding("warned", Severity.WARN), _finding("may", overridable=True)]
    report = build_report(findings, checked_at=0.0, override=True, initiated_by="anna")
    assert [finding.code for finding in report.warnings] == ["may", "warned"]
    assert "1 overridden by anna" in report.text()
    assert report.summary()["overriddenBy"] == "anna"
    assert report.to_dict()["overriddenBy"] == "anna"


def test_nobody_answers_for_what_is_not_overridden() -> None:
    report = build_report([_finding(overridable=True)], checked_at=0.0, initiated_by="anna")
    assert "overriddenBy" not in report.to_dict()
    assert "anna" not in report.text()
