"""Operations on tags of source servers, jobs and recovery instances."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drs_simulator.engine.context import Call
from drs_simulator.engine.entities import Job, RecoveryInstance, SourceServer
from drs_simulator.engine.errors import not_found

Tagged = SourceServer | Job | RecoveryInstance


def tag_resource(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """Add tags, or replace their values."""
    resource = _find(call, params["resourceArn"])
    resource.tags.update(params["tags"])
    _changed(resource)
    return {}


def untag_resource(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """Remove tags; keys that are not there are no error."""
    resource = _find(call, params["resourceArn"])
    for key in params["tagKeys"]:
        resource.tags.pop(key, None)
    _changed(resource)
    return {}


def list_tags_for_resource(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """The tags of a resource."""
    return {"tags": dict(_find(call, params["resourceArn"]).tags)}


def _changed(resource: Tagged) -> None:
    if isinstance(resource, Job):
        resource.touch()


def _find(call: Call, arn: str) -> Tagged:
    kind, _, resource_id = arn.rpartition(":")[2].partition("/")
    for resource in _candidates(call, kind, resource_id):
        if resource is not None and resource.arn == arn:
            return resource
    raise not_found("Resource", arn)


def _candidates(call: Call, kind: str, resource_id: str) -> Iterator[Tagged | None]:
    if kind == "source-server":
        yield call.state.servers.get(resource_id)
    elif kind == "job":
        yield call.state.jobs.get(resource_id)
    elif kind == "recovery-instance":
        yield call.state.instances.get(resource_id)
