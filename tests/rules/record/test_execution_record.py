from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_provider.core.states import ExecutionStatus, ExecutionType, WaveStatus
from drs_provider.rules.drs.jobs import JobView, LaunchActionRun, LogEvent
from drs_provider.rules.execution.frozen import FrozenServer, FrozenWaveRef
from drs_provider.rules.record.changes import merge_final
from drs_provider.rules.record.execution_record import initial_record, job_row, jobs_start
from drs_provider.rules.record.merging import (
    apply_wave_result,
    close_attempt,
    counters,
    merge_wave,
    new_attempt,
    recovered,
    server_rows,
    waiting_seconds,
    with_report,
)
from drs_provider.rules.record.schema import ServerRow
from drs_provider.rules.record.servers import server_phases, server_row
from drs_provider.rules.wave.server_verdict import post_launch_status
from tests.history.world import T0, frozen_plan, frozen_wave, launched_rows, record_of

SERVER = FrozenServer(source_server_id="s-1111111111111111a", name="erp-db-1", lag_at_start="PT5S")


def job(status: str = "STARTED", launch_status: str = "PENDING", **extra: object) -> JobView:
    return JobView.from_api(
        {
            "jobID": "drsjob-1",
            "status": status,
            "creationDateTime": "2027-01-15T08:00:00Z",
            "participatingServers": [
                {"sourceServerID": SERVER.source_server_id, "launchStatus": launch_status, **extra}
            ],
        }
        | ({"endDateTime": "2027-01-15T08:20:00Z"} if status == "COMPLETED" else {})
    )


def nulls(value: object) -> bool:
    if isinstance(value, dict):
        return any(nulls(item) for item in value.values())
    if isinstance(value, list):
        return any(nulls(item) for item in value)
    return value is None


def test_trap_07_all_waves_are_in_the_record_from_the_start() -> None:
    record = record_of()
    assert [wave["status"] for wave in record["waves"]] == ["PENDING"] * 3
    assert record["totalWaves"] == 3
    assert record["status"] == "PENDING"
    assert [row["launchStatus"] for row in server_rows(record)] == ["PENDING"] * 8


def test_initial_record_says_what_the_contract_names() -> None:
    record = record_of()
    assert record["planId"] == "erp_three_tier"
    assert record["planName"] == "ERP, three tiers"
    assert record["accountContext"] == {"accountId": "111122223333", "isCurrentAccount": True}
    assert record["waves"][2]["accountContext"]["assumeRoleName"] == "DRSOrchestrationRole"
    assert [wave["pauseBeforeWave"] for wave in record["waves"]] == [False, True, False]
    assert [wave["dependsOnWaves"] for wave in record["waves"]] == [[], [1], [2]]
    assert record["waves"][1]["gate"] == {
        "armedBy": "plan",
        "message": "Check the database first.",
        "responses": [],
    }
    assert record["waves"][0]["executionMode"] == "DRILL"
    assert record["attempts"] == [{"attempt": 1, "status": "PENDING", "startTime": T0}]
    assert record["expectedDuration"] == 1200
    assert record["objectives"] == {"rtoMinutes": 120, "rpoMinutes": 15}


def test_initial_record_has_no_nulls_and_is_plain_data() -> None:
    record = record_of(execution_type=ExecutionType.RECOVERY, incident_time=T0 - 900)
    assert not nulls(record)
    assert json.loads(json.dumps(record)) == record
    assert record["incidentTime"] == T0 - 900
    assert "ticket" not in record


def test_a_wave_that_is_left_out_is_skipped_and_needs_no_frozen_form() -> None:
    waves = [frozen_wave(2, 1)]
    refs = (
        FrozenWaveRef(number=2, name="application"),
        FrozenWaveRef(number=1, name="database", selected=False),
    )
    plan = frozen_plan(waves).model_copy(update={"waves": refs})
    record = initial_record(plan, waves, attempt=1, expected_duration_seconds=1, now=T0)
    assert [(w["waveNumber"], w["status"], w["selected"]) for w in record["waves"]] == [
        (1, "SKIPPED", False),
        (2, "PENDING", True),
    ]
    assert record["waves"][0]["skipReason"]
    assert record["accountContext"]["accountId"] == "111122223333"


