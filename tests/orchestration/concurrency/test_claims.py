"""Executions that share servers are refused by name, within seconds (trap 40)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from airflow.sdk import Variable
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from drs_provider import keys
from drs_provider.core.evidence import FROZEN_PLAN, FROZEN_WAVE, PREEMPTION, binding, read_sealed, seal
from drs_provider.exceptions import DrsFailError, ExecutionRefusedError, RunUnknownError
from drs_provider.orchestration.concurrency.claims import (
    claim_at,
    claim_servers,
    known_dag_ids,
    plan_dag_ids,
    publish,
)
from drs_provider.rules.concurrency.claims import Claim, claim_of
from tests.history.world import frozen_plan, frozen_wave

FAR = 4_000_000_000.0
KEY = "signing-key-of-tests-0123456789abcdef"


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    """Airflow's Variables; and the signing key."""
    monkeypatch.setenv("AIRFLOW__DRS__SIGNING_KEY", KEY)
    kept = {}
    monkeypatch.setattr(Variable, "set", lambda key, value, description: kept.update({key: value}))
    monkeypatch.setattr(Variable, "keys", lambda *, prefix: [key for key in kept if key.startswith(prefix)])
    return kept


def claim(run_id, *, dag_id="drs_wiki", servers=("s-1",), until=FAR, kind="DRILL"):
    return Claim(
        execution_id=f"{dag_id}/{run_id}",
        execution_type=kind,
        plan_name=dag_id.removeprefix("drs_"),
        dag_id=dag_id,
        run_id=run_id,
        attempt=1,
        initiated_by="dr-operator",
        priority=50,
        servers={f"111122223333/eu-west-1/{server}": server for server in servers},
        waves={"111122223333/eu-west-1": {"1": "everything"}},
        until=until,
    )


class Runs:
    """What Airflow knows of the runs of some DAGs, as a task's view of it."""

    def __init__(self):
        self.states = {}
        self.xcoms = {}
        self.over = set()
        self.paused = set()
        self.refuses = None
        self.own = ("drs_wiki", "ours")

    def add(self, held, finalize=None, prepare="success", **others):
        states = {keys.PREPARE: prepare, keys.FINALIZE: finalize, **others}
        self.states.setdefault(held.dag_id, {})[held.run_id] = states
        own, self.own = self.own, (held.dag_id, held.run_id)
        publish(self, held)
        self.own = own

    def push_own(self, task_id, key, value):
        self.xcoms[(*self.own, task_id, key)] = value

    def push_to(self, dag_id, run_id, task_id, key, value):
        if self.refuses:
            raise self.refuses
        self.xcoms[dag_id, run_id, task_id, key] = value

    def states_of(self, dag_id, task_ids):
        assert set(task_ids) == {keys.PREPARE, keys.FINALIZE}
        return self.states.get(dag_id, {})

    def states_in(self, dag_id, run_id):
        return self.states[dag_id][run_id]

    def pull_from(self, dag_id, run_id, task_id, key):
        return self.xcoms.get((dag_id, run_id, task_id, key))

    def run_is_over(self, dag_id, run_id):
        return run_id in self.over

    def is_paused(self, dag_id):
        return dag_id in self.paused

    def notice(self, dag_id, run_id):
        sealed = self.pull_from(dag_id, run_id, keys.PREPARE, keys.PREEMPTION)
        if sealed is None:
            return None
        content, bound_to = read_sealed(sealed, keys=[KEY], purpose=PREEMPTION)
        assert bound_to == binding(f"{dag_id}/{run_id}")
        return content


@pytest.fixture
def runs():
    return Runs()


def test_trap_40_a_second_run_of_the_plan_is_refused(runs):
    runs.add(claim("first"))
    with pytest.raises(ExecutionRefusedError, match="run first, started by dr-operator"):
        claim_servers(runs, claim("ours"), lambda: {"drs_wiki"})


def test_trap_40_another_plan_with_common_servers_is_refused(runs):
    runs.add(claim("theirs", dag_id="drs_intranet"))
    with pytest.raises(ExecutionRefusedError, match="intranet"):
        claim_servers(runs, claim("ours"), lambda: {"drs_wiki", "drs_intranet"})


