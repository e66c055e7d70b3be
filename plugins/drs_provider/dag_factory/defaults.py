"""How this provider's tasks are queued, pooled, prioritized and retried."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from drs_provider import settings


def default_args(priority: int, owner: str) -> dict[str, Any]:
    """Return the ``default_args`` of a plan's DAG.

    A smaller plan priority goes first, so it is subtracted from the configured weight. Retries only reconcile:
    no operator of this provider does anything twice.
    """
    arguments: dict[str, Any] = {
        "owner": owner,
        "retries": 3,
        "retry_delay": timedelta(seconds=20),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=5),
        "pool": settings.get("pool"),
        "priority_weight": max(1, settings.get_int("priority_weight") - priority),
        "weight_rule": "absolute",
    }
    if queue := settings.get("queue"):
        arguments["queue"] = queue
    return arguments
