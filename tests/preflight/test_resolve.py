from __future__ import annotations

import pytest

from drs_provider.plan.conf.parsing import parse_run_conf
from drs_provider.preflight.source_server import SourceServer
from drs_provider.rules.execution.freezing import freeze_waves
from tests.preflight.world import (
    BRANCH,
    DB_1,
    DB_2,
    MAIN,
    NOW,
    UNKNOWN,
    WEB_1,
    WEB_2,
    FakeAws,
    check,
    codes,
    found,
    healthy,
    plan,
    server,
    wave,
)


def test_a_healthy_drill_has_no_findings_and_resolves_all_groups() -> None:
    result = check(healthy())
    assert result.report.findings == ()
    assert result.report.server_count == 4
    assert [row.source_server_id for row in result.servers["db"]] == [DB_1, DB_2]
    assert [row.name for row in result.servers["web"]] == ["erp-web-1", "erp-web-2"]
    assert result.servers["web"][0].tags["Tier"] == "web"
    assert result.servers["db"][0].lag == "PT0S"
    assert result.snapshots == {}


def test_the_result_freezes_the_plan() -> None:
    result = check(healthy())
    waves = freeze_waves(plan(), parse_run_conf({}, plan(), now=NOW), result.servers, result.snapshots)
    assert [[row.source_server_id for row in item.servers] for item in waves] == [
        [DB_1, DB_2],
        [WEB_1, WEB_2],
    ]


def test_only_selected_waves_are_read() -> None:
    aws = healthy()
    aws.servers = [row for row in aws.servers if row["sourceServerID"] not in (DB_1, DB_2)]
    result = check(aws, waves=["web"])
    assert result.report.ok
    assert list(result.servers) == ["web"]
    assert aws.asked_for_instances == [WEB_1, WEB_2]


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (server(DB_1, "by-tag"), "by-tag"),
        (server(DB_1, sourceProperties={"identificationHints": {"hostname": "by-host"}}), "by-host"),
        (
            server(DB_1, tags=None, sourceProperties={"identificationHints": {"fqdn": "x.example"}}),
            "x.example",
        ),
        (server(DB_1), DB_1),
    ],
)
def test_name_of_a_server(row: dict[str, object], name: str) -> None:
    assert SourceServer.from_api(row).name == name


def test_malformed_members_are_noted_not_fatal() -> None:
    row = server(
        DB_1,
        dataReplicationInfo={"dataReplicationState": "CONTINUOUS", "lagDuration": "one hour"},
        lifeCycle={"lastSeenByServiceDateTime": "yesterday"},
    )
    read = SourceServer.from_api(row)
    assert read.unreadable == ("lagDuration=one hour", "lastSeenByServiceDateTime=yesterday")
    assert read.lag_seconds is None


@pytest.mark.parametrize("preflight", ["enforce", "warn"])
def test_an_unknown_server_blocks_whatever_is_overridden(preflight: str) -> None:
    groups = {"db": {"target": "main", "servers": [DB_1, UNKNOWN]}}
    of_plan = plan(protection_groups=groups, waves=[wave("database", ["db"])])
    result = check(healthy(), of_plan, preflight=preflight)
    finding = found(result, "unknown_server")
    assert result.report.blocking == (finding,)
    assert finding.subject == "group db"
    assert finding.server_ids == (UNKNOWN,)
    assert "account 111122223333, Region eu-west-1" in finding.message


@pytest.mark.parametrize("preflight", ["enforce", "warn"])
def test_trap_12_tags_that_match_nothing_block(preflight: str) -> None:
    groups = {"web": {"target": "main", "tags": {"App": "erp", "Tier": "wbe"}}}
    of_plan = plan(protection_groups=groups, waves=[wave("web", ["web"])])
    result = check(healthy(), of_plan, preflight=preflight)
    (finding,) = result.report.blocking
    assert finding.code == "empty_group"
    assert "App=erp, Tier=wbe" in finding.message
    assert "eu-west-1" in finding.message
    assert result.servers == {"web": []}


def test_a_group_that_may_be_empty_is_a_note() -> None:
    groups = {"web": {"target": "main", "tags": {"App": "none"}, "allow_empty": True}}
    aws = healthy()
    result = check(aws, plan(protection_groups=groups, waves=[wave("web", ["web"])]))
    assert result.report.ok
    assert codes(result.report.findings) == ["empty_group"]
    assert aws.calls["recovery_instances"] == 0  # no servers: an empty filter would mean all


def test_a_server_reached_by_two_groups_blocks() -> None:
    groups = {
        "web": {"target": "main", "tags": {"Tier": "web"}},
        "erp": {"target": "main", "tags": {"App": "erp"}},
    }
    of_plan = plan(protection_groups=groups, waves=[wave("one", ["web"]), wave("two", ["erp"])])
    result = check(healthy(), of_plan, preflight="warn")
    finding = found(result, "server_reached_twice")
    assert finding in result.report.blocking
    assert "web (wave one) and erp (wave two)" in finding.message
    assert finding.server_ids == (WEB_1, WEB_2)


def test_min_launched_above_the_number_of_servers_blocks() -> None:
    of_plan = plan(waves=[wave("web", ["web"], min_launched=3)])
    (finding,) = check(healthy(), of_plan).report.blocking
    assert (finding.code, finding.subject) == ("min_launched_unreachable", "wave web")
    assert "3 servers" in finding.message
    assert "hold 2" in finding.message


@pytest.mark.parametrize("enough", [2, "100%"])
def test_min_launched_that_can_be_reached_is_no_finding(enough: object) -> None:
    assert check(healthy(), plan(waves=[wave("web", ["web"], min_launched=enough)])).report.findings == ()


def test_optional_selectors_that_match_nothing_warn() -> None:
    of_plan = plan(
        waves=[wave("web", ["web"], optional={"servers": [DB_1, WEB_1], "tags": {"Role": "batch"}})]
    )
    report = check(healthy(), of_plan).report
    assert codes(report.warnings) == ["optional_matches_nothing"] * 2
    assert report.warnings[0].server_ids == (DB_1,)
    assert "Role=batch" in report.warnings[1].message


def test_servers_of_two_targets_are_read_from_their_own_target() -> None:
    groups = {
        "west": {"target": "main", "tags": {"Tier": "web"}},
        "central": {"target": "branch", "tags": {"Tier": "web"}},
    }
    of_plan = plan(
        targets={"main": MAIN, "branch": BRANCH},
        protection_groups=groups,
        waves=[wave("west", ["west"]), wave("central", ["central"], depends_on=[])],
    )
    west, central = (FakeAws([server(id_, tags={"Tier": "web"})]) for id_ in (WEB_1, WEB_2))
    result = check({"main": west, "branch": central}, of_plan)
    assert result.report.ok
    assert [row.source_server_id for row in result.servers["west"]] == [WEB_1]
    assert [row.source_server_id for row in result.servers["central"]] == [WEB_2]
    assert (west.asked_for_instances, central.asked_for_instances) == ([WEB_1], [WEB_2])
