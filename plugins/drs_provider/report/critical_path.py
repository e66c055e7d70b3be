"""The critical path of an execution that has ended: the waves that its recovery time was made of."""

from __future__ import annotations

from typing import Any

from drs_provider.report.figures import clock_start, wanted_waves
from drs_provider.rules.record.merging import waiting_seconds
from drs_provider.rules.record.schema import ExecutionRecord, WaveRow, without_empty


def ready_time(wave: WaveRow) -> float | None:
    """Return when a wave was ready: its last required step has passed, or its last job has ended."""
    return wave.get("readyTime", wave.get("endTime"))


def critical_path(record: ExecutionRecord) -> list[dict[str, Any]]:
    """Return the waves without which the execution would have been faster, first to last.

    The last one is the wave that was ready last; before each stands the one of the waves it depends on that was ready
    last. ``seconds`` is what a wave added: from that moment (from the clock's start, of the first one) until it was
    ready itself; ``waitingSeconds`` of them were waits for people.
    """
    waves = {wave["waveNumber"]: wave for wave in wanted_waves(record) if ready_time(wave) is not None}
    path: list[WaveRow] = []
    candidates = list(waves.values())
    while candidates:
        path.append(max(candidates, key=lambda wave: (ready_time(wave), wave["waveNumber"])))
        # Only waves before it: what an edited record says must not lead around in a circle.
        candidates = [
            waves[number]
            for number in path[-1].get("dependsOnWaves", ())
            if number in waves and number not in {wave["waveNumber"] for wave in path}
        ]
    rows, since = [], clock_start(record)
    for wave in reversed(path):
        until = max(since, ready_time(wave) or since)
        waiting = round(waiting_seconds(record, since, until), 3)
        rows.append(
            without_empty(
                {
                    "waveNumber": wave["waveNumber"],
                    "waveName": wave["waveName"],
                    "readyTime": ready_time(wave),
                    "seconds": round(until - since, 3),
                    "waitingSeconds": waiting or None,
                }
            )
        )
        since = until
    return rows
