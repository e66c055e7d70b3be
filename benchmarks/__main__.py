"""Run all benchmarks: ``make bench``. Exit code 1 if a limit is exceeded."""

from __future__ import annotations

import sys

from benchmarks import history, plans, simulator
from benchmarks.figures import print_figures


def main() -> int:
    """Measure everything and print it."""
    exceeded = 0
    # The simulator first: the peak memory of a new process is never below its parent's size at the fork.
    for title, module in (("simulator", simulator), ("plans", plans), ("execution history", history)):
        print(f"-- {title}", flush=True)
        exceeded += print_figures(module.figures())
    return 1 if exceeded else 0


if __name__ == "__main__":
    sys.exit(main())
