"""What Service Quotas says of an account and Region."""

from __future__ import annotations

from math import isfinite

from drs_provider.hooks.aws.clients import AwsClients
from drs_provider.hooks.aws.errors import required_member

_PAGE = 100


def applied_quotas(clients: AwsClients, service_code: str) -> dict[str, float]:
    """Return a service's applied quotas by code; those that are measured per resource are not among them.

    :raises DrsIncompleteAnswerError: for a cut-off answer; errors of botocore pass through
    """
    values: dict[str, float] = {}
    # Quotas only pace: where Service Quotas does not answer, a recovery does not wait for it.
    paginator = clients.fail_fast_client("service-quotas").get_paginator("list_service_quotas")
    for page in paginator.paginate(ServiceCode=service_code, PaginationConfig={"PageSize": _PAGE}):
        for quota in required_member(page, "Quotas", "ListServiceQuotas"):
            value, code = quota.get("Value"), quota.get("QuotaCode")
            if code and isinstance(value, (int, float)) and isfinite(value):
                values[code] = float(value)
    return values
