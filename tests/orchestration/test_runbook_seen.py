"""Airflow comes back after a night in which a runbook's script did its work: what it did is seen as what it is."""

from __future__ import annotations

from drs_provider.core.identity import job_tags
from tests.harness.plans import WIKI, plan, recovery_of
from tests.harness.stage import Stage
from tests.harness.sweeps import Sweeps, sweeps
from tests.orchestration.sweep.test_instances import OLD, alive, kinds

__all__ = ["sweeps"]

RUNBOOK = "runbook-1f0b7a0e-6f0a-5c58-9a3d-1f2f7f3f9b52"


def by_runbook(play: Stage, kind: str) -> None:
    """Start a job as a runbook's script does, and wait for its end."""
    play.simulator.client("drs").start_recovery(
        sourceServers=[{"sourceServerID": server} for server in WIKI],
        isDrill=kind == "DRILL",
        tags=job_tags(RUNBOOK, kind, "small", 1, 1, {}),
    )
    play.simulator.advance(3600)


def test_trap_20_a_wave_that_a_runbook_recovered_meanwhile_is_refused_by_name(play: Stage) -> None:
    recovered = plan()
    run = play.plan_run(recovered, recovery_of(recovered)).approve_everything()
    run.when("prepare", "success", lambda: by_runbook(play, "RECOVERY"))
    assert run.go() == "failed"
    assert f"of the runbook of small (RECOVERY {RUNBOOK}, without Airflow)" in run.failure(
        "wave_1_everything.start_recovery"
    )
    assert len(play.jobs()) == 1
    assert len(alive(play)) == 2


def test_the_sweeper_says_that_a_runbooks_drill_left_instances_and_leaves_them(
    play: Stage, sweeps: Sweeps
) -> None:
    sweeps.know(plan())
    by_runbook(play, "DRILL")
    play.simulator.advance(OLD)
    report = sweeps.sweep(terminate=True)
    assert kinds(report) == {("drill instance of unproven origin", "left")}
    assert "the runbook of small launched it" in report["findings"][-1]["reason"]
    assert len(alive(play)) == 2
