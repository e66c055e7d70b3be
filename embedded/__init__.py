"""The embedded stack: Airflow's processes and the simulator of AWS on one machine, for drills and tests.

Stands beside the provider package: it starts what users install, it is no part of it. The launcher reads
plans and records with the package's own code, from the folder that Airflow mounts.
"""

import sys
from pathlib import Path

_PLUGINS = str(Path(__file__).resolve().parent.parent / "plugins")
if _PLUGINS not in sys.path:
    sys.path.insert(0, _PLUGINS)
