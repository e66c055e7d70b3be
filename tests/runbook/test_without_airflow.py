"""Three waves in two accounts, recovered by a runbook's script and the real ``aws`` command line; no Airflow runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from drs_provider.cli.__main__ import build_parser
from drs_provider.core.identity import is_runbook
from drs_provider.hooks.aws.clients import forget_clients
from drs_simulator.engine.calls import CallRecord
from drs_simulator.testing import Simulator, simulator
from tests.contract.repository import REPOSITORY
from tests.runbook.shell import WEST, Ended, Shell

pytestmark = pytest.mark.integration

PLAN = "shop_two_regions"
CONFIRMED = ("dr-lead", "fenced", PLAN)
#: `dr-lead` starts it: somebody else approves
APPROVED = ("dr-lead", "mallory", "dr-approver-1")
PLACES = (
    ("111122223333", "eu-west-1", ["5a", "5b", "6a", "6b"]),
    ("222233334444", "eu-central-1", ["7a", "7b"]),
)


@contextmanager
def connected(aws: Simulator) -> Iterator[pytest.MonkeyPatch]:
    """Give Airflow's connection of the sample plans to what runs here."""
    with pytest.MonkeyPatch.context() as patch:
        keys = aws.credentials(WEST)
        connection = {
            "conn_type": "aws",
            "login": keys["aws_access_key_id"],
            "password": keys["aws_secret_access_key"],
            "extra": {
                "endpoint_url": aws.url,
                "service_config": {"sts": {"endpoint_url": aws.url}},
            },
        }
        patch.setenv("AIRFLOW_CONN_AWS_DR", json.dumps(connection))
        forget_clients()
        yield patch
        forget_clients()


def written(aws: Simulator, to: Path, *words: str, plans: Path = REPOSITORY / "dags" / "plans") -> Path:
    """Write a runbook with the command line, and return its script."""
    arguments = ["plans", "runbook", *words, "--plans", str(plans), "--to", str(to)]
    parsed = build_parser("airflow drs").parse_args(arguments)
    with connected(aws), pytest.raises(SystemExit) as end:
        parsed.func(parsed)
    assert end.value.code == 0
    (script,) = (to / words[0]).glob("*.sh")
    assert script.with_suffix(".html").is_file()
    return script


def test_a_script_that_is_killed_and_run_again_recovers_everything_and_starts_nothing_twice(
    tmp_path: Path,
) -> None:
    """And what everybody sees afterwards; one test, because a simulated world is one for each process."""
    with simulator("shop_two_regions", speed=1000) as aws:
        script, shell = written(aws, tmp_path, PLAN), Shell(aws, tmp_path)
        aws.clear_calls()
        # Killed the moment StartRecovery has come in: the script never learns of its job.
        shell.run_until(script, 1, operation="StartRecovery", answers=(*CONFIRMED, *APPROVED))
        ended = shell.run(script, answers=CONFIRMED)
        assert (ended.code, ended.err) == (0, "")
        assert "END: all of it is recovered" in ended.out
        assert len(aws.calls("StartRecovery")) == 3
        _the_account_is_proven_first(aws.calls("*", service="*"))
        for account, region, servers in PLACES:
            _is_recovered(aws.client("drs", account, region), servers, ended)

        # Airflow sees the instances as the runbook's: the verb's preflight is that of an execution.
        later = written(aws, tmp_path / "later", PLAN)
        page = later.with_suffix(".html").read_text()
        assert "[live_instance]" in page
        assert f"of the runbook of {PLAN} (RECOVERY runbook-" in page

        # trap_20: another runbook refuses live instances.
        refused = shell.run(later, "--waves", "3", answers=CONFIRMED)
        assert refused.code == 1
        assert "starts nothing: these servers have a live recovery instance" in refused.out
        assert "s-7777777777777777b: instance i-" in refused.out
        assert len(aws.calls("StartRecovery")) == 3

        # trap_38: credentials of another account call nothing.
        before = len(aws.calls())
        wrong = Shell(aws, tmp_path, account="222233334444").run(later, "--check", "--waves", "1")
        assert wrong.code == 1
        assert (
            "credentials are of account 222233334444; the servers of wave 1 are in 111122223333" in wrong.err
        )
        assert len(aws.calls()) == before