def test_initial_record_refuses_waves_it_could_not_address() -> None:
    waves = [frozen_wave(1, 1), frozen_wave(3, 1)]
    with pytest.raises(ValueError, match="without gaps"):
        initial_record(frozen_plan(waves), waves, attempt=1, expected_duration_seconds=1, now=T0)


def test_initial_record_keeps_a_wave_of_which_only_the_header_is_left() -> None:
    plan = frozen_plan([frozen_wave(1, 1), frozen_wave(2, 1)])
    record = initial_record(plan, [], attempt=1, expected_duration_seconds=1, now=T0)
    assert record["totalWaves"] == 2
    assert [(wave["waveNumber"], wave["status"]) for wave in record["waves"]] == [
        (1, "PENDING"),
        (2, "PENDING"),
    ]


def test_server_row_follows_a_launch() -> None:
    first = server_row(SERVER, is_drill=True, job=job(), polled_at=T0)
    second = server_row(
        SERVER, is_drill=True, job=job(launch_status="IN_PROGRESS"), polled_at=T0 + 20, previous=first
    )
    last = server_row(
        SERVER,
        is_drill=True,
        job=job("COMPLETED", "LAUNCHED", recoveryInstanceID="i-1"),
        phases=[{"name": "launch", "start": T0 + 30, "end": T0 + 60}],
        instance={"instanceId": "i-1", "privateIp": "10.0.0.4", "hostname": None},
        polled_at=T0 + 70,
        previous=second,
    )
    assert last["transitionHistory"] == [
        {"status": "PENDING", "timestamp": T0},
        {"status": "IN_PROGRESS", "timestamp": T0 + 20},
        {"status": "LAUNCHED", "timestamp": T0 + 70},
    ]
    assert last["pollAttempts"] == 3
    assert last["launchedTime"] == T0 + 60
    assert last["recoveryJobId"] == "drsjob-1"
    assert last["attempts"] == 1
    assert "hostname" not in last
    assert recovered(last)


def test_trap_18_times_of_the_same_job_are_written_once() -> None:
    phases = [{"name": "launch", "start": T0, "end": T0 + 60}]
    first = server_row(
        SERVER,
        is_drill=True,
        job=job("COMPLETED", "LAUNCHED"),
        phases=phases,  # type: ignore[arg-type]
        instance={"launchTime": T0 + 50, "privateIp": "10.0.0.4"},
    )
    again = server_row(
        SERVER,
        is_drill=True,
        job=job("COMPLETED", "LAUNCHED"),
        instance={"launchTime": T0 + 5000},
        polled_at=T0 + 9000,
        previous=first,
    )
    assert again["launchTime"] == T0 + 50
    assert again["launchedTime"] == T0 + 60
    assert again["privateIp"] == "10.0.0.4", "EC2 not answering loses nothing"
    assert again["phases"] == phases


def test_a_relaunch_starts_the_row_afresh_and_counts_the_attempt() -> None:
    first = server_row(
        SERVER, is_drill=True, job=job("COMPLETED", "FAILED"), instance={"launchTime": T0}, polled_at=T0
    )
    other = JobView(job_id="drsjob-2", servers=job().servers)
    second = server_row(SERVER, is_drill=True, job=other, polled_at=T0 + 100, previous=first)
    assert second["recoveryJobId"] == "drsjob-2"
    assert "launchTime" not in second
    assert second["attempts"] == 2
    assert [item["status"] for item in second["transitionHistory"]] == ["FAILED", "PENDING"]


def test_a_launched_server_with_an_error_is_not_recovered() -> None:
    row = server_row(
        SERVER,
        is_drill=False,
        job=job("COMPLETED", "LAUNCHED"),
        verdict={"error": "EC2 has no instance i-1", "launchStatus": None},
    )
    assert row["launchStatus"] == "LAUNCHED"
    assert not recovered(row)


def test_post_launch_actions_become_a_phase_and_a_status() -> None:
    runs = [{"action": {"name": "disk", "actionId": "a"}, "status": "SUCCEEDED"}]
    row = server_row(
        SERVER,
        is_drill=False,
        job=job("COMPLETED", "LAUNCHED", launchActionsStatus={"runs": runs}),
        phases=[{"name": "launch", "start": T0, "end": T0 + 60}],
        polled_at=T0 + 90,
    )
    assert row["postLaunchActionsStatus"] == "COMPLETED"
    assert row["postLaunchActionsCompleted"] == T0 + 90
    assert row["phases"][-1] == {"name": "post-launch", "start": T0 + 60, "end": T0 + 90}


