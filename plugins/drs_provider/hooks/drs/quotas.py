"""Where the DRS quotas of an account and Region come from."""

from __future__ import annotations

import logging
from typing import Any

from drs_provider import settings
from drs_provider.core.quotas import DrsQuotas
from drs_provider.exceptions import DrsConfigurationError, DrsIncompleteAnswerError
from drs_provider.hooks.aws.clients import AwsClients
from drs_provider.hooks.aws.errors import AWS_ERRORS
from drs_provider.hooks.aws.service_quotas import applied_quotas

log = logging.getLogger(__name__)

_CODES = {
    "L-D88FAC3A": "concurrent_jobs",
    "L-B827C881": "servers_per_job",
    "L-05AFA8C6": "servers_in_jobs",
    "L-DD6D028C": "jobs_per_server",
    "L-C1D14A2B": "replicating_servers",
    "L-E28BE5E0": "source_servers",
}


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
        for code, value in applied_quotas(clients, "drs").items():
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
