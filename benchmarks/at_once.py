"""Many executions that are started in one moment, as in a disaster, on one machine."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import conventional
from benchmarks.figures import Figure, percentiles
from benchmarks.options import Options
from benchmarks.stacks import Recoveries, first_starts, recoveries
from benchmarks.timeline import gaps
from benchmarks.waves import AGAINST, IDLE_SLEEPS

WAVES = 2


def measure(options: Options) -> Iterator[Figure]:
    """Measure how late each of them starts, and how long its second wave waits."""
    for count in options.at_once:
        with recoveries(
            options.folder / f"at-once-{count}",
            executions=1 + count,
            waves=WAVES,
            launch_seconds=options.launch_seconds,
            idle_sleep=IDLE_SLEEPS[0],
        ) as running:
            yield from _figures(running, count, options.launch_seconds)


def _figures(running: Recoveries, count: int, launch_seconds: float) -> Iterator[Figure]:
    running.start(0)
    # Its second wave, too: the first gap teaches the triggerer how long launches take here.
    running.wait_for(WAVES, [0], 2 * launch_seconds + 120)
    together = range(1, 1 + count)
    for execution in together:
        running.start(execution)
    waves = running.wait_for(WAVES, together, 2 * launch_seconds + 120 + 20 * count)
    starts = first_starts(running.triggered, waves)
    name = f"{count} at once: trigger to first StartRecovery"
    yield from percentiles(name, starts[1:], starts[:1], "one alone", 50, 95)
    found = gaps(waves)[1:]
    usual = [conventional.next_wave_after(gap.wave.started, gap.wave.ended or 0.0) for gap in found]
    seconds = [gap.seconds for gap in found]
    name = f"{count} at once: last job's end to next StartRecovery"
    yield from percentiles(name, seconds, usual, AGAINST, 50, 95)
