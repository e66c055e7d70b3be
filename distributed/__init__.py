"""docker-compose.yaml as processes of one machine, and drills on them while parts of it are killed.

Stands beside the provider package, on top of :mod:`embedded`; nothing imports it but its tests.
"""

import embedded as _embedded  # makes the provider package importable from this checkout

__all__: list[str] = []
del _embedded
