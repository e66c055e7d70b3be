"""Many short executions on one real stack, each with faults drawn from a seed, and checks of what must always hold.

Stands beside the provider package, on top of :mod:`embedded`; nothing imports it but its tests.
"""

import embedded as _embedded  # makes the provider package importable from this checkout

__all__: list[str] = []
del _embedded
