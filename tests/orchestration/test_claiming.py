"""Executions that share servers are refused by name, within seconds (trap 40)."""

from __future__ import annotations

import pytest

from drs_provider import keys
from drs_provider.exceptions import ExecutionRefusedError
from drs_provider.orchestration.claiming import claim_servers, plan_dag_ids
from drs_provider.plan.claims import Claim

FAR = 4_000_000_000.0


def claim(run_id, *, dag_id="drs_wiki", servers=("s-1",), until=FAR):
    return Claim(
        execution_id=f"{dag_id}/{run_id}",
        execution_type="DRILL",
        plan_name=dag_id.removeprefix("drs_"),
        dag_id=dag_id,
        run_id=run_id,
        initiated_by="dr-operator",
        servers={f"111122223333/eu-west-1/{server}": server for server in servers},
        until=until,
    )


class Runs:
    """What Airflow knows of the runs of some DAGs, as a task's view of it."""

    def __init__(self):
        self.states = {}
        self.claims = {}

    def add(self, held, finalize=None):
        self.states.setdefault(held.dag_id, {})[held.run_id] = {
            keys.PREPARE: "success",
            keys.FINALIZE: finalize,
        }
        self.claims[held.dag_id, held.run_id] = held.to_dict()

    def push(self, key, value):
        assert key == keys.CLAIM
        self.claims[value["dag_id"], value["run_id"]] = value

    def states_of(self, dag_id, task_ids):
        assert set(task_ids) == {keys.PREPARE, keys.FINALIZE}
        return self.states.get(dag_id, {})

    def pull_from(self, dag_id, run_id, task_id, key):
        assert (task_id, key) == (keys.PREPARE, keys.CLAIM)
        return self.claims.get((dag_id, run_id))


@pytest.fixture
def runs():
    return Runs()


def test_trap_40_a_second_run_of_the_plan_is_refused(runs):
    runs.add(claim("first"))
    with pytest.raises(ExecutionRefusedError, match="run first, started by dr-operator"):
        claim_servers(runs, claim("second"), {"drs_wiki"})


def test_trap_40_another_plan_with_common_servers_is_refused(runs):
    runs.add(claim("theirs", dag_id="drs_intranet"))
    with pytest.raises(ExecutionRefusedError, match="intranet"):
        claim_servers(runs, claim("ours"), {"drs_wiki", "drs_intranet"})


def test_other_servers_are_not_in_the_way(runs):
    runs.add(claim("theirs", servers=("s-2",)))
    claim_servers(runs, claim("ours"), {"drs_wiki"})
    assert runs.claims["drs_wiki", "ours"]


@pytest.mark.parametrize("finalize", ["success", "failed", "skipped", "upstream_failed", "removed"])
def test_a_run_that_has_come_to_its_end_holds_nothing(runs, finalize):
    runs.add(claim("theirs"), finalize)
    claim_servers(runs, claim("ours"), {"drs_wiki"})


@pytest.mark.parametrize("finalize", [None, "scheduled", "queued", "running", "up_for_retry"])
def test_a_run_whose_end_has_not_been_written_holds_its_servers(runs, finalize):
    runs.add(claim("theirs"), finalize)
    with pytest.raises(ExecutionRefusedError):
        claim_servers(runs, claim("ours"), {"drs_wiki"})


def test_a_dead_owner_blocks_nobody(runs):
    runs.add(claim("theirs", until=1.0))
    claim_servers(runs, claim("ours"), {"drs_wiki"})


def test_two_that_start_together_cannot_both_go_on(runs):
    runs.add(claim("one"))
    runs.add(claim("two"))
    for run_id in ("one", "two"):
        with pytest.raises(ExecutionRefusedError):
            claim_servers(runs, claim(run_id), {"drs_wiki"})


def test_a_retry_is_not_in_its_own_way(runs):
    runs.add(claim("ours"))
    claim_servers(runs, claim("ours"), {"drs_wiki"})


def test_runs_that_have_published_nothing_yet_will_see_ours(runs):
    runs.states["drs_wiki"] = {"young": {keys.PREPARE: "running"}}
    claim_servers(runs, claim("ours"), {"drs_wiki"})


def test_plans_that_no_longer_load_are_looked_at_too(tmp_path):
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "gone.json").write_text("{}", encoding="utf-8")
    assert plan_dag_ids(tmp_path / "nothing", tmp_path) == {"drs_gone"}
