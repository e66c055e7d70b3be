from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from drs_provider.core.states import ExecutionStatus
from drs_provider.report import figures
from drs_provider.report.build import build_report
from drs_provider.report.page import report_html
from drs_provider.report.timeline import timeline
from drs_provider.rules.record.merging import apply_wave_result, close_attempt, waiting_seconds
from tests.history.world import T0, launched_rows, record_of
from tests.report.world import failed_recovery, finished_drill, wave_done


def test_the_recovery_time_ends_with_the_last_wave_not_with_the_hold() -> None:
    found = figures.rto(finished_drill())
    assert found == {
        "countedFrom": "trigger",
        "startTime": T0 - 10,
        "endTime": T0 + 2333,
        "usedSeconds": 2343,
        "waitingSeconds": 40,
        "workingSeconds": 2303,
        "recoveredCompletely": True,
        "objectiveSeconds": 7200,
        "met": True,
    }


def test_the_recovery_time_counts_from_the_incident() -> None:
    found = figures.rto(finished_drill(incident_time=T0 - 5000))
    assert (found["countedFrom"], found["usedSeconds"], found["met"]) == ("incident", 7333, False)


def test_the_recovery_time_of_a_retry_counts_from_the_first_trigger() -> None:
    record = failed_recovery()
    del record["incidentTime"]
    assert figures.rto(record)["startTime"] == T0 - 10


def test_an_objective_is_not_met_unless_everything_is_recovered() -> None:
    found = figures.rto(failed_recovery())
    assert found["recoveredCompletely"] is False
    assert found["met"] is False
    assert found["usedSeconds"] == 4700 + 2700
    assert "met" not in figures.rto(finished_drill(objectives={}))


def test_a_wave_that_was_skipped_by_decision_is_not_missed() -> None:
    record = wave_done(wave_done(record_of(), 1), 2)
    record = apply_wave_result(record, {"waveNumber": 3, "status": "SKIPPED", "skipReason": "not today"})
    record = close_attempt(record, ExecutionStatus.PARTIAL, ended_at=T0 + 2000)
    assert figures.rto(record)["recoveredCompletely"] is True
    assert figures.failed_servers(record) == []
    assert figures.summary(record)["serversTotal"] == 5


def test_data_loss_counts_from_the_launch_or_from_the_incident() -> None:
    drill = figures.rpo(finished_drill())
    # Wave 3 begins 1800 s after T0, its third server's data are of T0 - 303.
    assert drill["worstSeconds"] == 2103
    assert drill["worstServer"].endswith("3")
    assert (drill["serversKnown"], drill["serversUnknown"], drill["met"]) == (8, 0, False)
    incident = figures.rpo(finished_drill(incident_time=T0 + 100))
    assert (incident["worstSeconds"], incident["met"]) == (403, True)


def test_an_unknown_point_in_time_does_not_count_as_met() -> None:
    record = finished_drill(incident_time=T0)
    del record["waves"][0]["serverStatuses"][0]["pointInTime"]
    found = figures.rpo(record)
    assert (found["serversUnknown"], found["met"]) == (1, False)
    for wave in record["waves"]:
        for row in wave["serverStatuses"]:
            row.pop("pointInTime", None)
    assert "met" not in figures.rpo(record)
    assert "worstSeconds" not in figures.rpo(record)


def test_servers_that_were_lost_are_named_with_their_cause() -> None:
    failed = figures.failed_servers(failed_recovery())
    assert [(row["waveNumber"], row["serverName"]) for row in failed] == [
        (2, "erp-2-1"),
        (2, "erp-2-3"),
        (3, "erp-3-1"),
        (3, "erp-3-2"),
        (3, "erp-3-3"),
    ]
    assert failed[0]["error"].startswith("LAUNCH_FAILED")
    assert failed[1] == {
        "waveNumber": 2,
        "waveName": "application",
        "sourceServerId": "s-00020000000000003",
        "serverName": "erp-2-3",
        "critical": False,
        "launchStatus": "LAUNCHED",
        "error": "the instance i-00020000000000003 does not exist in EC2",
        "jobId": "drsjob-00000000000000002",
    }


def test_totals() -> None:
    assert figures.summary(finished_drill()) == {
        "status": "COMPLETED",
        "wavesTotal": 3,
        "wavesCompleted": 3,
        "wavesFailed": 0,
        "serversTotal": 8,
        "serversRecovered": 8,
        "waitingSeconds": 1240,
        "waitingSecondsOfAllAttempts": 1240,
        "openJobs": [],
    }
    assert figures.summary(failed_recovery())["serversRecovered"] == 3


def test_trap_15_jobs_that_still_run_are_named() -> None:
    jobs = [{"jobId": "drsjob-1", "status": "STARTED", "attempt": 1}]
    record = apply_wave_result(record_of(), {"waveNumber": 1, "status": "CANCELLED", "jobs": jobs})
    assert figures.summary(record)["openJobs"] == ["drsjob-1"]


def test_a_drill_without_a_verdict_is_not_verified() -> None:
    assert figures.verdict(record_of()) == {"result": "not verified"}
    assert figures.verdict(finished_drill())["result"] == "passed"  # type: ignore[index]
    assert figures.verdict(failed_recovery()) is None


