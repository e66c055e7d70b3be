"""An execution of the harness without processes: the same draw and the same rules, on the stage of the other tests.

Workers die just before a drawn effect; what kills Airflow's components is left out.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from chaos.aws import TABLE_OPERATIONS
from chaos.draw import draw
from chaos.facts import Attempt, Job, RunFacts, Violation, World
from chaos.follow import waves_to_clear
from chaos.invariants import check
from chaos.spec import PLACES, Fault, Moment, RunSpec, Strike
from chaos.world import conf_of, plan_of
from drs_provider import keys
from drs_provider.dag_factory.build import build_single_task_dag
from drs_provider.hooks.aws.clients import forget_clients
from drs_provider.plan.model import Plan
from drs_simulator.engine.truth import all_jobs
from tests.harness.plan_run import PlanRun
from tests.harness.stage import Stage

FAULTS = (
    Fault.KILL_TRIGGERER,
    Fault.THROTTLING,
    Fault.LOST_START,
    Fault.LOST_TERMINATE,
    Fault.SESSIONS_END,
    Fault.TABLE_DOWN,
    Fault.EC2_DOWN,
    Fault.PLAN_BROKEN,
)
#: Airflow gives a task three retries; one more death would fail it, and prove nothing.
MOST_DEATHS = 3


def spec_of(seed: int) -> RunSpec:
    """Return the execution of a seed, with other faults: up to three of those that need no processes."""
    spec = draw(seed)
    rng = random.Random(seed)
    moment = Moment(keys.WAIT_FOR_RECOVERY, rng.choice(spec.waves).number, waiting=True)
    chosen = rng.sample(FAULTS, rng.choice((1, 2, 3)))
    return replace(spec, strikes=tuple(Strike(fault, moment) for fault in chosen))


@dataclass
class Played:
    """One execution on a stage."""

    stage: Stage
    spec: RunSpec
    run: PlanRun = field(init=False)
    stopped: bool = False
    _attempts: list[Attempt] = field(default_factory=list)

    def __post_init__(self) -> None:
        plan = Plan.model_validate(plan_of(self.spec))
        self.run = self.stage.plan_run(plan, conf_of(self.spec), user="dr-operator", step_seconds=3.0)
        self.run.approve_everything()
        self._people()
        self.stage.effects.kill_at_random(self.spec.seed, chance=0.05, most=MOST_DEATHS)
        for strike in self.spec.strikes:
            self._strike(strike)

    @property
    def deaths(self) -> list[tuple[str, int, str]]:
        """Which workers died, before which effect."""
        return self.stage.effects.died

    def play(self) -> list[Violation]:
        """Run all attempts and return what is violated."""
        for number in range(1, self.spec.people.retries + 2):
            self._attempts.append(self._attempt(number, self.run.go()))
            waves = self._waves_to_retry()
            if number > self.spec.people.retries or not waves:
                break
            self.run.clear(*waves)
        return self._check()

    def _attempt(self, number: int, run_state: str) -> Attempt:
        return Attempt(
            number,
            run_state,
            dict(self.run.states),
            self.run.xcom(keys.FINALIZE, keys.EXECUTION_RECORD),
            stopped=self.stopped or self._rejected(),
            table_down=self.spec.has(Fault.TABLE_DOWN),
        )

    def _rejected(self) -> bool:
        gate = self.spec.people.rejects_gate
        return bool(gate) and self.run.states[keys.gate_task_id(gate)] == "failed"

    def _waves_to_retry(self) -> list[str]:
        last = self._attempts[-1]
        if last.run_state == "success" or last.stopped or self.spec.refused or last.record is None:
            return []
        return [
            keys.wave_group_id(number, self.spec.wave(number).name)
            for number in waves_to_clear(self.spec, last.record)
        ]

    def _check(self) -> list[Violation]:
        record = self._attempts[-1].record or {}
        execution = record.get("executionId", "")
        self.stage.simulator.clear_faults()
        table_down = self.spec.has(Fault.TABLE_DOWN)
        stored = None if table_down or not record else self.stage.stored(execution, record["planId"])
        self.stage.simulator.finish()
        folder = self.stage.reports / self.spec.plan / execution
        facts = RunFacts(
            self.spec,
            self.run.dag_run.run_id,
            execution,
            tuple(self._attempts),
            stored=stored,
            reports=frozenset(file.name for file in folder.glob("*")) if record else frozenset(),
        )
        jobs = tuple(Job.from_simulator(item) for item in all_jobs(self.stage.simulator.world.regions()))
        instances: dict[str, str] = {}
        for place in PLACES.values():
            instances |= self.stage.instances(account=place.account, region=place.region)
        automations = self.stage.simulator.world.automations.executions
        runbooks = Counter(execution.request["DocumentName"] for execution in automations)
        return check([facts], World(jobs, (), instances, runbooks))

    # -- people and faults ----------------------------------------------------------------------------

    def _people(self) -> None:
        people = self.spec.people
        if people.rejects_gate:
            self.run.answer(keys.gate_task_id(people.rejects_gate), "Reject")
        if people.stops_at_wave:
            self._mid_wave(people.stops_at_wave, self._stop)

    def _stop(self) -> None:
        self.stopped = True
        self.run.mark_failed()

    def _mid_wave(self, wave: int, action: Callable[[], Any]) -> None:
        self.run.when(self.spec.task_id(keys.WAIT_FOR_RECOVERY, wave), "deferred", action)

    def _strike(self, strike: Strike) -> None:
        inject = self.stage.simulator.inject
        wave = strike.moment.wave if strike.moment else 1
        if strike.fault is Fault.KILL_TRIGGERER:
            self._mid_wave(wave, self.run.triggerer.restart)
        elif strike.fault is Fault.THROTTLING:
            inject("*", code="ThrottlingException", probability=0.3)
            inject("*", service="ec2", code="RequestLimitExceeded", probability=0.3)
        elif strike.fault is Fault.LOST_START:
            inject("StartRecovery", kind="reset", after=True, times=1)
        elif strike.fault is Fault.LOST_TERMINATE:
            inject("TerminateRecoveryInstances", kind="reset", after=True, times=1)
        elif strike.fault is Fault.SESSIONS_END:
            self._mid_wave(wave, self._end_sessions)
        elif strike.fault is Fault.TABLE_DOWN:
            inject(TABLE_OPERATIONS, service="dynamodb", kind="raw", status=503)
        elif strike.fault is Fault.EC2_DOWN:
            self._ec2_down(wave)
        elif strike.fault is Fault.PLAN_BROKEN:
            self._mid_wave(wave, self._lose_the_plan)

    def _end_sessions(self) -> None:
        httpx.delete(f"{self.stage.simulator.url}/moto-api/drs/sessions")
        # Triggers keep theirs and must cope; every task's own process begins without any.
        forget_clients()

    def _ec2_down(self, wave: int) -> None:
        place = PLACES[self.spec.wave(wave).place]
        enrich = self.spec.task_id(keys.ENRICH, wave)
        rules: list[str] = []

        def down() -> None:
            where = {"account": place.account, "region": place.region}
            rule = self.stage.simulator.inject("*", service="ec2", kind="raw", status=503, **where)
            rules.append(rule.fault_id)

        def up() -> None:
            for rule in rules:
                self.stage.simulator.world.faults.remove(rule)

        self._mid_wave(wave, down)
        for state in ("success", "failed"):
            self.run.when(enrich, state, up)

    def _lose_the_plan(self) -> None:
        self.run.dag_source = lambda task_id: build_single_task_dag(self.spec.dag_id, task_id)
