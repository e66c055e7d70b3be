"""The servers of an execution: filtered, searched, sorted, one page of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from drs_provider.airflow_rest.client import Api
from drs_provider.rules.record.schema import without_empty
from drs_provider.snapshot.server_rows import Row
from drs_provider.web.looks import look

_SEARCHED: Final = ("sourceServerId", "name", "instanceId", "privateIp", "error")


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    :param sort: a field of a row, with ``-`` before it for descending; empty: as the plan has them
    """

    offset: int
    limit: int
    wave: int | None = None
    state: str = ""
    search: str = ""
    sort: str = ""


def read(api: Api, dag_id: str, run_id: str, wanted: Wanted) -> dict[str, Any]:
    """Return the servers asked for, how many there are of them, and how many of all are in each state.

    :raises RefusedError: if there is no such execution, or the caller may not see it
    """
    with look(api, dag_id, run_id) as seen:
        names = {wave.number: wave.name for wave in seen.snapshot.waves}
        rows = [
            shown(row, number, names.get(number, ""))
            for number, servers in seen.servers.items()
            for row in servers
        ]
    return page(rows, wanted)


def page(rows: Sequence[Mapping[str, Any]], wanted: Wanted) -> dict[str, Any]:
    """Return a page of rows as :func:`shown` has them."""
    found = [row for row in rows if _fits(row, wanted)]
    if field := wanted.sort.removeprefix("-"):
        known = [row for row in found if row.get(field) is not None]
        known.sort(key=lambda row: _comparable(row[field]), reverse=wanted.sort.startswith("-"))
        found = [*known, *(row for row in found if row.get(field) is None)]
    return {
        "servers": found[wanted.offset : wanted.offset + wanted.limit],
        "total": len(found),
        "states": dict(sorted(Counter(str(row["state"]) for row in rows).items())),
    }


def _comparable(value: Any) -> tuple[bool, Any]:
    """Return what sorts numbers before texts."""
    return (False, value) if isinstance(value, int | float) else (True, str(value).lower())


def _fits(row: Mapping[str, Any], wanted: Wanted) -> bool:
    if wanted.wave not in (None, row["wave"]) or wanted.state not in ("", row["state"]):
        return False
    word = wanted.search.strip().lower()
    return not word or any(word in str(row.get(name, "")).lower() for name in _SEARCHED)


def shown(row: Row, number: int, wave_name: str) -> dict[str, Any]:
    """Return a server's row as the page has it."""
    phases = row.get("phases") or ()
    return without_empty(
        {
            "sourceServerId": str(row["sourceServerId"]),
            "name": row.get("serverName"),
            "wave": number,
            "waveName": wave_name,
            "state": str(row.get("launchStatus") or "PENDING"),
            "phase": phases[-1].get("name") if phases else None,
            "critical": row.get("critical"),
            "instanceId": row.get("instanceId"),
            "instanceType": row.get("instanceType"),
            "privateIp": row.get("privateIp"),
            "launchTime": row.get("launchTime") or row.get("launchedTime"),
            "error": row.get("error"),
        }
    )