def test_gates_of_earlier_attempts_are_told_as_well() -> None:
    found = figures.gates(failed_recovery())
    assert [(gate["where"], gate["attempt"]) for gate in found] == [("before wave 2 (application)", 1)]
    found = figures.gates(finished_drill())
    assert [gate["where"] for gate in found] == ["before wave 2 (application)", "before cleanup"]


def test_a_servers_launch_takes_from_its_jobs_start() -> None:
    wave = finished_drill()["waves"][0]
    assert figures.launch_seconds(wave, wave["serverStatuses"][0]) == 529
    wave["jobs"] = []
    assert figures.launch_seconds(wave, wave["serverStatuses"][0]) == 528.2


def test_the_timeline_shows_gates_waves_and_the_hold() -> None:
    found = timeline(finished_drill())
    assert found is not None
    assert (found.start, found.end) == (T0, T0 + 3700)
    assert [lane.name for lane in found.lanes] == ["1 database", "2 application", "3 web", "Hold"]
    assert [bar.kind for bar in found.lanes[1].bars] == ["gate", "completed"]
    assert [bar.kind for bar in found.lanes[1].phases] == ["snapshot", "conversion", "launch"]
    assert found.lanes[0].bars[0].left == round(100 * 600 / 3700, 3)
    assert [tick.label for tick in found.ticks] == [
        "08:00",
        "08:10",
        "08:20",
        "08:30",
        "08:40",
        "08:50",
        "09:00",
    ]


def test_the_timeline_of_a_retry_leaves_earlier_attempts_out() -> None:
    found = timeline(failed_recovery())
    assert found is not None
    assert found.lanes[0].remark == "attempt 1"
    assert found.lanes[1].phases == []
    assert found.lanes[2].remark == "not started"


def test_nothing_with_a_length_has_no_timeline() -> None:
    assert timeline(record_of()) is None


@given(
    st.lists(st.tuples(st.integers(-5000, 90_000_000), st.integers(0, 90_000_000)), min_size=1, max_size=3),
    st.integers(0, 100_000_000),
)
def test_bars_and_ticks_stay_on_the_page(spans: list[tuple[int, int]], end: int) -> None:
    record = record_of()
    for number, (start, length) in enumerate(spans, start=1):
        record = apply_wave_result(
            record,
            {
                "waveNumber": number,
                "status": "COMPLETED",
                "startTime": T0 + start,
                "endTime": T0 + start + length,
                "serverStatuses": launched_rows(record, number),
            },
        )
    found = timeline({**record, "endTime": T0 + end})
    if found is None:
        return
    assert len(found.ticks) <= 8
    for lane in found.lanes:
        for bar in [*lane.bars, *lane.phases]:
            assert 0 <= bar.left <= 100
            assert 0 <= bar.width <= 100.001 - bar.left


STEP: Any = {
    "name": "http",
    "place": "after",
    "kind": "http",
    "status": "ACCEPTED",
    "attempt": 1,
    "startTime": T0 + 2400,
    "endTime": T0 + 2700,
    "output": "503",
    "acceptedBy": "dr-lead",
    "reason": "known fault",
    "asks": [
        {
            "armedBy": "step",
            "outcome": "Accept",
            "openedAt": T0 + 2500,
            "closedAt": T0 + 2700,
            "responses": [],
        }
    ],
}


def with_steps() -> Any:
    """A drill whose last wave was ready 367 s after DRS's end, with a step after it all."""
    record: Any = finished_drill()
    record["waves"][2] |= {"readyTime": T0 + 2700, "steps": [STEP]}
    last = {
        **STEP,
        "name": "dns",
        "place": "after_last",
        "status": "PASSED",
        "endTime": T0 + 2800,
        "asks": [],
    }
    record["steps"] = [{name: value for name, value in last.items() if name not in ("acceptedBy", "reason")}]
    return record


def test_the_recovery_time_counts_to_the_last_required_step_and_says_what_it_rests_on() -> None:
    record = with_steps()
    found = figures.rto(record)
    assert found["endTime"] == T0 + 2800
    assert found["acceptedSteps"] == ["wave web: step http failed (503), accepted by dr-lead: known fault"]
    record["steps"][0]["required"] = False
    assert figures.rto(record)["endTime"] == T0 + 2700
    assert record["waves"][2]["endTime"] == T0 + 2333  # DRS's
    assert "acceptedSteps" not in figures.rto(finished_drill())


def test_steps_and_what_people_were_asked_about_them_are_on_the_page() -> None:
    record = with_steps()
    (ask,) = [gate for gate in figures.gates(record) if gate["where"].startswith("step")]
    assert ask["where"] == "step http of wave 3 (web)"
    shown = timeline(record)
    assert shown is not None
    assert [bar.kind for bar in shown.lanes[2].phases if bar.kind == "step"] == ["step"]
    text = " ".join(report_html(build_report(record), sha256="0" * 64).split())
    assert "accepted by dr-lead: known fault" in text
    assert "Steps around all waves" in text
    assert waiting_seconds(record, T0, T0 + 10_000) > 200
