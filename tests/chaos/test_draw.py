"""What seeds draw: always the same, in all its variety, and always something that plans and simulator accept."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from chaos.block_runs import block_servers
from chaos.draw import draw
from chaos.spec import KILLS_TASK, PLACES, Behaviour, Fault, RunSpec
from chaos.world import bystanders, conf_of, plan_of, scenario_of
from drs_provider.dag_factory.build import build_dag
from drs_provider.plan.conf.parsing import parse_run_conf
from drs_provider.plan.model import Plan
from drs_simulator.scenario import parse_scenario

SPECS = [draw(seed) for seed in range(300)]


def test_a_seed_always_draws_the_same() -> None:
    assert [draw(seed) for seed in (5, 6)] == SPECS[5:7]
    assert len({spec.plan for spec in SPECS}) == len(SPECS)
    assert draw(5) != replace(draw(6), seed=5)


def test_every_fault_and_every_behaviour_is_drawn() -> None:
    faults = Counter(strike.fault for spec in SPECS for strike in spec.strikes)
    behaviours = Counter(server.behaviour for spec in SPECS for server in spec.servers)

    assert set(faults) == set(Fault)
    assert set(behaviours) == set(Behaviour)
    assert all(spec.strikes for spec in SPECS)
    assert {spec.execution_type for spec in SPECS} == {"DRILL", "RECOVERY"}
    assert {len(spec.waves) for spec in SPECS} == {1, 2, 3}
    assert {server.live for spec in SPECS for server in spec.servers} == {"", "drill", "live"}
    assert any(spec.people.rejects_gate for spec in SPECS)
    assert any(spec.people.stops_at_wave for spec in SPECS)
    assert any(spec.people.retries for spec in SPECS)
    assert any(len({wave.place for wave in spec.waves}) > 1 for spec in SPECS)
    assert any(len(spec.waves) > 1 and not spec.waves[-1].depends_on for spec in SPECS)


@pytest.mark.parametrize("chosen", SPECS[:60], ids=lambda spec: str(spec.seed))
def test_a_drawn_plan_is_a_plan(chosen: RunSpec) -> None:
    plan = Plan.model_validate(plan_of(chosen))
    conf = parse_run_conf(conf_of(chosen), plan)
    tasks = build_dag(plan).task_ids

    assert conf.execution_type == chosen.execution_type
    for wave in chosen.waves:
        assert plan.dependencies(wave.name) == tuple(chosen.wave(n).name for n in wave.depends_on)
    for strike in chosen.strikes:
        if strike.moment is not None:
            assert chosen.task_id(strike.moment.task, strike.moment.wave) in tasks


def test_one_world_holds_all_executions_and_the_servers_of_nobody() -> None:
    scenario = parse_scenario(scenario_of(SPECS, 1))
    there = {
        server.id
        for account in scenario.accounts.values()
        for region in account.regions.values()
        for server in scenario.servers_of(region)
    }
    planned = [server.id for spec in SPECS for server in spec.servers]

    assert len(planned) == len(set(planned))
    others = [[*bystanders(place), *block_servers(place)] for place in PLACES.values()]
    assert there - set(planned) == {item["id"] for of_place in others for item in of_place}
    assert set(planned) <= there


def test_faults_come_with_what_they_need() -> None:
    for spec in SPECS:
        late = {PLACES[wave.place].late for wave in spec.waves}
        assert late == {spec.has(Fault.LATE_JOBS)}
        assert {wave.place.endswith("_alone") for wave in spec.waves} == {spec.has(Fault.EC2_DOWN)}
        if spec.has(Fault.SESSIONS_END):
            assert PLACES[spec.waves[0].place].role
        # Airflow gives a task three retries: what is killed more often may fail, and that would prove nothing.
        assert sum(strike.fault in KILLS_TASK for strike in spec.strikes) <= 3


def test_jobs_are_short_and_the_simulated_clock_is_the_real_one() -> None:
    scenario = parse_scenario(scenario_of(SPECS[:1], 1))

    assert scenario.start_time is None
    assert scenario.profile.conversion.median + scenario.profile.launch.median < 10
    assert scenario.delays_of("111122223333", "eu-north-1") == (20.0, "never")
    assert scenario.delays_of("111122223333", "eu-west-1") == (0.5, 1.0)
    assert {(fault.operation, fault.after, fault.kind) for fault in scenario.faults} == {
        ("StartRecovery", True, "reset"),
        ("TerminateRecoveryInstances", True, "reset"),
        ("StartAutomationExecution", True, "reset"),
    }
