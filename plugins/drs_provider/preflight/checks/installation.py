"""Checks of what is installed beside this package."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from drs_provider.preflight.findings import Finding
from drs_provider.preflight.scope import RunScope

ASYNC_LIBRARY = "aiobotocore"


def async_library(run: RunScope) -> Iterator[Finding]:
    """Yield a finding if the triggerer could not follow jobs; looked at here, in a worker."""
    if find_spec(ASYNC_LIBRARY) is None:
        yield run.finding(
            "async_library_missing",
            "installation",
            f"{ASYNC_LIBRARY} is not installed in this worker; without it in the triggerer, no wave's jobs can be "
            "followed",
            "Install airflow-provider-drs[async] in every component. If only this worker lacks it, start again with "
            "preflight: warn.",
        )