@pytest.mark.parametrize(
    ("runs", "status"),
    [
        ([], "NOT_STARTED"),
        ([("IN_PROGRESS", False)], "IN_PROGRESS"),
        ([("SUCCEEDED", False), ("IN_PROGRESS", False)], "IN_PROGRESS"),
        ([("SUCCEEDED", False), ("FAILED", True)], "COMPLETED"),
        ([("IN_PROGRESS", False), ("FAILED", False)], "FAILED"),
    ],
)
def test_post_launch_status(runs: list[tuple[str, bool]], status: str) -> None:
    assert (
        post_launch_status([LaunchActionRun("n", "a", optional, state) for state, optional in runs]) == status
    )


def test_phases_come_from_the_job_log_in_any_order() -> None:
    events = [
        LogEvent("LAUNCH_FAILED", T0 + 300, "s-1", raw_error="no capacity"),
        LogEvent("JOB_START", T0),
        LogEvent("SNAPSHOT_START", T0 + 1, "s-1"),
        LogEvent("CONVERSION_START", T0 + 10, "s-1"),
        LogEvent("USING_PREVIOUS_SNAPSHOT", T0 + 2, "s-1"),
        LogEvent("CONVERSION_END", T0 + 200, "s-1"),
        LogEvent("LAUNCH_START", T0 + 200, "s-1"),
        LogEvent("SNAPSHOT_START", T0 + 1, "s-2"),
    ]
    assert server_phases(events) == {
        "s-1": [
            {"name": "snapshot", "start": T0 + 1, "end": T0 + 2},
            {"name": "conversion", "start": T0 + 10, "end": T0 + 200},
            {"name": "launch", "start": T0 + 200, "end": T0 + 300, "error": "no capacity"},
        ],
        "s-2": [{"name": "snapshot", "start": T0 + 1}],
    }


def test_job_row_has_drs_own_times() -> None:
    assert job_row(job("COMPLETED"), 2) == {
        "jobId": "drsjob-1",
        "status": "COMPLETED",
        "attempt": 2,
        "startTime": 1_800_000_000.0,
        "endTime": 1_800_001_200.0,
    }


def test_apply_wave_result_touches_one_wave_and_renews_the_counters() -> None:
    record = record_of()
    result = {
        "waveNumber": 1,
        "status": WaveStatus.COMPLETED.value,
        "startTime": T0 + 1,
        "endTime": T0 + 500,
        "serverStatuses": launched_rows(record, 1)[1:],
        "errorMessage": None,
    }
    merged = apply_wave_result(record, result)
    assert record["waves"][0]["status"] == "PENDING", "the given record is not changed"
    assert merged["waves"][1:] == record["waves"][1:]
    assert [row["launchStatus"] for row in merged["waves"][0]["serverStatuses"]] == ["PENDING", "LAUNCHED"]
    assert (merged["completedWaves"], merged["failedWaves"], merged["currentWave"]) == (1, 0, 1)
    assert not nulls(merged)
    with pytest.raises(ValueError, match="no wave 9"):
        apply_wave_result(record, {"waveNumber": 9})


def test_trap_35_a_new_attempt_keeps_what_the_first_one_was() -> None:
    record = apply_wave_result(
        record_of(),
        {
            "waveNumber": 1,
            "status": "FAILED",
            "startTime": T0,
            "endTime": T0 + 500,
            "errorMessage": "no capacity",
        },
    )
    record = with_report(
        close_attempt(record, ExecutionStatus.FAILED, ended_at=T0 + 600, error_message="wave 1 failed"),
        1,
        uri="file:///r",
        sha256="f" * 64,
    )
    second = new_attempt(record, 2, T0 + 5000)
    assert second["status"] == "IN_PROGRESS"
    assert second["startTime"] == T0 + 5000
    assert "endTime" not in second
    assert "errorMessage" not in second
    assert second["attempts"][0]["endTime"] == T0 + 600
    assert second["attempts"][0]["reportSha256"] == "f" * 64
    merged = apply_wave_result(second, {"waveNumber": 1, "status": "COMPLETED", "endTime": T0 + 5500})
    wave = merged["waves"][0]
    assert wave["earlierAttempts"] == [
        {
            "attempt": 1,
            "status": "FAILED",
            "startTime": T0,
            "endTime": T0 + 500,
            "errorMessage": "no capacity",
        }
    ]
    assert (wave["attempt"], wave["status"], wave["endTime"]) == (2, "COMPLETED", T0 + 5500)
    assert "errorMessage" not in wave
    assert (merged["completedWaves"], merged["failedWaves"]) == (1, 0)
    with pytest.raises(ValueError, match="cannot follow"):
        new_attempt(second, 2, T0)


