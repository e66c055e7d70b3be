"""Seconds between waves, and calls of a wave: executions in real Airflow processes, at two paces of the scheduler."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks import conventional, simulated
from benchmarks.figures import Figure, percentiles
from benchmarks.options import Options
from benchmarks.plans import compose_interval
from benchmarks.stacks import SERVERS, Recoveries, first_starts, recoveries
from benchmarks.timeline import calls_per_wave, gaps

#: What the compose file and the embedded stack ask of the scheduler is near the first, Airflow's default the second.
IDLE_SLEEPS = (0.1, 1.0)
BARE_RUNS = 3
AGAINST = "looks every 30 s, 30 s between waves"


def measure(options: Options) -> Iterator[Figure]:
    """Measure gaps between waves and, at the shorter sleep, what a wave costs in calls and parses."""
    for idle_sleep in IDLE_SLEEPS:
        with recoveries(
            options.folder / f"waves-{idle_sleep:g}",
            executions=options.executions,
            waves=options.waves,
            launch_seconds=options.launch_seconds,
            idle_sleep=idle_sleep,
        ) as running:
            yield from _gaps(running, options, f"idle sleep {idle_sleep:g} s")
            if idle_sleep == IDLE_SLEEPS[0]:
                yield from _costs(running, options)


def _gaps(running: Recoveries, options: Options, pace: str) -> Iterator[Figure]:
    bare = [running.bare_run(number) for number in range(BARE_RUNS)]
    for execution in range(options.executions):
        running.start(execution)
        # So that their waves do not end together: how it is when they do, the part `at_once` tells.
        time.sleep((options.launch_seconds + 15) / options.executions)
    patience = options.waves * (2 * options.launch_seconds + 120)
    waves = running.wait_for(options.waves, range(options.executions), patience)
    # The first of all teaches the triggerer how long launches take here: in the field it begins with recorded ones.
    found = gaps(waves)[1:]
    seconds = [gap.seconds for gap in found]
    usual = [conventional.next_wave_after(gap.wave.started, gap.wave.ended or 0.0) for gap in found]
    four = [after for _, after in bare]
    yield from percentiles(
        f"last job's end to next StartRecovery, {pace}", seconds, usual, AGAINST, 50, 95, most=0.75
    )
    yield from percentiles(f"the same, {pace}", seconds, four, "four bare tasks in a row", 50)
    three = [first for first, _ in bare]
    starts = first_starts(running.triggered, waves)
    yield from percentiles(
        f"trigger to first StartRecovery, {pace}", starts, three, "three bare tasks in a row", 50, 95
    )


def _costs(running: Recoveries, options: Options) -> Iterator[Figure]:
    waves = running.sessions()
    per_wave = calls_per_wave(simulated.calls(running.stack.simulator_url), waves)
    of_recovery = {
        name: count for name, count in per_wave.items() if name.startswith(("drs:", "ec2:", "sts:"))
    }
    ended = [wave.ended - wave.started for wave in waves if wave.ended is not None]
    usual = conventional.conventional_calls(SERVERS, sum(ended) / len(ended))
    least = conventional.least_calls(SERVERS)
    what = f"calls of a wave of {SERVERS} servers"
    yield Figure(what, sum(of_recovery.values()), "", sum(usual.values()), "a look at each job and server")
    yield Figure(what, sum(of_recovery.values()), "", sum(least.values()), "the fewest possible")
    for operation in sorted({name for name, count in of_recovery.items() if count} | least.keys()):
        name = f"of them {operation}"
        yield Figure(
            name, of_recovery.get(operation, 0.0), "", least.get(operation, 0), "the fewest possible"
        )
    seconds = time.time() - min(running.triggered.values())
    parses = running.parses() / len(waves)
    usual_parses = seconds / compose_interval() / len(waves)
    yield Figure(
        "parses of the plans' DAG file per wave", parses, "", usual_parses, "one each parse interval"
    )
