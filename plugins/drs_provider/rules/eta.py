"""When a running execution will have recovered everything, by what has ended and what is expected of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from drs_provider.core.times import format_duration
from drs_provider.rules.drs.phases import PhaseName
from drs_provider.rules.execution.expectation import (
    CHECKS,
    GATE,
    START,
    Expectation,
    Range,
    WaveExpectation,
    longest_way,
)

_IN_ORDER: Final = (*(phase.value for phase in PhaseName), CHECKS)
# A phase that takes longer than expected is nearly done, for ever.
_OVERRUN: Final = 0.05


@dataclass(frozen=True)
class WaveNow:
    """How far a wave has come that runs, or is to run.

    :param ready: whether nothing of it remains: it is recovered, or it was left out
    :param elapsed: seconds since its launches were asked for; None before
    :param phase: the phase of the launches that it is in, ``checks`` behind them; empty if that is not known
    :param waiting: seconds for which its gate has been waiting for people; None if it does not
    :param gated: whether people are still to answer its gate
    """

    number: int
    ready: bool = False
    elapsed: float | None = None
    phase: str = ""
    waiting: float | None = None
    gated: bool = False


@dataclass(frozen=True)
class Eta:
    """When everything will be recovered.

    :param now: when it was computed, epoch seconds
    :param remaining: seconds from then on, waiting for people included as far as earlier runs tell it
    :param rto_at: when the recovery time objective is over; None without one
    :param critical_path: waves that the end still waits for, in their order
    """

    now: float
    remaining: Range
    rto_at: float | None = None
    critical_path: tuple[int, ...] = ()

    @property
    def rto_miss_seconds(self) -> float | None:
        """By how much the objective will probably be missed; None if it will be met, or if there is none."""
        return self._beyond(self.remaining.seconds)

    @property
    def rto_surely_missed(self) -> bool:
        """Whether the objective is missed even if all goes as well as ever."""
        return self._beyond(self.remaining.low) is not None

    def _beyond(self, remaining: float) -> float | None:
        if self.rto_at is None:
            return None
        miss = self.now + remaining - self.rto_at
        return miss if miss > 0 else None

    def text(self) -> str:
        """Return it for people: ``in about 12 min (9 min to 20 min)``, and by how much the RTO will be missed."""
        low, seconds, high = (format_duration(each) for each in self.remaining)
        text = f"in about {seconds} ({low} to {high})"
        if (miss := self.rto_miss_seconds) is not None:
            text += f"; will miss the RTO by {'at least ' if self.rto_surely_missed else 'about '}"
            text += format_duration(self._beyond(self.remaining.low) if self.rto_surely_missed else miss)
        return text

    def to_dict(self) -> dict[str, Any]:
        """Return it for programs: seconds from now on, and moments (epoch seconds)."""
        row: dict[str, Any] = {
            **self.remaining.to_row(),
            "lowAt": round(self.now + self.remaining.low),
            "at": round(self.now + self.remaining.seconds),
            "highAt": round(self.now + self.remaining.high),
            "criticalPath": list(self.critical_path),
        }
        if (miss := self.rto_miss_seconds) is not None:
            row["rtoMissSeconds"] = round(miss)
        return row


def eta(
    expectation: Expectation,
    waves: Sequence[WaveNow],
    *,
    now: float,
    rto_at: float | None = None,
    after: Range | None = None,
) -> Eta | None:
    """Return when everything will be recovered; None if nothing is expected of a wave that has to run.

    :param expectation: as it was frozen
    :param waves: those that run in this execution
    :param after: what remains of the steps behind all waves; default: all that is expected of them
    """
    expected = {wave.number: wave for wave in expectation.waves}
    if not all(wave.ready or wave.number in expected for wave in waves):
        return None
    depends_on = {
        wave.number: expected[wave.number].depends_on if wave.number in expected else () for wave in waves
    }
    rest = {wave.number: _remaining(expected[wave.number], wave) for wave in waves if not wave.ready}
    ends = [
        longest_way(depends_on, {number: found[place] for number, found in rest.items()})
        for place in range(3)
    ]
    behind = after
    if behind is None and expectation.after is not None:
        behind = expectation.after.range
    low, seconds, high = sorted(length for length, _ in ends)
    remaining = Range(low, seconds, high)
    return Eta(now, remaining.plus(behind) if behind else remaining, rto_at, ends[1][1])


def _remaining(expected: WaveExpectation, wave: WaveNow) -> Range:
    launches = [(name, expected.phase(name)) for name in _IN_ORDER]
    if wave.elapsed is None:
        found = expected.phase(START)
        for _, seconds in launches:
            found = found.plus(seconds)
        if wave.gated or wave.waiting is not None:
            waited = wave.waiting or 0.0
            found = found.plus(Range(*(max(0.0, each - waited) for each in expected.phase(GATE))))
        return found
    current = _IN_ORDER.index(wave.phase) if wave.phase in _IN_ORDER else 0
    return Range(*(_left([seconds[place] for _, seconds in launches], current, wave) for place in range(3)))


def _left(phases: Sequence[float], current: int, wave: WaveNow) -> float:
    """Return what remains of phases: by the time that has gone, and at least all of the phases that have not begun."""
    elapsed = wave.elapsed or 0.0
    return max(sum(phases) - elapsed, sum(phases[current + 1 :]) + phases[current] * _OVERRUN)
