"""The requests that the synchronous and the asynchronous DRS API share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from drs_provider.hooks.aws.chunks import chunks

MAX_JOB_IDS = 1000
MAX_SERVER_IDS = 200
MAX_INSTANCE_IDS = 200
MAX_PAGE_ROWS = 1000
"""DRS documents no maximum for most of its lists (the model says: at least 1), and this one for the others, as for the
same lists of Application Migration Service; Steampipe's tables of DRS ask for as many."""


def jobs_by_id(job_ids: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield DescribeJobs requests for the given jobs; none for no ids."""
    for chunk in chunks(job_ids, MAX_JOB_IDS):
        yield {"filters": {"jobIDs": chunk}}


def servers_by_id(ids: Iterable[str] | None) -> Iterator[dict[str, Any]]:
    """Yield DescribeSourceServers requests: one without filter for None, none for no ids."""
    if ids is None:
        yield {}
        return
    for chunk in chunks(ids, MAX_SERVER_IDS):
        yield {"filters": {"sourceServerIDs": chunk}}


def recovery_instances_by(
    source_server_ids: Iterable[str] | None, instance_ids: Iterable[str] | None
) -> Iterator[dict[str, Any]]:
    """Yield DescribeRecoveryInstances requests: one without filter if both are None, none for no ids.

    :raises ValueError: if both are given
    """
    if source_server_ids is not None and instance_ids is not None:
        raise ValueError("ask for recovery instances by source server ids or by instance ids, not by both")
    if source_server_ids is not None:
        for chunk in chunks(source_server_ids, MAX_SERVER_IDS):
            yield {"filters": {"sourceServerIDs": chunk}}
    elif instance_ids is not None:
        for chunk in chunks(instance_ids, MAX_INSTANCE_IDS):
            yield {"filters": {"recoveryInstanceIDs": chunk}}
    else:
        yield {}


def pages_of(operation: str) -> dict[str, int]:
    """Return the pagination of a list: large pages, since each is a call.

    Jobs come in pages of DRS's own size: one names all its servers, and reading a thousand jobs at once would hold the
    triggerer's event loop up.
    """
    return {} if operation == "describe_jobs" else {"PageSize": MAX_PAGE_ROWS}


def drs_time(epoch_seconds: float) -> str:
    """Return the form that DRS's date filters ask for (UTC, whole seconds, rounded down)."""
    return datetime.fromtimestamp(int(epoch_seconds // 1), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
