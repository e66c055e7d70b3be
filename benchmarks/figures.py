"""Printing figures with their limits, and the percentile that they are given as."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

Figure = tuple[str, float, float, str]
"""Name, figure, limit and unit of a measurement."""


def print_figures(figures: Iterable[Figure]) -> int:
    """Print each figure as it comes, and return how many exceed their limit."""
    exceeded = 0
    for name, figure, limit, unit in figures:
        good = figure <= limit
        exceeded += not good
        verdict = "ok" if good else "EXCEEDED"
        print(f"{name:<52} {figure:8.2f} {unit:<5} limit {limit:g} {verdict}", flush=True)
    return exceeded


def p95(seconds: Sequence[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(seconds, n=20)[-1]
