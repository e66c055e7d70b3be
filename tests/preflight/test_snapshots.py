from __future__ import annotations

import pytest

from drs_provider.core.times import format_time
from tests.preflight.world import (
    DB_1,
    DB_2,
    NOW,
    WEB_1,
    WEB_2,
    FakeAws,
    ago,
    aws_error,
    check,
    codes,
    found,
    healthy,
    plan,
    point,
)

HOUR = 3600
PIT_1, PIT_2, PIT_9 = "pit-1111111111111111a", "pit-2222222222222222b", "pit-9999999999999999z"


def _world(ages: dict[str, list[float]]) -> FakeAws:
    """Return servers with points in time of these ages in seconds, one more that is only forecast."""
    aws = healthy()
    for server_id in (DB_1, DB_2, WEB_1, WEB_2):
        taken = [point(f"pit-{age}", age) for age in ages.get(server_id, [HOUR, 2 * HOUR, 3 * HOUR])]
        aws.points[server_id] = [point("pit-forecast", None), *taken]
    return aws


def test_latest_asks_for_no_points_in_time() -> None:
    aws = _world({})
    result = check(aws)
    assert result.snapshots == {}
    assert aws.calls["recovery_snapshots"] == 0


def test_a_time_chooses_the_newest_point_not_after_it_for_each_server() -> None:
    aws = _world({DB_2: [HOUR, 2 * HOUR + 1, 3 * HOUR]})
    result = check(aws, snapshots=ago(2 * HOUR))
    assert result.report.ok
    assert result.snapshots == {
        DB_1: "pit-7200",
        DB_2: "pit-7201",
        WEB_1: "pit-7200",
        WEB_2: "pit-7200",
    }


def test_points_are_chosen_by_their_timestamp_never_by_the_forecast() -> None:
    aws = _world({})
    late = {
        "snapshotID": "pit-late",
        "expectedTimestamp": ago(2 * HOUR + 60),
        "timestamp": ago(2 * HOUR - 60),
    }
    for server_id in aws.points:
        aws.points[server_id].insert(0, late)
    assert set(check(aws, snapshots=ago(2 * HOUR)).snapshots.values()) == {"pit-7200"}


def test_a_server_without_a_point_before_the_time_blocks() -> None:
    aws = _world({DB_2: [60], WEB_1: []})
    result = check(aws, snapshots=ago(2 * HOUR), preflight="warn")
    (finding,) = result.report.blocking
    assert finding.code == "no_snapshot_before"
    assert finding.server_ids == (DB_2, WEB_1)
    assert format_time(NOW - 60) in finding.servers[0].detail
    assert "none at all" in finding.servers[1].detail


def test_a_point_much_older_than_asked_for_warns() -> None:
    aws = _world({DB_2: [3 * HOUR]})
    result = check(aws, plan(objectives={"rpo_minutes": 30}), snapshots=ago(2 * HOUR))
    assert found(result, "snapshot_much_older").server_ids == (DB_2,)
    assert result.report.ok


def test_a_map_names_points_that_exist() -> None:
    aws = _world({})
    aws.points[DB_1].append(point(PIT_1, 5 * HOUR))
    result = check(aws, snapshots={DB_1: PIT_1})
    assert result.report.ok
    assert result.snapshots == {DB_1: PIT_1}
    assert aws.calls["recovery_snapshots"] == 1


def test_a_point_of_another_server_is_unknown() -> None:
    aws = _world({})
    aws.points[DB_1].append(point(PIT_1, 5 * HOUR))
    aws.points[DB_2].append(point(PIT_2, None))
    result = check(aws, snapshots={WEB_1: PIT_1, DB_2: PIT_2, DB_1: PIT_9}, preflight="warn")
    (finding,) = result.report.blocking
    assert finding.code == "unknown_snapshot"
    assert set(finding.server_ids) == {DB_1, DB_2, WEB_1}
    assert PIT_9 in finding.servers[0].detail
    assert result.snapshots == {}


def test_a_map_for_servers_outside_the_run_blocks() -> None:
    result = check(_world({}), snapshots={"s-8888888888888888a": PIT_1})
    assert found(result, "snapshot_outside_run").server_ids == ("s-8888888888888888a",)
    assert not result.report.ok


@pytest.mark.parametrize("broken", ["error", "malformed"])
def test_trap_04_points_that_cannot_be_read_block(broken: str) -> None:
    aws = _world({})
    if broken == "error":
        aws.errors["recovery_snapshots"] = aws_error("DescribeRecoverySnapshots")
    else:
        aws.points[DB_1] = [{"snapshotID": "pit-1", "timestamp": "yesterday"}]
    result = check(aws, snapshots=ago(2 * HOUR), preflight="warn")
    assert codes(result.report.blocking) == ["could_not_be_checked"]
    assert "chosen snapshots" in result.report.blocking[0].message
