"""Simulated time: a base plus elapsed wall time multiplied by a speed, plus explicit advances."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic


class Clock:
    """A clock that can run fast, stand still and be advanced; it never goes back.

    ``speed`` is simulated seconds per wall second; 0 means that only :meth:`advance` moves it.
    ``idle_speed`` holds instead while the clock rests; None means that it never does.
    """

    def __init__(
        self,
        base: float,
        speed: float = 1.0,
        wall: Callable[[], float] = monotonic,
        *,
        idle_speed: float | None = None,
    ) -> None:
        _require_not_negative("speed", speed)
        self._idle_speed = idle_speed
        self._resting = False
        self._wall = wall
        self._base = base
        self._since = wall()
        self._speed = speed
        self._paused = False

    @property
    def speed(self) -> float:
        """Simulated seconds per wall second."""
        return self._speed

    @property
    def paused(self) -> bool:
        """Whether only advances move the clock at present."""
        return self._paused

    def now(self) -> float:
        """Simulated epoch seconds."""
        if self._paused:
            return self._base
        return self._base + (self._wall() - self._since) * self._rate

    @property
    def _rate(self) -> float:
        resting = self._resting and self._idle_speed is not None
        return min(self._speed, self._idle_speed or 0.0) if resting else self._speed

    def rest(self, since: float) -> float:
        """Run at the idle speed, from a simulated time on that may be past; return the new time.

        What has passed since then at full speed is taken back, so it must not have been told to anybody.
        """
        if self._idle_speed is None or self._resting or self._paused or not self._speed:
            return self.now()
        passed = max(0.0, self.now() - since) / self._speed
        self._base = self.now() - passed * self._speed
        self._since = self._wall()
        self._resting = True
        self._base += passed * self._rate
        return self._base

    def wake(self) -> None:
        """Run at full speed again."""
        self._rebase()
        self._resting = False

    def advance(self, seconds: float) -> float:
        """Move forward by ``seconds`` and return the new time. ValueError for a negative value."""
        _require_not_negative("seconds", seconds)
        self._base += seconds
        return self.now()

    def set_speed(self, speed: float) -> None:
        """Change the speed from now on. ValueError for a negative value."""
        _require_not_negative("speed", speed)
        self._rebase()
        self._speed = speed

    def pause(self) -> None:
        """Stop; :meth:`advance` still moves the clock."""
        self._rebase()
        self._paused = True

    def resume(self) -> None:
        """Run on from where the clock stands."""
        self._rebase()
        self._paused = False

    def _rebase(self) -> None:
        self._base = self.now()
        self._since = self._wall()


def _require_not_negative(name: str, value: float) -> None:
    if not value >= 0:
        msg = f"{name} must not be negative, got {value}"
        raise ValueError(msg)
