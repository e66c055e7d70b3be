"""The doctor from the command line: what Airflow's API shows, beside what its DAG found."""

from __future__ import annotations

import json

import pytest

from drs_provider import keys
from drs_provider.airflow_rest.refused import ExitCode
from drs_provider.core.identity import DOCTOR_DAG_ID
from drs_provider.rules.doctor import finding, report
from tests.cli.airflow_server import Refuse

HEALTHY = {
    name: {"status": "healthy"} for name in ("metadatabase", "scheduler", "triggerer", "dag_processor")
}
SIMPLE = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
SLOTS = {"name": "dr", "slots": 16, "open_slots": 16, "include_deferred": False}
POLL = ("--interval", "0.02s")


class Installation:
    """What a scripted Airflow answers the doctor."""

    def __init__(self, airflow):
        self.airflow = airflow
        self.findings = []
        self.facts = {"authManager": SIMPLE, "complete": True, "logins": {"dr-lead": ["erp"]}}
        self.pools = {"dr": SLOTS}
        self.other_pools = []
        self.errors = []
        self.users = None
        self.forbidden = ""
        self.ends = True
        airflow.health = dict(HEALTHY)
        airflow.add_plan("erp")
        airflow.add_plan("doctor", description="Looks", tags=[{"name": "drs-maintenance"}])
        airflow.script = self.answer

    def pool(self, path):
        if path.endswith("/pools"):
            pools = [*self.pools.values(), *self.other_pools]
            return {"pools": pools, "total_entries": len(pools)}
        if (pool := self.pools.get(path.rpartition("/")[2])) is None:
            raise Refuse(404, "no such pool")
        return pool

    def answer(self, method, path, _body):
        if self.forbidden and self.forbidden in path:
            raise Refuse(403, "Forbidden")
        if path.endswith("/tasks"):
            return {"tasks": [{"task_id": "prepare", "pool": "dr"}]}
        if "/pools" in path:
            return self.pool(path)
        if path.endswith("/importErrors"):
            return {"import_errors": self.errors, "total_entries": len(self.errors)}
        if path == "/auth/fab/v1/users":
            if self.users is None:
                raise Refuse(403, "Forbidden")
            return {"users": [{"username": each} for each in self.users], "total_entries": len(self.users)}
        if method == "GET" and "/dagRuns/" in path and path.count("/") == 6 and self.ends:
            (run,) = self.airflow.runs.values()
            run.state = "success"
            if self.facts is not None:
                rows = [each.to_dict() for each in self.findings]
                run.xcoms[keys.DOCTOR, keys.DOCTOR_REPORT] = report(rows, checkedAt=1.0, **self.facts)
        return None


@pytest.fixture
def installation(airflow):
    return Installation(airflow)


def codes(done):
    return sorted(row["code"] for row in json.loads(done.out)["findings"])


def test_a_healthy_installation(installation, drs, airflow):
    done = drs("doctor", *POLL)
    assert (done.code, done.out.splitlines()[0][:27]) == (ExitCode.OK, "nothing stops executions (0")
    assert airflow.sent("POST", f"{DOCTOR_DAG_ID}/dagRuns")[0]["conf"] == {}


def test_a_broken_one_is_told_whole_with_codes_and_remedies(installation, drs, airflow):
    airflow.health["triggerer"] = {"status": "unhealthy"}
    airflow.health["dag_processor"] = {"status": None}
    airflow.add_plan("wiki", is_paused=True, is_stale=True)
    installation.pools = {}
    installation.errors = [
        {
            "filename": "recovery_plan_errors.py",
            "stack_trace": "…/drs_provider/…\nPlanError: wiki.yaml:3: no",
        },
        {"filename": "others.py", "stack_trace": "ImportError: pandas"},
    ]
    installation.findings = [
        finding("signing_keys_differ", "worker on a, triggerer on b", "they differ", "Same key.")
    ]
    done = drs("doctor", *POLL, "-o", "json")
    assert done.code == ExitCode.BLOCKED
    assert codes(done) == [
        "component_unhealthy",
        "component_unhealthy",
        "import_error",
        "plan_not_startable",
        "plan_paused",
        "pool_missing",
        "signing_keys_differ",
    ]
    rows = json.loads(done.out)["findings"]
    assert all(row["remedy"] for row in rows)
    (pool,) = [row for row in rows if row["code"] == "pool_missing"]
    assert "airflow pools set dr" in pool["remedy"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"open_slots": 0}, "pool_full"),
        ({"include_deferred": True}, "pool_counts_waits"),
        ({"slots": 0, "open_slots": 0}, "pool_without_slots"),
    ],
)
def test_a_pool_that_is_not_fit(installation, drs, change, code):
    installation.pools = {"dr": SLOTS | change}
    assert codes(drs("doctor", *POLL, "-o", "json")) == [code]


def test_slots_that_others_can_use_up(installation, drs, airflow):
    installation.facts["parallelism"] = 32
    installation.other_pools = [SLOTS | {"name": "default_pool"}]
    assert codes(drs("doctor", *POLL, "-o", "json")) == []
    airflow.runs.clear()
    installation.other_pools = [SLOTS | {"name": "default_pool", "slots": 128}]
    done = drs("doctor", *POLL, "-o", "json")
    assert (done.code, codes(done)) == (ExitCode.WARNINGS, ["slots_not_reserved"])
    (row,) = json.loads(done.out)["findings"]
    assert "is 32" in row["message"]
    assert "default_pool 128, dr 16" in row["message"]
    assert "docs/distributed.md" in row["remedy"]


def test_without_a_worker_the_rest_is_told(installation, drs, airflow):
    installation.ends = False
    done = drs("doctor", *POLL, "--timeout", "0.1s", "-o", "json")
    assert (done.code, codes(done)) == (ExitCode.BLOCKED, ["worker_silent"])
    airflow.runs.clear()
    airflow.add_plan("doctor", description="Looks", is_paused=True)
    done = drs("doctor", *POLL, "-o", "json")
    assert (done.code, codes(done)) == (ExitCode.BLOCKED, ["doctor_missing"])
    assert not airflow.runs


@pytest.mark.parametrize(
    ("manager", "users", "code"),
    [
        (FAB, ["dr-lead"], []),
        (FAB, ["other"], ["unknown_login"]),
        (FAB, None, ["logins_not_checked"]),
        ("some.Manager", None, ["logins_not_checked"]),
        (SIMPLE, None, []),
    ],
)
def test_logins_are_asked_for_where_the_auth_manager_can_be_asked(installation, drs, manager, users, code):
    installation.facts["authManager"] = manager
    installation.users = users
    assert codes(drs("doctor", *POLL, "-o", "json")) == code


@pytest.mark.parametrize("path", ["/api/v2/dags", "/pools/", "/importErrors", f"{DOCTOR_DAG_ID}/dagRuns"])
def test_a_run_without_rights_is_one_clear_message(installation, drs, path):
    installation.forbidden = path
    done = drs("doctor", *POLL)
    assert (done.code, done.out) == (ExitCode.NOT_ALLOWED, "")
    (line,) = [line for line in done.err.splitlines() if line.startswith("error:")]
    assert "the doctor cannot look: Forbidden; it needs the right to read DAGs" in line


def test_a_test_message_is_sent_only_when_asked(installation, drs, airflow):
    drs("doctor", *POLL, "--notify")
    assert airflow.sent("POST", f"{DOCTOR_DAG_ID}/dagRuns")[0]["conf"] == {"notify": True}