def test_other_servers_are_not_in_the_way(runs):
    runs.add(claim("theirs", servers=("s-2",)))
    assert claim_servers(runs, claim("ours"), lambda: {"drs_wiki"}) == []
    assert claim_at(runs, "drs_wiki", "ours") == claim("ours")


@pytest.mark.parametrize("finalize", ["success", "failed", "skipped", "upstream_failed", "removed"])
def test_a_run_that_has_come_to_its_end_holds_nothing(runs, finalize):
    runs.add(claim("theirs"), finalize)
    assert claim_servers(runs, claim("ours"), lambda: {"drs_wiki"}) == []


@pytest.mark.parametrize("finalize", [None, "scheduled", "queued", "running", "up_for_retry"])
def test_a_run_whose_end_has_not_been_written_holds_its_servers(runs, finalize):
    runs.add(claim("theirs"), finalize)
    with pytest.raises(ExecutionRefusedError):
        claim_servers(runs, claim("ours"), lambda: {"drs_wiki"})


def test_trap_40_a_dead_owner_blocks_nobody(runs):
    runs.add(claim("theirs", until=1.0))
    assert claim_servers(runs, claim("ours"), lambda: {"drs_wiki"}) == []


def test_trap_40_a_run_that_is_over_without_finalize_blocks_nobody(runs):
    runs.add(claim("theirs"))
    runs.over.add("theirs")
    assert claim_servers(runs, claim("ours"), lambda: {"drs_wiki"}) == []


def test_trap_40_a_run_that_was_deleted_or_whose_dag_is_gone_blocks_nobody(runs):
    runs.add(claim("theirs"))
    del runs.states["drs_wiki"]["theirs"]
    assert claim_servers(runs, claim("ours"), lambda: {"drs_wiki", "drs_no_such_dag"}) == []


def test_trap_40_two_that_start_together_cannot_both_go_on_and_are_told_so(runs):
    for run_id in ("one", "two"):
        runs.add(claim(run_id), prepare="running")
    for run_id in ("one", "two"):
        runs.own = ("drs_wiki", run_id)
        with pytest.raises(ExecutionRefusedError, match="start one of them again"):
            claim_servers(runs, claim(run_id), lambda: {"drs_wiki"})


def test_a_retry_is_not_in_its_own_way(runs):
    runs.add(claim("ours"))
    assert claim_servers(runs, claim("ours"), lambda: {"drs_wiki"}) == []


def test_runs_that_have_published_nothing_yet_will_see_ours(runs):
    runs.states["drs_wiki"] = {"young": {keys.PREPARE: "running"}}
    assert claim_servers(runs, claim("ours"), lambda: {"drs_wiki"}) == []


def test_the_gate_that_the_other_one_waits_at_is_named(runs):
    runs.add(claim("theirs"), gate_2="deferred", hold_drill=None)
    with pytest.raises(ExecutionRefusedError, match="waits for people at gate_2"):
        claim_servers(runs, claim("ours"), lambda: {"drs_wiki"})


def test_a_paused_dag_of_the_other_one_is_named(runs):
    runs.add(claim("theirs", dag_id="drs_intranet"))
    runs.paused.add("drs_intranet")
    with pytest.raises(ExecutionRefusedError, match="drs_intranet is paused"):
        claim_servers(runs, claim("ours"), lambda: {"drs_wiki", "drs_intranet"})


# -- claims that were touched -------------------------------------------------------------------------


def frozen_run(runs, run_id):
    """A run with its frozen plan, as Airflow holds it; return what it holds."""
    waves = [frozen_wave(1, 2)]
    execution_id = f"drs_wiki/{run_id}"
    plan = frozen_plan(waves, execution_id=execution_id, dag_id="drs_wiki", dag_run_id=run_id)
    at = ("drs_wiki", run_id, keys.PREPARE)
    header = plan.model_dump(mode="json")
    runs.xcoms[(*at, keys.FROZEN_PLAN)] = seal(
        header, key=KEY, purpose=FROZEN_PLAN, binding=binding(execution_id)
    )
    runs.xcoms[(*at, keys.frozen_wave_key(1))] = seal(
        waves[0].model_dump(mode="json"),
        key=KEY,
        purpose=FROZEN_WAVE,
        binding=binding(execution_id, wave=1, plan_hash=plan.plan_hash),
    )
    return claim_of(plan, waves)


