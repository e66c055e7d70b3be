"""DRS quotas of an account and Region, and where the values come from."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drs_provider.exceptions import DrsIncompleteAnswerError
from drs_provider.hooks.clients import AwsClients
from drs_provider.hooks.drs_requests import MAX_SERVERS_PER_START
from drs_provider.hooks.errors import required_member

log = logging.getLogger(__name__)

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
    """

    concurrent_jobs: int = 20
    servers_per_job: int = 100
    servers_in_jobs: int = 500
    jobs_per_server: int = 1
    replicating_servers: int = 300
    source_servers: int = 4000
    source: str = "defaults"

    @property
    def batch_size(self) -> int:
        """The most servers that one StartRecovery may carry: the quota, or the API's own limit of 200."""
        return max(1, min(self.servers_per_job, MAX_SERVERS_PER_START))

    def overridden(self, values: Mapping[str, int]) -> DrsQuotas:
        """Return a copy in which the given values hold.

        :raises ValueError: if a name is no quota, or a value is no positive number
        """
        names = {field.name for field in fields(self)} - {"source"}
        if unknown := sorted(values.keys() - names):
            raise ValueError(f"no such DRS quota: {', '.join(unknown)}; there are {', '.join(sorted(names))}")
        if wrong := sorted(name for name, value in values.items() if value < 1):
            raise ValueError(f"a DRS quota must be a positive number: {', '.join(wrong)}")
        changes: dict[str, Any] = dict(values)
        return replace(self, **changes)


def read_quotas(clients: AwsClients) -> DrsQuotas:
    """Return the account's quotas from Service Quotas, or the defaults with a warning in the log.

    Quotas only pace the jobs; DRS itself enforces them. So a missing right or an unreachable Service Quotas
    does not stop a recovery.
    """
    values: dict[str, Any] = {}
    try:
        paginator = clients.client("service-quotas").get_paginator("list_service_quotas")
        for page in paginator.paginate(ServiceCode="drs"):
            for quota in required_member(page, "Quotas", "ListServiceQuotas"):
                if name := _CODES.get(quota.get("QuotaCode", "")):
                    values[name] = int(quota["Value"])
    except (BotoCoreError, ClientError, DrsIncompleteAnswerError) as error:
        log.warning(
            "DRS quotas of account %s, Region %s cannot be read (%s); the defaults are used: %s",
            clients.target.account_id,
            clients.target.region,
            error,
            DrsQuotas(),
        )
        return DrsQuotas()
    if missing := sorted(set(_CODES.values()) - values.keys()):
        log.warning("Service Quotas lists no %s for DRS; the defaults are used for them", ", ".join(missing))
    return DrsQuotas(**values, source="service-quotas") if values else DrsQuotas()
