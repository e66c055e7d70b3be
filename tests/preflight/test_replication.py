from __future__ import annotations

from typing import Any

import pytest

from drs_provider.preflight.checks.replication import sign_of_life
from drs_provider.preflight.findings import Severity
from drs_provider.preflight.source_server import SourceServer
from tests.preflight.world import (
    DB_1,
    DB_2,
    NOW,
    FakeAws,
    ago,
    aws_error,
    check,
    codes,
    found,
    healthy,
    plan,
    point,
    replication,
    server,
)

LONG_AGO = {"lastSeenByServiceDateTime": ago(30 * 3600)}
RECOVERY = {"execution_type": "RECOVERY", "source_state": "lost"}


def _with(**row: Any) -> FakeAws:
    aws = healthy()
    aws.servers[0] = server(DB_1, "erp-db-1", **row)
    return aws


BROKEN = [
    replication("STALLED", "P1DT2H", "AGENT_NOT_SEEN"),
    replication("DISCONNECTED", error="AGENT_NOT_SEEN"),
    replication("PAUSED", "PT3H"),
    replication("STOPPED"),
    replication("INITIAL_SYNC"),
    replication("A_NEW_STATE", "PT3H"),
]


@pytest.mark.parametrize("info", BROKEN)
def test_broken_replication_stops_a_drill_unless_overridden(info: dict[str, Any]) -> None:
    aws = _with(dataReplicationInfo=info)
    aws.points[DB_1] = [point("pit-1", 3600)]
    (finding,) = check(aws).report.blocking
    assert (finding.code, finding.server_ids) == ("replication_unfit", (DB_1,))
    assert info["dataReplicationState"] in finding.message
    overridden = check(aws, preflight="warn").report
    assert overridden.ok
    assert [f.overridden for f in overridden.warnings] == [True]


@pytest.mark.parametrize("info", BROKEN)
def test_broken_replication_only_warns_in_a_recovery(info: dict[str, Any]) -> None:
    aws = _with(dataReplicationInfo=info, lifeCycle=LONG_AGO)
    aws.points[DB_1] = [point("pit-1", 3600)]
    report = check(aws, **RECOVERY).report
    assert report.ok
    (finding,) = report.warnings
    assert (finding.code, finding.overridden) == ("replication_unfit", False)


def test_a_finding_tells_error_and_lag() -> None:
    aws = _with(dataReplicationInfo=BROKEN[0])
    assert found(check(aws), "replication_unfit").servers[0].detail == "AGENT_NOT_SEEN, lag P1DT2H"


@pytest.mark.parametrize("kind", ["DRILL", "RECOVERY"])
@pytest.mark.parametrize(
    "info",
    [
        replication("INITIATING"),
        replication("INITIAL_SYNC"),
        replication("STOPPED"),
        replication("DISCONNECTED"),
        replication("DISCONNECTED", "PT1H"),
        replication("STALLED"),
        {},
    ],
)
def test_nothing_to_launch_from_blocks_every_kind(kind: str, info: dict[str, Any]) -> None:
    aws = _with(dataReplicationInfo=info, lifeCycle=LONG_AGO)
    aws.points[DB_1] = [point("pit-1", None)]  # a forecast is no point in time
    options = RECOVERY if kind == "RECOVERY" else {}
    report = check(aws, preflight="warn", **options).report
    (finding,) = report.blocking
    assert (finding.code, finding.server_ids) == ("no_point_in_time", (DB_1,))
    syncing = (info.get("dataReplicationState") or "").startswith("INIT")
    assert finding.remedy.startswith("Wait until" if syncing else "Start or repair replication")
    aws.points[DB_1] = [point("pit-0", None), point("pit-1", 3600)]
    assert check(aws, preflight="warn", **options).report.ok


def test_points_in_time_are_asked_for_where_there_is_doubt_only() -> None:
    aws = _with(dataReplicationInfo=replication("STALLED", "PT3H"), lifeCycle=LONG_AGO)
    check(aws, **RECOVERY)
    assert aws.calls["recovery_snapshots"] == 0


def test_points_in_time_that_cannot_be_read_block() -> None:
    aws = _with(dataReplicationInfo=replication("INITIAL_SYNC"))
    aws.errors["recovery_snapshots"] = aws_error("DescribeRecoverySnapshots")
    report = check(aws, preflight="warn").report
    (finding,) = report.blocking
    assert "DescribeRecoverySnapshots" in finding.message