@pytest.mark.parametrize("left", [None, "not sealed", {"servers": {}}, {"payload": {"execution_id": "x"}}])
def test_trap_37_a_claim_that_was_removed_or_forged_is_made_again_from_the_frozen_plan(runs, left):
    held = frozen_run(runs, "theirs")
    runs.xcoms["drs_wiki", "theirs", keys.PREPARE, keys.CLAIM] = left
    assert dict(claim_at(runs, "drs_wiki", "theirs").servers) == held.servers


def test_trap_37_a_run_without_any_proof_can_start_nothing_and_holds_nothing(runs):
    runs.add(claim("theirs"))
    runs.xcoms["drs_wiki", "theirs", keys.PREPARE, keys.CLAIM]["payload"]["servers"] = {}
    assert claim_at(runs, "drs_wiki", "theirs") is None


def test_trap_37_a_claim_copied_from_another_run_is_none(runs):
    runs.add(claim("theirs"))
    copied = runs.xcoms["drs_wiki", "theirs", keys.PREPARE, keys.CLAIM]
    runs.xcoms["drs_wiki", "victim", keys.PREPARE, keys.CLAIM] = copied
    assert claim_at(runs, "drs_wiki", "victim") is None


def test_trap_37_a_claim_copied_from_another_run_hides_no_frozen_plan(runs):
    held = frozen_run(runs, "theirs")
    runs.add(claim("other", servers=("s-9",)))
    copied = runs.xcoms["drs_wiki", "other", keys.PREPARE, keys.CLAIM]
    runs.xcoms["drs_wiki", "theirs", keys.PREPARE, keys.CLAIM] = copied
    assert dict(claim_at(runs, "drs_wiki", "theirs").servers) == held.servers


# -- pre-emption --------------------------------------------------------------------------------------

RECOVERY = claim("ours", kind="RECOVERY")


def test_trap_40_a_recovery_cancels_a_drill_that_is_in_its_way(runs):
    runs.add(claim("rehearsal"))
    cancelled = claim_servers(runs, RECOVERY, lambda: {"drs_wiki"}, may_preempt=True, reason="flood")
    assert [item.claim.run_id for item in cancelled] == ["rehearsal"]
    notice = runs.notice("drs_wiki", "rehearsal")
    assert (notice["by_run_id"], notice["by_user"], notice["reason"]) == ("ours", "dr-operator", "flood")
    assert notice["attempt"] == 1


@pytest.mark.parametrize(
    ("own", "other"), [("RECOVERY", "RECOVERY"), ("DRILL", "DRILL"), ("DRILL", "RECOVERY")]
)
def test_trap_40_nothing_but_a_recovery_pre_empts_and_nothing_but_a_drill_is_pre_empted(runs, own, other):
    runs.add(claim("theirs", kind=other))
    with pytest.raises(ExecutionRefusedError, match="cancels drills only"):
        claim_servers(runs, claim("ours", kind=own), lambda: {"drs_wiki"}, may_preempt=True)
    assert runs.notice("drs_wiki", "theirs") is None


def test_trap_40_a_drill_is_not_cancelled_if_something_else_is_in_the_way_too(runs):
    runs.add(claim("rehearsal"))
    runs.add(claim("real", kind="RECOVERY"))
    with pytest.raises(ExecutionRefusedError, match="it cancelled none"):
        claim_servers(runs, RECOVERY, lambda: {"drs_wiki"}, may_preempt=True)
    assert runs.notice("drs_wiki", "rehearsal") is None


def test_trap_40_without_being_asked_a_recovery_cancels_nothing(runs):
    runs.add(claim("rehearsal"))
    with pytest.raises(ExecutionRefusedError, match="or start this RECOVERY with preempt_drill"):
        claim_servers(runs, RECOVERY, lambda: {"drs_wiki"})
    assert runs.notice("drs_wiki", "rehearsal") is None


