"""What is kept of how long an execution took."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider.core.states import ExecutionStatus
from drs_provider.rules.record.durations import (
    MOST_KEPT,
    MOST_WAVES_KEPT,
    Durations,
    WaveDurations,
    believed,
    durations_of,
    kept_form,
    with_row,
    with_waves,
)
from drs_provider.rules.record.merging import close_attempt
from tests.history.world import T0, launched_rows, record_of

WAIT = 1_800.0


def ended(**changes: Any) -> dict[str, Any]:
    """Return the record of a drill of three waves in a row, each of 533 s, 67 s after the one before."""
    record: dict[str, Any] = dict(record_of(**changes))
    for wave in record["waves"]:
        number = wave["waveNumber"]
        begin = T0 + 600 * number
        wave |= {"status": "COMPLETED", "startTime": begin, "endTime": begin + 533}
        wave["serverStatuses"] = launched_rows(record, number)  # type: ignore[arg-type]
    return dict(close_attempt(record, ExecutionStatus.COMPLETED, ended_at=T0 + 9_000))  # type: ignore[arg-type]


def kept(record: dict[str, Any], wave: int = 1) -> dict[str, float]:
    found = durations_of(record)
    assert found is not None
    return {each.name: each.seconds for each in found.waves}[record["waves"][wave - 1]["waveName"]]


def test_phases_are_told_from_the_first_servers_start_to_the_last_ones_end() -> None:
    record = ended()
    found = durations_of(record)
    assert found is not None
    assert (found.type, found.at, found.after) == ("DRILL", T0 + 9_000, None)
    assert [(wave.name, wave.servers) for wave in found.waves] == [
        ("database", 2),
        ("application", 3),
        ("web", 3),
    ]
    phases = {"snapshot": 53, "conversion": 197.5, "launch": 282.5}
    assert kept(record, 1) == {**phases, "start": 600}
    assert kept(record, 2) == {**phases, "start": 67}
    record["waves"][0]["serverStatuses"][1]["phases"][1]["start"] += 40  # the slower one counts
    assert kept(record) == {"snapshot": 93, "conversion": 157.5, "launch": 282.5, "start": 600}


def test_without_job_logs_the_shares_of_the_profile_count() -> None:
    record = ended()
    for row in record["waves"][0]["serverStatuses"]:
        del row["phases"]
    assert kept(record) == {"snapshot": 53, "conversion": 197, "launch": 283, "start": 600}
    del record["waves"][0]["serverStatuses"]  # too many for the main item of the history
    assert kept(record)["snapshot"] == 53


def test_people_and_steps_are_told_apart() -> None:
    record = ended()
    second = record["waves"][1]
    second["gate"] = {"openedAt": T0 + 1_133, "closedAt": T0 + 1_133 + WAIT, "responses": []}
    for name in ("startTime", "endTime"):
        second[name] += WAIT
    for row in second["serverStatuses"]:
        row["postLaunchActionsCompleted"] = second["endTime"] + 200
        row["phases"] = [
            {**phase, "start": phase["start"] + WAIT, "end": phase["end"] + WAIT} for phase in row["phases"]
        ]
    step = {"name": "ping", "place": "after", "kind": "tcp", "status": "PASSED", "attempt": 1}
    begin = second["endTime"] + 210
    second["steps"] = [
        {**step, "startTime": begin, "endTime": begin + 30},
        {**step, "name": "url", "startTime": begin + 20, "endTime": begin + 45},
        {**step, "name": "asked", "startTime": begin, "endTime": begin + 900, "asks": [{}]},
        {**step, "name": "before", "place": "before", "startTime": begin - 900, "endTime": begin - 800},
    ]
    record["steps"] = [{**step, "place": "after_last", "startTime": begin + 50, "endTime": begin + 60}]
    found = kept(record, 2)
    assert found == {
        "snapshot": 53,
        "conversion": 197.5,
        "launch": 278.5,
        "post-launch": 204,
        "start": 67,
        "gate": WAIT,
        "checks": 45,
    }
    assert durations_of(record).after == 10  # type: ignore[union-attr]


def test_what_did_not_complete_or_took_several_attempts_says_nothing() -> None:
    record = ended()
    record["waves"][0]["status"] = "FAILED"
    record["waves"][1]["earlierAttempts"] = [{"attempt": 1, "status": "FAILED"}]
    found = durations_of(record)
    assert found is not None
    assert [wave.name for wave in found.waves] == ["web"]


@pytest.mark.parametrize("changed", ["attempt", "clock"])
def test_the_time_before_a_wave_is_told_only_where_it_can_be(changed: str) -> None:
    record = ended()
    if changed == "attempt":
        record["attempt"] = 2  # waves of an earlier attempt stand before those of this one
    else:
        record["waves"][0]["startTime"] = record["startTime"] - 3_600  # a simulator's clock
    assert "start" not in kept(record, 2)


@pytest.mark.parametrize("missing", ["executionId", "executionType", "endTime", "startTime", "waves"])
def test_trap_32_a_record_of_another_system_says_nothing_and_raises_nothing(missing: str) -> None:
    record = ended()
    del record[missing]
    assert durations_of(record) is None
    nameless = ended()
    del nameless["waves"][0]["waveName"]
    assert durations_of(nameless) is None
    assert durations_of({"waves": "none"}) is None


def test_little_is_kept_and_the_newest_stays() -> None:
    row = durations_of(ended())
    assert row is not None
    many = [row.model_copy(update={"execution_id": str(number)}) for number in range(MOST_KEPT)]
    found = with_row(many, row)
    assert len(found) == MOST_KEPT
    assert found[0] == row
    assert with_row(found, row) == found  # a later attempt, or a retry of `finalize`
    waves = with_waves([WaveDurations(servers=9, seconds={})] * MOST_WAVES_KEPT, row)
    assert len(waves) == MOST_WAVES_KEPT
    assert waves[0] == WaveDurations(
        servers=2, seconds={"snapshot": 53, "conversion": 197.5, "launch": 282.5}
    )


def test_what_is_kept_comes_back_and_what_people_made_of_it_does_not() -> None:
    row = durations_of(ended())
    assert row is not None
    stored = kept_form([row])
    assert believed(Durations, stored) == [row]
    torn = [{**stored[0], "waves": [{"name": "web", "servers": 0, "seconds": {}}]}, "text", None, {}]
    endless = {**stored[0], "after": float("inf")}
    assert believed(Durations, [*torn, endless, *stored]) == [row]
    assert believed(Durations, {"text": 1}) == believed(Durations, None) == []
