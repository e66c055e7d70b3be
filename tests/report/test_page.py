from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from drs_provider.core.states import ExecutionStatus
from drs_provider.report.build import build_report
from drs_provider.report.page import failure_groups, plainly, report_html, words
from drs_provider.rules.record.merging import close_attempt
from drs_provider.rules.record.schema import ExecutionRecord
from tests.history.world import T0, launched_rows, record_of
from tests.report.world import failed_recovery, finished_drill, wave_done

VOID = {"meta", "br", "img", "hr", "input", "link"}


class Page(HTMLParser):
    """Reads a page: its elements in order, its text, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.pieces: list[str] = []
        self.feed(text)
        self.close()
        self.text = " ".join(" ".join(self.pieces).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.pieces.append(data)


def page(record: ExecutionRecord) -> Page:
    return Page(report_html(build_report(record), sha256="ab" * 32))


def test_a_drill_is_told_in_full() -> None:
    found = page(finished_drill())
    assert found.open == []
    for text in (
        "ERP, three tiers",
        "completed",
        "8 of 8",
        "39 min 03 s",
        "met, objective 2 h",
        "Wave 2: application",
        "erp-2-1",
        "i-00020000000000001",
        "m6i.large",
        "10.2.0.1",
        "2027-01-15 08:24:39Z",
        "8 min 49 s",
        "dr-approver-1 : approve, 2027-01-15 08:19:33Z",
        "Row counts agree.",
        "by dr-lead",
        "Orders could be entered.",
        "account 222233334444, eu-central-1",
        "ab" * 32,
    ):
        assert text in found.text, text
    assert "What went wrong" not in found.text


def test_a_failure_is_told_first() -> None:
    found = page(failed_recovery())
    assert found.text.index("What went wrong") < found.text.index("Timeline")
    assert "InsufficientInstanceCapacity" in found.text
    assert "not met, objective 2 h" in found.text
    assert "replication lag of erp-app-1" in found.text
    assert "SHA-256 of the report before, of attempt 1: " + "5e" * 32 in found.text
    assert "Fire in the primary data centre" in found.text


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    text = report_html(build_report(finished_drill()), sha256="0" * 64)
    found = Page(text)
    tags = {tag for tag, _ in found.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "form", "base"}
    for _, attributes in found.elements:
        assert not {"src", "href", "srcset", "onload", "onclick", "background"} & attributes.keys()
    assert "url(" not in text
    assert "@import" not in text
    policy = next(a["content"] for t, a in found.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy


NASTY = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> {{ 7 * 7 }} {% raw %} \u202eevil"
CONTROLS = "\x00\x07\x08\x1b[31m\x7f\x85\x9b\u2028\ufdd0\ufffe\U0001ffff\ud800\r\n"


def test_texts_of_people_stay_texts() -> None:
    record = finished_drill(reason=NASTY, ticket=NASTY, plan_title=NASTY, initiated_by=NASTY, owner=NASTY)
    record["errorMessage"] = NASTY
    record["overrides"] = [{"what": NASTY, NASTY: "why"}]
    record["verdict"] = {"result": NASTY, "by": NASTY, "notes": NASTY}
    record["cleanup"] = {"action": NASTY}
    for wave in record["waves"]:
        wave["waveName"] = NASTY
        wave["steps"] = [
            {
                **{
                    name: NASTY
                    for name in ("name", "place", "kind", "status", "output", "reason", "acceptedBy")
                },
                "attempt": 1,
                "failures": [{"name": NASTY, "output": NASTY}],
                "stillRunning": [NASTY],
            }
        ]
        wave["gate"] = {
            "armedBy": NASTY,
            "outcome": NASTY,
            "openedAt": T0,
            "responses": [{"decision": NASTY, "respondedBy": NASTY, "respondedAt": T0, "comment": NASTY}],
        }
        for row in wave["serverStatuses"]:
            row["serverName"] = row["error"] = row["hostname"] = row["privateIp"] = NASTY
            row["launchStatus"] = NASTY
    text = report_html(build_report(record), sha256="0" * 64)
    found = Page(text)
    assert found.open == []
    assert "<script" not in text
    assert "<img" not in text
    assert "49" not in found.text.split("Reason")[1].split("Ticket")[0]
    assert found.text.count("{{ 7 * 7 }}") > 40
    for tag, attributes in found.elements:
        assert tag not in {"script", "img"}
        assert "onerror" not in attributes


def test_control_characters_of_people_and_of_aws_are_shown_escaped() -> None:
    record = finished_drill(reason=CONTROLS, ticket=CONTROLS, initiated_by=CONTROLS)
    record["errorMessage"] = CONTROLS
    record["verdict"] = {"result": "passed", "notes": CONTROLS}
    for row in record["waves"][0]["serverStatuses"]:
        row["serverName"] = row["error"] = row["hostname"] = CONTROLS
    finding = {
        "severity": "WARN",
        "overridden": False,
        "subject": CONTROLS,
        "message": CONTROLS,
        "remedy": CONTROLS,
    }
    findings = [{**finding, "servers": [], "serverCount": 0}]
    text = report_html(build_report(record, findings=findings), sha256="0" * 64)
    assert not (set(CONTROLS) - set("[31m\n")) & set(text)
    text.encode("utf-8")
    assert r"\x07\x08\x1b[31m\x7f" in Page(text).text


def test_equal_failures_of_many_servers_are_one_row() -> None:
    failed = [
        {
            "waveNumber": 1,
            "waveName": "web",
            "sourceServerId": f"s-{n:017d}",
            "critical": True,
            "launchStatus": "FAILED",
            "error": f"no instance i-{n:017x}" if n else "no capacity",
            "jobId": f"drsjob-{n % 2}",
        }
        for n in range(40)
    ]
    first, second = failure_groups(failed)
    assert (first["error"], len(first["servers"]), first["more"]) == ("no capacity", 1, 0)
    assert (len(second["servers"]), second["more"], set(second["jobs"])) == (10, 29, {"drsjob-0", "drsjob-1"})


def refused_record() -> ExecutionRecord:
    record: Any = {
        "executionId": "e-1",
        "planId": "wiki",
        "executionType": "DRILL",
        "status": "PENDING",
        "attempt": 1,
        "attempts": [{"attempt": 1, "status": "PENDING", "startTime": T0}],
        "startTime": T0,
        "totalWaves": 0,
        "completedWaves": 0,
        "failedWaves": 0,
        "currentWave": 0,
        "waves": [],
    }
    return close_attempt(
        record, ExecutionStatus.FAILED, ended_at=T0 + 1, error_message="unknown key `snaphots`"
    )


@pytest.mark.parametrize(
    "record",
    [
        record_of(),
        refused_record(),
        close_attempt(record_of([1]), ExecutionStatus.CANCELLED, ended_at=T0),
        wave_done(record_of([2, 1], objectives={}), 1),
    ],
    ids=["just started", "refused", "cancelled at once", "still running"],
)
def test_a_record_with_little_in_it_makes_a_page(record: ExecutionRecord) -> None:
    found = page(record)
    assert found.open == []
    assert words(record["status"]) in found.text


def test_a_large_execution_makes_a_page() -> None:
    record = record_of([1000])
    record = wave_done(record, 1, rows=launched_rows(record, 1))
    found = page(close_attempt(record, ExecutionStatus.COMPLETED, ended_at=T0 + 2000))
    assert found.text.count("i-0001") == 1000


def test_words_and_data() -> None:
    assert words("IN_PROGRESS") == "in progress"
    assert plainly({"a": [1, "x"], "b": {}, "c": True, "d": None}) == "a: 1, x, b: none, c: yes, d: none"


def test_the_timeline_says_what_was_critical_and_which_clocks_it_has() -> None:
    record = finished_drill()
    told = page(record)
    first, *_, last = (wave["waveName"] for wave in record["waves"])
    assert told.text.index("Critical path: " + first) < told.text.index(f"{last} (")
    assert "Two clocks" not in told.text
    shifted: Any = {**record, "waves": [{**wave, "endTime": T0 + 10 * 86_400} for wave in record["waves"]]}
    assert "Two clocks: times of jobs" in page(shifted).text