def test_trap_32_an_end_that_the_table_missed_is_told_by_the_next_attempt() -> None:
    begun = record_of()
    ended = close_attempt(begun, ExecutionStatus.FAILED, ended_at=T0 + 600, error_message="wave 1 failed")
    second = close_attempt(new_attempt(ended, 2, T0 + 5000), ExecutionStatus.COMPLETED, ended_at=T0 + 6000)
    stored = new_attempt(begun, 2, T0 + 5000)  # the table was down when the first attempt ended
    final = merge_final(stored, second)
    assert final["attempts"] == second["attempts"]
    assert [row["status"] for row in final["attempts"]] == ["FAILED", "COMPLETED"]


def test_trap_35_an_end_that_is_stored_wins_over_what_the_writer_remembers() -> None:
    ended = close_attempt(
        record_of(), ExecutionStatus.FAILED, ended_at=T0 + 600, error_message="wave 1 failed"
    )
    stored = new_attempt(ended, 2, T0 + 5000)
    remembered = {
        **stored,
        "attempts": [{**stored["attempts"][0], "status": "PARTIAL"}, stored["attempts"][1]],
    }
    second = close_attempt(remembered, ExecutionStatus.COMPLETED, ended_at=T0 + 6000)
    assert merge_final(stored, second)["attempts"][0] == stored["attempts"][0]


def test_a_result_of_an_earlier_attempt_changes_nothing() -> None:
    record = new_attempt(record_of(), 2, T0 + 100)
    wave = apply_wave_result(record, {"waveNumber": 1, "status": "LAUNCHING"})["waves"][0]
    assert merge_wave(wave, {"status": "FAILED"}, attempt=1) == wave


def test_trap_15_a_job_that_cannot_be_read_now_loses_nothing_that_is_known() -> None:
    """Its status is UNKNOWN then; a job that nothing else tells of is in the record with that."""
    known = {"jobId": "drsjob-1", "status": "STARTED", "attempt": 1, "startTime": T0}
    unknown = [{"jobId": job_id, "status": "UNKNOWN", "attempt": 1} for job_id in ("drsjob-1", "drsjob-2")]
    record = apply_wave_result(record_of(), {"waveNumber": 1, "status": "POLLING", "jobs": [known]})
    ended = {"waveNumber": 1, "status": "FAILED", "jobs": unknown}
    assert apply_wave_result(record, ended)["waves"][0]["jobs"] == [known, unknown[1]]
    writer = apply_wave_result(record_of(), ended)
    closed = close_attempt(writer, ExecutionStatus.FAILED, ended_at=T0 + 60)
    assert merge_final(record, closed)["waves"][0]["jobs"] == [known, unknown[1]]


def test_a_wave_that_is_not_run_again_keeps_the_result_of_its_attempt() -> None:
    record = record_of(attempt=2)
    result = {"waveNumber": 1, "attempt": 1, "status": "COMPLETED", "startTime": T0, "endTime": T0 + 500}
    wave = apply_wave_result(record, result)["waves"][0]
    assert (wave["attempt"], wave["status"], wave["endTime"]) == (1, "COMPLETED", T0 + 500)
    assert "earlierAttempts" not in wave


def test_closing_twice_keeps_the_first_end() -> None:
    closed = close_attempt(record_of(), ExecutionStatus.FAILED, ended_at=T0 + 60)
    assert close_attempt(closed, ExecutionStatus.COMPLETED, ended_at=T0 + 999) == closed
    assert closed["durationSeconds"] == 60
    assert closed["attempts"][0]["status"] == "FAILED"
    with pytest.raises(ValueError, match="does not end"):
        close_attempt(record_of(), ExecutionStatus.POLLING, ended_at=T0)