def _the_account_is_proven_first(calls: list[CallRecord]) -> None:
    proven: set[str] = set()
    for call in calls:
        if call.operation == "GetCallerIdentity":
            proven.add(call.account_id)
        if call.service in ("drs", "ec2"):
            assert call.account_id in proven
    assert proven == {account for account, _, _ in PLACES}


def _is_recovered(client: Any, servers: list[str], ended: Ended) -> None:
    jobs = client.describe_jobs()["items"]
    for tags in (job["tags"] for job in jobs):
        assert (tags["PlanName"], tags["ExecutionType"], tags["Attempt"]) == (PLAN, "RECOVERY", "1")
        assert is_runbook(tags["ExecutionId"])
    instances = client.describe_recovery_instances()["items"]
    assert sorted(row["sourceServerID"][-2:] for row in instances) == servers
    assert not any(row["isDrill"] for row in instances)
    assert all(row["ec2InstanceID"] in ended.out for row in instances)


ONE_WAVE: dict[str, Any] = {
    "schema_version": 1,
    "name": "wiki",
    "targets": {
        "main": {"account_id": WEST, "region": "eu-west-1", "connection": "aws_dr", "own_account": True}
    },
    "protection_groups": {"all": {"target": "main", "tags": {"App": "wiki"}}},
    "tags": {"Note": "a=b: c@d"},
    "waves": [
        {
            "name": "all",
            "groups": ["all"],
            "gate": {"two_people": "always", "message": "Look first.\n$(touch hacked) `touch hacked`"},
            "after": [
                {"check": "ec2_status", "timeout_minutes": 5},
                {"check": "tcp", "port": 22, "timeout_minutes": 5},
            ],
        }
    ],
}
ONE_WORLD: dict[str, Any] = {
    "seed": 3,
    "accounts": {WEST: {"regions": {"eu-west-1": {"servers": ["wiki"]}}}},
    "servers": {
        "wiki": [
            {"id": "s-8888888888888888a", "name": "it's $(touch hacked)", "tags": {"App": "wiki"}},
            {
                "id": "s-8888888888888888b",
                "name": "wiki-2",
                "tags": {"App": "wiki"},
                "fail": {"at": "LAUNCH_FAILED", "attempts": [1], "error": "no capacity"},
            },
        ]
    },
}


def test_a_drill_whose_answer_was_lost_whose_server_fails_and_its_second_attempt(tmp_path: Path) -> None:
    """One start for each server and attempt, whatever is lost; nothing of names and messages is executed."""
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "wiki.yaml").write_text(json.dumps(ONE_WAVE))
    approved = ("me", "compared", "anna", "anna", "bert")
    with simulator(ONE_WORLD, speed=1000) as aws:
        script = written(aws, tmp_path, "wiki", "--type", "DRILL", plans=tmp_path / "plans")
        shell = Shell(aws, tmp_path)
        aws.inject("StartRecovery", kind="reset", after=True, times=1)
        first = shell.run(script, answers=(*approved, "stop"))
        assert first.code == 1, first
        assert "looking whether a job was started" in first.out
        assert "a second person must approve" in first.out
        assert "FAILED. 1 CRITICAL servers are missing; 1 are recovered" in first.out
        assert len(aws.calls("StartRecovery")) == 1
        second = shell.run(script, "--attempt", "2", answers=(*approved, "accept"))
        assert (second.code, second.err) == (0, "")
        assert "check ec2_status: passed" in second.out
        assert "terminate-recovery-instances --recovery-instance-ids i-" in second.out
        jobs = sorted(aws.client("drs").describe_jobs()["items"], key=lambda job: job["tags"]["Attempt"])
        assert [(job["tags"]["Attempt"], len(job["participatingServers"])) for job in jobs] == [
            ("1", 2),
            ("2", 1),
        ]
        assert {job["initiatedBy"] for job in jobs} == {"START_DRILL"}
        assert jobs[0]["tags"]["Note"] == ONE_WAVE["tags"]["Note"]
    assert not list(tmp_path.rglob("hacked"))
