"""How moto gets to know DRS: two entries in its tables, no function patched."""

from __future__ import annotations

import re
import sys

import moto.backend_index

from drs_simulator.adapter import models

_ENTRY = ("drs", re.compile(r"https?://drs\.(.+)\.amazonaws\.com"))


def register() -> None:
    """Tell moto about DRS; doing so twice changes nothing."""
    # moto looks for a module of that name.
    sys.modules["moto.drs"] = models
    if _ENTRY not in moto.backend_index.backend_url_patterns:
        moto.backend_index.backend_url_patterns.append(_ENTRY)
