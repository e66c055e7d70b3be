"""How often each kind of fault was injected, and how often it really struck."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from chaos.spec import Fault


@dataclass
class Tally:
    """Counts, kept by many threads.

    :param injected: executions (or moments) that a fault was meant for
    :param struck: what came of it: processes killed, calls refused, answers lost, jobs hidden
    """

    injected: Counter[Fault] = field(default_factory=Counter)
    struck: Counter[Fault] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def inject(self, fault: Fault) -> None:
        """Count an injection."""
        with self._lock:
            self.injected[fault] += 1

    def strike(self, fault: Fault, times: int = 1) -> None:
        """Count effects."""
        with self._lock:
            self.struck[fault] += times


@dataclass
class Outages:
    """When the history table was down, from all executions' faults together. Times: epoch seconds."""

    _spans: dict[str, list[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, name: str) -> None:
        """Note that an outage begins."""
        with self._lock:
            self._spans[name] = [time.time(), float("inf")]

    def end(self, name: str) -> None:
        """Note that it is over."""
        with self._lock:
            self._spans[name][1] = time.time()

    def overlap(self, since: float, until: float) -> bool:
        """Tell whether the table was down at any time between two moments."""
        with self._lock:
            return any(begin <= until and end >= since for begin, end in self._spans.values())
