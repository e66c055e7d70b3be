"""From a seed to an execution: the same seed always draws the same plan, people and faults."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace

from chaos.spec import (
    COMPONENT_OF,
    KILLS_TASK,
    STEP_TASKS,
    Behaviour,
    Fault,
    Moment,
    People,
    RunSpec,
    Server,
    Strike,
    Wave,
)

WAVE_NAMES = ("database", "application", "web")
# Killing components costs all executions under way some time, so it is drawn less often than their share would be.
WEIGHTS = {
    Fault.KILL_TASK: 5,
    Fault.KILL_WORKER: 5,
    Fault.KILL_TRIGGERER: 2,
    Fault.KILL_SCHEDULER: 2,
    Fault.KILL_DAG_PROCESSOR: 1,
    Fault.KILL_API_SERVER: 1.5,
    Fault.THROTTLING: 2,
    Fault.LOST_START: 3,
    Fault.LOST_TERMINATE: 2,
    Fault.SESSIONS_END: 2,
    Fault.TABLE_DOWN: 1,
    Fault.EC2_DOWN: 2,
    Fault.LATE_JOBS: 2,
    Fault.PLAN_BROKEN: 1.5,
}
# Several times in one execution: these only. Airflow gives a task three retries; what is killed more often may fail.
_REPEATABLE = (*KILLS_TASK, Fault.KILL_TRIGGERER)
# Faults that need places of their own.
_SUFFIXES = {Fault.LATE_JOBS: "_late", Fault.EC2_DOWN: "_alone"}
_LONGEST_DELAY_SECONDS = 2.5
_WITH_STEPS = 0.4
# The starts of jobs, of terminations and of the end are what must not happen twice.
_STRUCK_TASKS = (
    *("prepare", "gate", "wait_for_recovery", "enrich", "hold_drill"),
    *("start_recovery", "cleanup_drill", "finalize") * 2,
    "start_recovery",
)


def draw(seed: int) -> RunSpec:
    """Return the execution of a seed."""
    rng = random.Random(f"chaos/{seed}")
    execution_type = "RECOVERY" if rng.random() < 0.3 else "DRILL"
    faults = _faults(rng)
    waves = _waves(rng, seed, faults)
    if rng.random() < 0.04:
        waves = _with_live_instance(rng, waves, "live")
    elif rng.random() < 0.06:
        waves = _with_live_instance(rng, waves, "drill")
    people = _people(rng, waves)
    spec = RunSpec(seed, execution_type, waves, people)
    return replace(spec, strikes=tuple(_strike(rng, spec, fault) for fault in faults))


def _faults(rng: random.Random) -> list[Fault]:
    kinds, weights = list(WEIGHTS), list(WEIGHTS.values())
    drawn: list[Fault] = []
    for _ in range(rng.choice((1, 2, 2, 3, 3))):
        fault = rng.choices(kinds, weights)[0]
        if (fault not in drawn or fault in _REPEATABLE) and not (
            fault in _SUFFIXES and set(drawn) & set(_SUFFIXES)
        ):
            drawn.append(fault)
    return drawn


def _waves(rng: random.Random, seed: int, faults: list[Fault]) -> tuple[Wave, ...]:
    count = rng.choice((1, 1, 2, 2, 2, 3))
    suffix = next((_SUFFIXES[fault] for fault in faults if fault in _SUFFIXES), "")
    # Only where a role is assumed is there a token that can expire.
    first = "branch" if Fault.SESSIONS_END in faults else rng.choice(("own", "branch"))
    side_by_side = count > 1 and rng.random() < 0.4
    failing = rng.random() < 0.35
    waves = []
    for number in range(1, count + 1):
        other = "branch" if first == "own" else "own"
        place = other if number > 1 and rng.random() < 0.3 else first
        servers = tuple(_server(rng, seed, number, position) for position in range(rng.choice((1, 1, 2, 3))))
        depends_on: tuple[int, ...] = (number - 1,) if number > 1 else ()
        if side_by_side and number == count:
            depends_on = (1,) if count == 3 else ()
        waves.append(
            Wave(
                number,
                WAVE_NAMES[number - 1],
                place + suffix,
                servers,
                depends_on,
                gate=rng.random() < 0.3,
                # Of its own numbers, so that a seed's plan is the same with and without steps.
                runbook=runbook
                if random.Random(runbook := f"Chaos-{seed}-{number}").random() < _WITH_STEPS
                else "",
            )
        )
    if failing:
        position = rng.randrange(count)
        waves[position] = _with_failing_server(rng, waves[position])
    return tuple(waves)


def _server(rng: random.Random, seed: int, wave: int, position: int) -> Server:
    digest = hashlib.sha256(f"chaos/{seed}/{wave}/{position}".encode()).hexdigest()[:17]
    behaviour = Behaviour.NAMED_INSTANCE if rng.random() < 0.05 else Behaviour.LAUNCHES
    return Server(f"s-{digest}", f"c{seed}-w{wave}-{position + 1}", behaviour=behaviour)


def _with_failing_server(rng: random.Random, wave: Wave) -> Wave:
    behaviour = rng.choice(
        (Behaviour.FAILS_ONCE, Behaviour.FAILS_ONCE, Behaviour.FAILS_ALWAYS, Behaviour.NO_INSTANCE)
    )
    # An optional one needs company: a wave of which nothing launched is not met whatever its servers are.
    critical = len(wave.servers) == 1 or rng.random() < 0.6
    failing = replace(wave.servers[0], behaviour=behaviour, critical=critical)
    return replace(
        wave, servers=(failing, *wave.servers[1:]), min_launched=0 if critical else len(wave.servers) - 1
    )


def _with_live_instance(rng: random.Random, waves: tuple[Wave, ...], live: str) -> tuple[Wave, ...]:
    position = rng.randrange(len(waves))
    wave = waves[position]
    changed = replace(wave, servers=(replace(wave.servers[0], live=live), *wave.servers[1:]))
    return (*waves[:position], changed, *waves[position + 1 :])


def _people(rng: random.Random, waves: tuple[Wave, ...]) -> People:
    retries = rng.choice((0, 1, 1))
    dice = rng.random()
    gates = [wave.number for wave in waves if wave.gate]
    if gates and dice < 0.12:
        return People(rejects_gate=rng.choice(gates))
    if 0.12 <= dice < 0.2:
        return People(stops_at_wave=rng.randrange(len(waves)) + 1)
    return People(retries=retries)


def _strike(rng: random.Random, spec: RunSpec, fault: Fault) -> Strike:
    if fault in KILLS_TASK:
        # A worker that dies without its task leaves it running for a while.
        return Strike(fault, _task_moment(rng, spec), whole=rng.random() < 0.5)
    if fault in COMPONENT_OF:
        # Half of them in the middle of a wave, half anywhere.
        moment = _wave_moment(rng, spec) if rng.random() < 0.5 else _task_moment(rng, spec)
        whole = fault is Fault.KILL_API_SERVER or rng.random() < 0.5
        return Strike(fault, moment, whole, round(rng.uniform(0.0, 3.0), 2))
    if fault in (Fault.SESSIONS_END, Fault.EC2_DOWN, Fault.PLAN_BROKEN):
        return Strike(fault, _wave_moment(rng, spec))
    if fault is Fault.TABLE_DOWN:
        return Strike(fault, whole=rng.random() < 0.5)
    return Strike(fault)


def _wave_moment(rng: random.Random, spec: RunSpec) -> Moment:
    wave = rng.choice(spec.waves)
    return Moment("wait_for_recovery", wave.number, round(rng.uniform(0.0, 4.0), 2), waiting=True)


def _task_moment(rng: random.Random, spec: RunSpec) -> Moment:
    task = rng.choice(_STRUCK_TASKS)
    if not spec.is_drill and task == "hold_drill":
        task = "start_recovery"
    in_wave = task in ("start_recovery", "wait_for_recovery", "enrich", "gate")
    wave = rng.choice(spec.waves) if in_wave else None
    if wave and wave.runbook and task in ("enrich", "wait_for_recovery"):
        task = rng.choice((task, *STEP_TASKS))
    return Moment(task, wave.number if wave else 0, round(rng.uniform(0.0, _LONGEST_DELAY_SECONDS), 2))