def test_trap_40_a_notice_that_airflow_does_not_take_refuses_the_recovery_with_the_way_out(runs):
    runs.add(claim("rehearsal"))
    runs.refuses = AirflowRuntimeError(
        ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 403})
    )
    with pytest.raises(ExecutionRefusedError, match="PATCH /api/v2/dags/drs_wiki/dagRuns/rehearsal"):
        claim_servers(runs, RECOVERY, lambda: {"drs_wiki"}, may_preempt=True)


def test_trap_40_a_notice_that_is_not_there_when_read_again_refuses_the_recovery(runs):
    runs.add(claim("rehearsal"))
    runs.push_to = lambda *_: None
    with pytest.raises(ExecutionRefusedError, match="could not be pre-empted"):
        claim_servers(runs, RECOVERY, lambda: {"drs_wiki"}, may_preempt=True)


# -- which DAGs ---------------------------------------------------------------------------------------


def test_the_registered_dags_are_looked_at_wherever_their_plan_files_are(variables):
    variables["drs_executions_of__drs_elsewhere"] = "whatever"
    variables["drs_executions"] = variables["of_others"] = "not ours"
    assert known_dag_ids("drs_own", None) == {"drs_own", "drs_elsewhere"}


def test_trap_40_a_claim_registers_its_dag_before_it_is_published_and_reads_after_it(runs, variables):
    seen = []

    def dag_ids():
        seen.append((list(variables), claim_at(runs, "drs_wiki", "ours")))
        return known_dag_ids("drs_wiki", None)

    push = runs.push_own
    runs.push_own = lambda *given: (seen.append(list(variables)), push(*given))
    claim_servers(runs, claim("ours"), dag_ids)
    registered = ["drs_executions_of__drs_wiki"]
    assert seen == [registered, (registered, claim("ours"))]


def test_a_dag_that_is_registered_is_not_written_again(runs, variables):
    claim_servers(runs, claim("first"), set)
    variables["drs_executions_of__drs_wiki"] = "kept"
    claim_servers(runs, claim("ours"), set)
    assert variables == {"drs_executions_of__drs_wiki": "kept"}


@pytest.mark.parametrize("broken", ["keys", "set"])
def test_trap_40_nothing_is_claimed_while_airflow_does_not_tell_whose_runs_to_look_at(
    runs, monkeypatch, broken
):
    def unreachable(*_, **__):
        raise AirflowRuntimeError(
            ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 502})
        )

    monkeypatch.setattr(Variable, broken, unreachable)
    with pytest.raises(RunUnknownError, match="502"):
        claim_servers(runs, claim("ours"), set)
    assert runs.xcoms == {}
    assert not issubclass(RunUnknownError, DrsFailError), "a retry may mend it"


def test_trap_40_a_registration_that_airflow_does_not_list_starts_nothing(runs, monkeypatch):
    monkeypatch.setattr(Variable, "set", lambda *_, **__: None)
    with pytest.raises(RunUnknownError, match="does not list it"):
        claim_servers(runs, claim("ours"), set)


def test_plans_that_no_longer_load_are_looked_at_too(tmp_path):
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "gone.json").write_text("{}", encoding="utf-8")
    assert plan_dag_ids(tmp_path / "nothing", tmp_path) == {"drs_gone"}


def test_the_configured_plans_folder_is_looked_at_where_the_dag_does_not_say(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DRS__STATE_PATH", str(tmp_path))
    assert known_dag_ids("drs_own", None) == {"drs_own"}
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "gone.json").write_text("{}", encoding="utf-8")
    monkeypatch.setenv("AIRFLOW__DRS__PLANS_FOLDER", str(tmp_path / "nothing"))
    assert known_dag_ids("drs_own", None) == {"drs_own", "drs_gone"}


def test_a_later_attempt_counts_its_time_anew():
    waves = [frozen_wave(1, 1)]
    plan = frozen_plan(waves)
    assert claim_of(plan, waves, now=plan.started_at + 99).until == pytest.approx(
        claim_of(plan, waves).until + 99
    )
    assert replace(claim("a"), attempt=2).attempt == 2