@pytest.mark.parametrize(
    ("lag", "code"), [("PT15M", None), ("PT15M1S", "lag_above_rpo"), (None, "lag_unknown")]
)
def test_lag_is_compared_with_the_objective(lag: str | None, code: str | None) -> None:
    aws = _with(dataReplicationInfo=replication("CONTINUOUS", lag))
    report = check(aws, plan(objectives={"rpo_minutes": 15})).report
    assert codes(report.findings) == ([code] if code else [])
    assert report.ok
    assert check(aws, plan()).report.findings == ()


def test_an_unreadable_lag_stops_a_drill_unless_overridden() -> None:
    aws = _with(dataReplicationInfo=replication("CONTINUOUS", "one hour"))
    (finding,) = check(aws).report.blocking
    assert "lagDuration=one hour" in finding.servers[0].detail
    assert check(aws, preflight="warn").report.ok
    assert check(aws, **RECOVERY).report.ok


def test_an_extended_servers_staging_error_stops_a_drill() -> None:
    aws = _with(stagingArea={"status": "EXTENSION_ERROR", "errorMessage": "no access to the staging account"})
    (finding,) = check(aws).report.blocking
    assert finding.servers[0].detail == "no access to the staging account"


def test_an_agent_that_was_not_seen_lately_warns() -> None:
    report = check(_with(lifeCycle=LONG_AGO)).report
    assert codes(report.warnings) == ["agent_not_seen"]
    assert report.ok


def test_an_error_of_running_replication_warns() -> None:
    info = replication("BACKLOG", "PT1M", "UNSTABLE_NETWORK")
    assert found(check(_with(dataReplicationInfo=info)), "replication_error").severity is Severity.WARN


@pytest.mark.parametrize("preflight", ["enforce", "warn"])
def test_trap_43_a_recovery_beside_a_living_source_is_stopped(preflight: str) -> None:
    aws = healthy()
    for position, row in enumerate(aws.servers[1:], start=1):
        gone = {"dataReplicationInfo": BROKEN[0], "lifeCycle": LONG_AGO}
        aws.servers[position] = {**row, **gone}
    report = check(aws, execution_type="RECOVERY", preflight=preflight).report
    (finding,) = report.blocking
    assert (finding.code, finding.server_ids) == ("source_alive", (DB_1,))
    assert "source_state" in finding.remedy


@pytest.mark.parametrize("source_state", ["lost", "fenced"])
def test_trap_43_a_recovery_goes_on_when_the_sources_are_known_to_be_off(source_state: str) -> None:
    assert check(healthy(), execution_type="RECOVERY", source_state=source_state).report.findings == ()


def test_trap_43_a_drill_may_run_beside_its_sources() -> None:
    assert check(healthy()).report.ok


LATELY = {"lastSeenByServiceDateTime": ago(60)}
OLD = {"lastSeenByServiceDateTime": ago(7200)}


@pytest.mark.parametrize(
    ("info", "life_cycle", "alive"),
    [
        (replication("CONTINUOUS", "PT0S"), LATELY, True),
        (replication("CONTINUOUS", "PT0S"), {}, True),
        (replication("CONTINUOUS", "PT0S"), OLD, True),
        (replication("CONTINUOUS", "PT16M"), {}, False),
        (replication("CONTINUOUS"), {}, True),
        (replication("CONTINUOUS"), OLD, False),
        (replication("BACKLOG", "P1D"), LATELY, True),
        (replication("BACKLOG", "P1D"), OLD, False),
        (replication("INITIAL_SYNC"), LATELY, True),
        (replication("STALLED", "PT2H", "NOT_CONVERGING"), LATELY, True),
        (replication("STALLED", "PT2H", "AGENT_NOT_SEEN"), LATELY, False),
        (replication("STALLED", "PT2H"), OLD, False),
        (replication("PAUSED", "PT2H"), LATELY, True),
        (replication("DISCONNECTED", "PT5M"), LATELY, False),
        (replication("STOPPED"), LATELY, False),
        ({}, LATELY, True),
        ({}, OLD, False),
    ],
)
def test_trap_43_signs_of_life(info: dict[str, Any], life_cycle: dict[str, str], alive: bool) -> None:
    row = SourceServer.from_api(server(DB_2, dataReplicationInfo=info, lifeCycle=life_cycle))
    assert bool(sign_of_life(row, NOW)) is alive
