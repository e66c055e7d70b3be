"""DescribeLaunchTemplateVersions of all launch templates, in pages: moto cuts its answer off instead."""

from __future__ import annotations

from typing import Any

from moto.core.serialize import EC2Serializer
from moto.core.utils import get_service_model
from moto.ec2.models import ec2_backends

from drs_simulator.adapter.wire import WireRequest, WireResponse, render_error
from drs_simulator.engine.errors import DrsError

_OPERATION = "DescribeLaunchTemplateVersions"
_DEFAULT_PAGE, _LARGEST_PAGE = 200, 200
_BULK = frozenset({"$Default", "$Latest"})


def asks_for_all_templates(request: WireRequest) -> bool:
    """Whether a request is this operation, about all templates of the account and Region."""
    if (request.service, request.operation) != ("ec2", _OPERATION):
        return False
    named = request.parameter("LaunchTemplateId") or request.parameter("LaunchTemplateName")
    return not named and _BULK.issuperset(_versions(request)) and bool(_versions(request))


def describe_all_templates(request: WireRequest, account_id: str) -> WireResponse:
    """A page of the templates' default or latest versions; ``NextToken`` is where the next one begins."""
    size = int(request.parameter("MaxResults") or _DEFAULT_PAGE)
    if not 1 <= size <= _LARGEST_PAGE:
        text = f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value between 1 and 200."
        return render_error(request, DrsError("InvalidParameterValue", text))
    start = int(request.parameter("NextToken") or 0)
    templates = list(ec2_backends[account_id][request.region].launch_templates.values())
    rows = [
        _row(template, template.get_version(version))
        for template in templates[start : start + size]
        for version in _versions(request)
    ]
    result: dict[str, Any] = {"LaunchTemplateVersions": rows}
    if start + size < len(templates):
        result["NextToken"] = str(start + size)
    answer = EC2Serializer(get_service_model("ec2").operation_model(_OPERATION)).serialize(result)
    body = answer["body"]
    return WireResponse(200, {"Content-Type": "text/xml"}, body.encode() if isinstance(body, str) else body)


def _versions(request: WireRequest) -> list[str]:
    return [values[0] for name, values in request.form.items() if name.startswith("LaunchTemplateVersion.")]


def _row(template: Any, version: Any) -> dict[str, Any]:
    return {
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "VersionNumber": version.number,
        "VersionDescription": version.description,
        "CreateTime": version.create_time,
        "DefaultVersion": template.is_default(version),
        "LaunchTemplateData": version.data,
    }