def test_waiting_for_people_counts_gates_that_overlap_once() -> None:
    record = record_of()
    record["waves"][1]["gate"] = {"openedAt": T0 + 100, "closedAt": T0 + 200}
    record["waves"][2]["gate"] = {"openedAt": T0 + 150, "closedAt": T0 + 250}
    record["hold"] = {"openedAt": T0 + 400}
    assert waiting_seconds(record, T0, T0 + 450) == 200
    assert waiting_seconds(record, T0 + 180, T0 + 300) == 70


def test_report_is_written_once_per_attempt() -> None:
    record = with_report(record_of(), 1, uri="file:///a", sha256="1" * 64)
    assert with_report(record, 1, uri="file:///b", sha256="2" * 64) == record


statuses = st.sampled_from([status.value for status in WaveStatus])
results = st.fixed_dictionaries(
    {"waveNumber": st.integers(1, 3)},
    optional={
        "status": statuses,
        "startTime": st.integers(1_800_000_000, 1_800_009_999),
        "endTime": st.integers(1_800_000_000, 1_800_009_999),
        "errorMessage": st.sampled_from([None, "no capacity"]),
        "jobs": st.lists(
            st.builds(
                lambda number, status: {"jobId": f"drsjob-{number}", "status": status, "attempt": 1},
                st.integers(1, 3),
                st.sampled_from(["PENDING", "STARTED", "COMPLETED"]),
            ),
            max_size=3,
        ),
    },
)


@given(st.lists(results, max_size=8))
def test_merging_keeps_times_counts_and_other_waves(sequence: list[dict[str, object]]) -> None:
    record = record_of()
    for result in sequence:
        before = record
        record = apply_wave_result(record, result)
        number = result["waveNumber"]
        for old, new in zip(before["waves"], record["waves"], strict=True):
            if old["waveNumber"] != number:
                assert new == old
                continue
            assert all(new[name] == old[name] for name in ("startTime", "endTime") if name in old)  # type: ignore[literal-required]
            ids = [item["jobId"] for item in new["jobs"]]
            assert len(ids) == len(set(ids))
            assert {item["jobId"] for item in old["jobs"]} <= set(ids)
    assert {key: record[key] for key in ("completedWaves", "failedWaves", "currentWave")} == counters(  # type: ignore[literal-required]
        record["waves"]
    )
    assert not nulls(record)


@given(st.permutations([1, 2, 3]), st.lists(statuses, min_size=3, max_size=3))
def test_results_of_parallel_waves_merge_in_any_order(order: list[int], ends: list[str]) -> None:
    one, other = record_of(), record_of()
    applied = {
        number: {"waveNumber": number, "status": ends[number - 1], "endTime": T0 + number}
        for number in (1, 2, 3)
    }
    for number in (1, 2, 3):
        one = apply_wave_result(one, applied[number])
    for number in order:
        other = apply_wave_result(other, applied[number])
    assert one == other


@given(st.lists(st.sampled_from(["PENDING", "IN_PROGRESS", "LAUNCHED"]), min_size=1, max_size=12))
def test_status_history_holds_changes_only(seen: list[str]) -> None:
    row: ServerRow | None = None
    for number, status in enumerate(seen):
        row = server_row(
            SERVER, is_drill=True, job=job(launch_status=status), polled_at=T0 + number, previous=row
        )
    assert row is not None
    history = [item["status"] for item in row["transitionHistory"]]
    assert history == [status for i, status in enumerate(seen) if i == 0 or seen[i - 1] != status]
    assert row["pollAttempts"] == len(seen)


def test_trap_18_a_wave_has_no_start_until_drs_tells_that_of_every_job() -> None:
    early, late = JobView("drsjob-1", created_at=T0 + 1), JobView("drsjob-2", created_at=T0 + 9)
    assert jobs_start([late, early], of=2) == T0 + 1
    assert jobs_start([late], of=2) is None
    assert jobs_start([late, JobView("drsjob-3")], of=2) is None
    assert jobs_start([], of=0) is None
