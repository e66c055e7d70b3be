"""Operations on source servers and their points in time."""

from __future__ import annotations

from typing import Any

from drs_simulator.engine.context import Call
from drs_simulator.engine.entities import SourceServer
from drs_simulator.engine.errors import conflict, invalid, not_found
from drs_simulator.engine.ids import digest_uuid
from drs_simulator.engine.pages import answer, page
from drs_simulator.engine.snapshots import Snapshot, snapshots_of
from drs_simulator.engine.times import parse_stamp
from drs_simulator.engine.views import snapshot_view, source_server_view


def initialize_service(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """Make DRS usable in this Region; doing so twice is no error."""
    del params
    call.state.initialized = True
    return {}


def describe_source_servers(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """Source servers by id, hardware id or staging account; no filter means all."""
    filters = params.get("filters") or {}
    servers = [s for s in _by_ids(call, filters.get("sourceServerIDs")) if _matches(s, filters)]
    chosen, token = page(
        servers, lambda s: s.server_id, params, default_size=call.state.page_size, name="servers"
    )
    return answer("items", [source_server_view(call.state, s, call.now) for s in chosen], token)


def _by_ids(call: Call, ids: list[str] | None) -> list[SourceServer]:
    servers = call.state.servers
    wanted = [servers[i] for i in set(ids) if i in servers] if ids else list(servers.values())
    return sorted(wanted, key=lambda s: s.server_id)


def _matches(server: SourceServer, filters: dict[str, Any]) -> bool:
    hardware = filters.get("hardwareId")
    accounts = filters.get("stagingAccountIDs")
    if hardware and hardware != digest_uuid(server.server_id):
        return False
    return not accounts or server.spec.staging_account in accounts


def describe_recovery_snapshots(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """Points in time of one server, by their ``expectedTimestamp``; newest first with order DESC."""
    server = find_server(call, params["sourceServerID"])
    filters = params.get("filters") or {}
    low = _moment(filters, "fromDateTime", float("-inf"))
    high = _moment(filters, "toDateTime", float("inf"))
    sign = -1.0 if params.get("order") == "DESC" else 1.0

    def sort_key(snapshot: Snapshot) -> float:
        return sign * snapshot.expected_at

    found = sorted((s for s in snapshots_of(server, call.now) if low <= s.expected_at <= high), key=sort_key)
    name = "snapshots-desc" if sign < 0 else "snapshots-asc"
    chosen, token = page(found, sort_key, params, default_size=call.state.page_size, name=name)
    return answer("items", [snapshot_view(s) for s in chosen], token)


def disconnect_source_server(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """End the replication of a server, which is DISCONNECTED at once; refused while it has a recovery instance."""
    server = find_server(call, params["sourceServerID"])
    if server.busy_with or server.recovery_instance_id:
        why = "is being processed by a job" if server.busy_with else "has a recovery instance"
        raise conflict(f"The source server {why}.", server.server_id, "SourceServer")
    server.spec = server.spec.model_copy(update={"replication": "DISCONNECTED", "replication_error": None})
    return source_server_view(call.state, server, call.now)


def list_staging_accounts(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """Accounts whose servers are extended into this one."""
    accounts = sorted({s.spec.staging_account for s in call.state.servers.values() if s.spec.staging_account})
    chosen, token = page(accounts, str, params, default_size=50, name="staging")
    return answer("accounts", [{"accountID": account} for account in chosen], token)


def find_server(call: Call, server_id: str) -> SourceServer:
    """A source server of the Region. ResourceNotFoundException if there is none of this id."""
    server = call.state.servers.get(server_id)
    if server is None:
        raise not_found("SourceServer", server_id)
    return server


def _moment(filters: dict[str, Any], name: str, default: float) -> float:
    text = filters.get(name)
    if not text:
        return default
    try:
        return parse_stamp(text)
    except ValueError as error:
        raise invalid(f"Malformed {name}", (f"filters.{name}", "not an ISO 8601 time")) from error
