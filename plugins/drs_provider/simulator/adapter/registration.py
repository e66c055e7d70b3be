"""How moto gets to know DRS: two entries in its tables, no function patched."""

from __future__ import annotations

import importlib
import re
import sys

import moto.backend_index

_ENTRY = ("drs", re.compile(r"https?://drs\.(.+)\.amazonaws\.com"))


def register() -> None:
    """Tell moto about DRS; doing so twice changes nothing."""
    # By name: moto looks the backend module up in sys.modules, and the cycle ends here.
    sys.modules["moto.drs"] = importlib.import_module("drs_provider.simulator.adapter.models")
    if _ENTRY not in moto.backend_index.backend_url_patterns:
        moto.backend_index.backend_url_patterns.append(_ENTRY)
