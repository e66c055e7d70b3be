"""Quotas of an account and Region that a launch meets, and where the values come from."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from math import isfinite
from typing import Any

from drs_provider import settings
from drs_provider.exceptions import DrsConfigurationError, DrsIncompleteAnswerError
from drs_provider.hooks.aws.clients import AwsClients
from drs_provider.hooks.aws.errors import AWS_ERRORS, explained, required_member
from drs_provider.hooks.drs.drs_requests import MAX_SERVERS_PER_START

log = logging.getLogger(__name__)

_PAGE = 100
_CODES = {
    "L-D88FAC3A": "concurrent_jobs",
    "L-B827C881": "servers_per_job",
    "L-05AFA8C6": "servers_in_jobs",
    "L-DD6D028C": "jobs_per_server",
    "L-C1D14A2B": "replicating_servers",
    "L-E28BE5E0": "source_servers",
}


@dataclass(frozen=True)
class DrsQuotas:
    """Quotas of one account and Region; the defaults are AWS's published ones.

    :param concurrent_jobs: jobs at the same time
    :param servers_per_job: source servers in one job
    :param servers_in_jobs: source servers in all jobs together
    :param jobs_per_server: jobs on one source server at the same time
    :param replicating_servers: source servers that replicate
    :param source_servers: source servers in all
    :param source: ``service-quotas`` if the account's own values were read, else ``defaults``
    :param problem: why defaults stand in for some of the account's own values, or empty
    """

    concurrent_jobs: int = 20
    servers_per_job: int = 100
    servers_in_jobs: int = 500
    jobs_per_server: int = 1
    replicating_servers: int = 300
    source_servers: int = 4000
    source: str = "defaults"
    problem: str = field(default="", compare=False)

    @property
    def batch_size(self) -> int:
        """The most servers that one StartRecovery may carry: the quota, or the API's own limit of 200."""
        return max(1, min(self.servers_per_job, MAX_SERVERS_PER_START))

    def overridden(self, values: Mapping[str, int]) -> DrsQuotas:
        """Return a copy in which the given values hold.

        :raises ValueError: if a name is no quota, or a value is no positive number
        """
        names = {item.name for item in fields(self)} - {"source", "problem"}
        if unknown := sorted(values.keys() - names):
            raise ValueError(f"no such DRS quota: {', '.join(unknown)}; there are {', '.join(sorted(names))}")
        if wrong := sorted(name for name, value in values.items() if value < 1):
            raise ValueError(f"a DRS quota must be a positive number: {', '.join(wrong)}")
        changes: dict[str, Any] = dict(values)
        return replace(self, **changes)


def read_quotas(clients: AwsClients) -> DrsQuotas:
    """Return the account's quotas from Service Quotas, or the defaults with a warning in the log.

    Quotas only pace the jobs; DRS itself enforces them. So a missing right or an unreachable Service Quotas
    does not stop a recovery. What ``[drs] quotas`` says for the account and Region holds in any case.

    :raises DrsConfigurationError: if ``[drs] quotas`` cannot be used
    """
    configured = settings.quota_overrides(clients.target.account_id, clients.target.region)
    try:
        return _account_quotas(clients).overridden(configured)
    except ValueError as error:
        raise DrsConfigurationError(f"[drs] quotas: {error}") from error


def _account_quotas(clients: AwsClients) -> DrsQuotas:
    values: dict[str, Any] = {}
    try:
        for code, value in _listed(clients, "drs").items():
            # A quota below 1 would let nothing start, and DRS would say so itself.
            if (name := _CODES.get(code)) and value >= 1:
                values[name] = int(value)
    except (*AWS_ERRORS, DrsIncompleteAnswerError) as error:
        log.warning(
            "DRS quotas of account %s, Region %s cannot be read (%s); the defaults are used: %s",
            clients.target.account_id,
            clients.target.region,
            error,
            DrsQuotas(),
        )
        return DrsQuotas(problem=str(error))
    if missing := sorted(set(_CODES.values()) - values.keys()):
        names = ", ".join(missing)
        log.warning("Service Quotas lists no %s for DRS; the defaults are used for them", names)
        return DrsQuotas(
            **values,
            source="service-quotas" if values else "defaults",
            problem=f"ListServiceQuotas lists no {names} for DRS",
        )
    return DrsQuotas(**values, source="service-quotas")


def read_ec2_quotas(clients: AwsClients) -> dict[str, float]:
    """Return the account's EC2 quotas by quota code.

    :raises DrsAccessDeniedError: if the identity may not list them
    :raises DrsIncompleteAnswerError: for a cut-off answer; other errors of botocore pass through
    """
    with explained(clients.target, clients.caller_arn):
        return _listed(clients, "ec2")


def _listed(clients: AwsClients, service_code: str) -> dict[str, float]:
    """Return a service's applied quotas by code; those that are measured per resource are not among them."""
    values: dict[str, float] = {}
    # Quotas only pace: where Service Quotas does not answer, a recovery does not wait for it.
    paginator = clients.impatient_client("service-quotas").get_paginator("list_service_quotas")
    for page in paginator.paginate(ServiceCode=service_code, PaginationConfig={"PageSize": _PAGE}):
        for quota in required_member(page, "Quotas", "ListServiceQuotas"):
            value, code = quota.get("Value"), quota.get("QuotaCode")
            if code and isinstance(value, (int, float)) and isfinite(value):
                values[code] = float(value)
    return values
