"""Executions that leave every kind of stored state: what happens in each, and the moments at which it is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

from drs_provider import keys
from drs_provider.plan.model import Plan
from tests.blocks.dags import drill_dag
from tests.blocks.plan_server import Server
from tests.harness.plan_run import PlanRun
from tests.harness.plans import DATABASES, WIKI, plan, recovery_of
from tests.harness.stage import ACCOUNT, REGION, Stage
from tests.harness.sweeps import sweeps_on
from tests.harness.worlds import ALWAYS, world

#: 2027-01-15, 08:00 UTC
BEGIN: Final = 1_800_000_000.0
RUN: Final = "stored"
STATUS: Final = {"check": "ec2_status", "timeout_minutes": 30}
MANUAL: Final = {"check": "manual", "message": "Is all in order?", "timeout_minutes": 30}
TELL: Final = {"run": "lambda", "function": "tell", "modes": ["drill", "recovery"]}
RESTART: Final = {"run": "ssm_automation", "document": "Restart", "modes": ["drill", "recovery"]}
SERVICES: Final = {
    "functions": [{"name": "tell", "payload": {"told": 3}}],
    "automations": [{"document": "Restart", "seconds": 300}],
}
ROLES: Final = {"initiators": ["dr-lead"], "approvers": ["dr-approver-1"]}
#: Name of a moment, and what is stored beside the state of runs
Moments = Iterator[tuple[str, dict[str, Any]]]


@dataclass(frozen=True)
class Scene:
    """Executions on one stage.

    :param plays: plays them, and gives each moment
    :param run: makes the run of the execution that is taken up again, of a plan's earlier form
    :param taken_up: moments from which it is
    :param plan: the plan of that execution
    :param options: of ``[drs]``
    """

    scenario: dict[str, Any]
    plays: Callable[[Stage], Moments]
    run: Callable[[Stage, Plan | None], PlanRun]
    taken_up: tuple[str, ...] = ()
    plan: Plan | None = None
    history: bool = True
    options: dict[str, str] = field(default_factory=dict)


def _play(scene: Callable[[Stage, Plan | None], PlanRun], *moments: tuple[str, str, str]) -> Any:
    def plays(play: Stage) -> Moments:
        run = scene(play, None)
        for name, task_id, state in moments:
            run.go_until(task_id, state)
            yield name, {}
        run.go()
        yield "end", {}

    return plays


# -- a RECOVERY of two waves, with steps ----------------------------------------------------------------

RECOVERY: Final = plan(
    {"name": "first", "servers": WIKI[:1], "after": [STATUS]},
    {"name": "second", "servers": WIKI[1:], "gate": {"message": "Go on?"}, "before": [TELL]},
    before_first=[MANUAL],
    after_last=[RESTART],
    recovery=ROLES,
    objectives={"rto_minutes": 120},
)


def recovery(play: Stage, of: Plan | None) -> PlanRun:
    given = of or RECOVERY
    run = play.plan_run(given, recovery_of(given), user="dr-lead", run_id=RUN, step_seconds=60.0)
    return run.approve_everything().answer("before_first.manual", "Confirm", comment="looked at it")


_plays_recovery = _play(
    recovery,
    ("gate", "gate_1", "deferred"),
    ("step", "before_first.manual", "deferred"),
    ("wait", "wave_1_first.wait_for_recovery", "deferred"),
    ("check", "wave_1_first.after_ec2_status", "deferred"),
    ("between", "wave_1_first.decide", "success"),
)

# -- a drill that waits for its verdict -----------------------------------------------------------------

DRILL: Final = plan(drill={"hold": {"timeout_minutes": 240, "on_timeout": "cleanup"}})


def drill(play: Stage, of: Plan | None) -> PlanRun:
    return play.plan_run(of or DRILL, run_id=RUN).approve_everything()


_plays_drill = _play(
    drill, ("hold", keys.HOLD_DRILL, "deferred"), ("cleanup", keys.CLEANUP_DRILL, "deferred")
)

# -- building blocks ------------------------------------------------------------------------------------


def blocks(play: Stage, of: Plan | None) -> PlanRun:
    assert of is None
    return play.dag_run(drill_dag(), run_id=RUN)


_plays_blocks = _play(blocks, ("wait", "wait", "deferred"), ("terminate", "terminate", "deferred"))


def _plays_another_dag(play: Stage) -> Moments:
    """A DAG that runs a plan."""
    server = Server(play, plan())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task_runner, "SUPERVISOR_COMMS", server, raising=False)
        patch.setattr(RuntimeTaskInstance, "get_dr_count", staticmethod(lambda **_: 1))
        server.call(deferrable=True, skip_gates=True, run_id=RUN).go_until("run")
        yield "deferred", {}


# -- what goes wrong ------------------------------------------------------------------------------------

TROUBLED: Final = plan(
    {
        "name": "everything",
        "servers": DATABASES,
        "optional": {"servers": [DATABASES[1]]},
        "after": [STATUS, {**MANUAL, "on_failure": "fail"}, TELL],
        "queue_timeout_minutes": 1440,
    },
    name="troubled",
    recovery=ROLES,
    objectives={"rto_minutes": 120},
    notifications=[{"notifier": "no.such.Notifier", "events": ["start", "finished"]}],
)
METRICS: Final = {"METRICS_CONNECTION": "aws_dr", "METRICS_ACCOUNT_ID": ACCOUNT, "METRICS_REGION": REGION}


def _plays_trouble(play: Stage) -> Moments:
    """A quota that is used up, a failed server, failing steps, a later attempt, a drill that is pre-empted, a sweep."""
    databases = plan({"name": "everything", "servers": DATABASES}, name="rehearsal")
    drill = play.plan_run(databases, run_id="rehearsal").approve_everything()
    drill.go_until("wave_1_everything.wait_for_recovery")
    conf = recovery_of(TROUBLED, preempt_drill=True)
    run = play.plan_run(TROUBLED, conf, user="dr-lead", run_id="troubled", step_seconds=60.0)
    manual, tell = "wave_1_everything.after_manual", "wave_1_everything.after_lambda"
    run.answer(manual, "Fail", comment="no logins").answer(manual, "Confirm", comment="logins")
    run.answer(tell, "Accept", comment="told by phone").approve_everything()
    run.go_until("wave_1_everything.start_recovery")
    yield "queued", {}
    drill.go()
    run.go()
    yield "first attempt", {}
    run.clear("wave_1_everything")
    run.go()
    play.plan_run(TROUBLED, recovery_of(TROUBLED), user="somebody", run_id="refused").go()
    with pytest.MonkeyPatch.context() as patch:
        sweeps = sweeps_on(play, play.reports.parent / "plans", patch)
        sweeps.know(TROUBLED)
        report = sweeps.sweep(dry_run=True)
    yield "end", {f"xcom sweep {keys.SWEEP} {keys.SWEEP_REPORT}": report}


def _no_fixed_run(play: Stage, of: Plan | None) -> PlanRun:
    raise AssertionError("this execution is not taken up")


SCENES: Final = {
    "recovery": Scene(
        world(profile={"status_checks": "PT15M"}, services=SERVICES),
        _plays_recovery,
        recovery,
        ("gate", "step", "wait", "check", "between"),
        plan=RECOVERY,
    ),
    "drill": Scene(world(), _plays_drill, drill, ("hold",), plan=DRILL),
    "blocks": Scene(world(), _plays_blocks, blocks, ("wait",)),
    "another_dag": Scene(world(), _plays_another_dag, _no_fixed_run),
    "trouble": Scene(
        world(
            {DATABASES[1]: {"fail": ALWAYS}},
            quotas={"jobs": 1},
            services={"functions": [{"name": "tell", "error": "no route"}]},
        ),
        _plays_trouble,
        _no_fixed_run,
        options=METRICS,
    ),
}
