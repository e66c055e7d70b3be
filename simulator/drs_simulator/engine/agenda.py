"""What will happen when: a heap of (time, sequence number, action)."""

from __future__ import annotations

import heapq
from collections.abc import Callable

Action = Callable[[float], None]


class Agenda:
    """Actions in order of their simulated time; those of one time in the order they were added."""

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        """Make an empty agenda; ``wake`` is called when something is added to an empty one."""
        self._wake = wake
        self.last_time: float | None = None
        self._heap: list[tuple[float, int, Action]] = []
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._heap)

    def at(self, moment: float, action: Action) -> None:
        """Do ``action(moment)`` when the clock has reached ``moment``."""
        if not self._heap:
            self._wake()
        heapq.heappush(self._heap, (moment, self._sequence, action))
        self._sequence += 1

    def next_time(self) -> float | None:
        """When the next action is due, None if there is none."""
        return self._heap[0][0] if self._heap else None

    def run_until(self, now: float) -> int:
        """Do everything that is due, also what these actions add, and return how many ran."""
        done = 0
        while self._heap and self._heap[0][0] <= now:
            moment, _, action = heapq.heappop(self._heap)
            self.last_time = moment
            action(moment)
            done += 1
        return done
