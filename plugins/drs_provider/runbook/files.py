"""Runbooks as files: beside the reports, or in a folder."""

from __future__ import annotations

from dataclasses import dataclass

from drs_provider.runbook.page import page
from drs_provider.runbook.resolved import Runbook
from drs_provider.runbook.script import script
from drs_provider.storage import folder_of


@dataclass(frozen=True)
class WrittenRunbook:
    """Where a runbook is."""

    page: str
    script: str


def write_runbook(runbook: Runbook, folder: str) -> WrittenRunbook:
    """Write page and script as ``<plan>/runbook-<type>.html`` and ``.sh``; the newest replaces the one before.

    :param folder: folder URL of Airflow's object storage, or a path
    :raises Exception: whatever the storage raises
    """
    place = folder_of(folder) / runbook.plan.plan_name
    # Object stores have no folders, and asking one for a folder may ask it for a bucket.
    if place.protocol in {"", "file", "local"}:
        place.mkdir(parents=True, exist_ok=True)
    contents = {"html": page(runbook), "sh": script(runbook)}
    paths = {suffix: place / f"{runbook.stem}.{suffix}" for suffix in contents}
    for suffix, content in contents.items():
        paths[suffix].write_bytes(content.encode("utf-8", "backslashreplace"))
    return WrittenRunbook(page=str(paths["html"]), script=str(paths["sh"]))
