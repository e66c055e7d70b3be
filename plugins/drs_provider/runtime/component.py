"""What a component tells of itself: its keys' fingerprints, its clock, its versions; never a key."""

from __future__ import annotations

import socket
import time
from typing import Any

import airflow

from drs_provider import __version__, settings
from drs_provider.core.evidence import fingerprint
from drs_provider.exceptions import DrsConfigurationError


def component_facts(component: str) -> dict[str, Any]:
    """Return the facts of this process.

    :param component: ``worker`` or ``triggerer``: these two read the signing key, no other component does
    """
    facts: dict[str, Any] = {
        "component": component,
        "host": socket.gethostname(),
        "provider": __version__,
        "airflow": airflow.__version__,
        "deploymentId": settings.get("deployment_id"),
        "time": time.time(),
        "keys": [],
    }
    try:
        facts["keys"] = [fingerprint(key) for key in settings.signing_keys()]
    except DrsConfigurationError as error:
        facts["problem"] = str(error)
    return facts
