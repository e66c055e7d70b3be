"""What the list of plans shows of what is kept: one query, and nothing that somebody wrote there breaks it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from airflow.models import Variable
from airflow.utils.session import create_session

from drs_provider.cli.__main__ import build_parser
from tests.web.world import World

# Airflow's own models of its answers
pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")

KEPT = {
    "drs_plan_state__drs_erp_three_tier": json.dumps(
        {
            "state": "FAILED_OVER",
            "stateSince": 1_800_000_000.5,
            "stateWhy": "2 servers run in recovery by CHG7: wiki-1, wiki-2",
            "readiness": {
                "status": "NOT_READY",
                "at": 1_800_000_100,
                "errors": 1,
                "codes": ["live_instance"],
            },
            "lastDrill": {"result": "passed", "status": "COMPLETED", "at": 1_790_000_000, "runId": "r1"},
            "drilledAt": 1_790_000_000,
        }
    ),
    "drs_failover__drs_erp_three_tier": json.dumps(
        {
            "executionId": "e1",
            "runId": "CHG7",
            "since": 1_800_000_000.5,
            "servers": [
                {
                    "sourceServerId": "s-1",
                    "name": "wiki-1",
                    "accountId": "111122223333",
                    "region": "eu-west-1",
                    "originAccountId": "999988887777",
                    "originZone": "eu-central-1a",
                    "instanceId": "i-1",
                    "privateIp": "10.0.0.1",
                    "pointInTime": 1_799_999_000.0,
                }
            ],
        }
    ),
    "drs_plan_state__drs_wiki": "no JSON",
    "drs_plan_state__drs_wiki_with_steps": '["PROTECTED"]',
}


@pytest.fixture
def kept(airflow: World) -> Iterator[World]:
    with create_session() as session:
        session.add_all(Variable(key=key, val=value) for key, value in KEPT.items())
    yield airflow
    with create_session() as session:
        for variable in session.query(Variable).filter(Variable.key.in_(KEPT)):
            session.delete(variable)


def test_the_list_shows_what_is_kept_of_each_plan(kept: World) -> None:
    rows = {row["planId"]: row for row in kept.ask("vera", "/drs/api/plans").json()["plans"]}
    erp = rows["erp_three_tier"]
    assert (erp["state"], erp["stateSince"], erp["readiness"]["status"]) == (
        "FAILED_OVER",
        1_800_000_000.5,
        "NOT_READY",
    )
    assert (erp["lastDrill"]["result"], erp["drillOverdue"]) == (
        "passed",
        False if erp["drillEveryDays"] else None,
    )
    assert {rows[name]["state"] for name in rows if name != "erp_three_tier"} == {"UNKNOWN"}
    only = kept.ask("vera", "/drs/api/plans?state=FAILED_OVER").json()
    assert [row["planId"] for row in only["plans"]] == ["erp_three_tier"]


def test_what_failback_needs_is_in_the_plans_own_view(kept: World) -> None:
    told = kept.ask("vera", "/drs/api/plans/erp_three_tier").json()
    assert told.get("error") is None
    assert told["failover"] == json.loads(KEPT["drs_failover__drs_erp_three_tier"])
    assert kept.ask("vera", "/drs/api/plans/wiki_with_steps").json()["failover"] is None


def test_the_command_line_shows_the_same(
    kept: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW_API_URL", kept.url)
    monkeypatch.setenv("AIRFLOW_CLI_TOKEN", kept.token("vera"))

    def drs(*words: str) -> str:
        arguments = build_parser("airflow drs").parse_args(["plans", *words, "--state"])
        with pytest.raises(SystemExit) as end:
            arguments.func(arguments)
        assert end.value.code == 0
        # The API server of this process logs to standard output as well.
        return re.sub(r"(?m)^20\d\d-.* loc=.*\n", "", capsys.readouterr().out)

    (erp,) = [line.split() for line in drs("list").splitlines() if line.split()[0] == "erp_three_tier"]
    assert erp[1:6] == ["FAILED_OVER", "2027-01-15", "08:00:00Z", "NOT_READY,", "1"]
    assert {row["planId"] for row in json.loads(drs("list", "-o", "json"))} >= {"wiki", "erp_three_tier"}
    shown = drs("show", "erp_three_tier")
    assert (
        "FAILED_OVER since 2027-01-15 08:00:00Z: 2 servers run in recovery by CHG7: wiki-1, wiki-2" in shown
    )
    assert "999988887777 eu-central-1a" in shown
    assert json.loads(drs("show", "erp_three_tier", "-o", "json"))["failover"]["runId"] == "CHG7"
    assert "failover" not in json.loads(drs("show", "wiki_with_steps", "-o", "json"))
