"""Quotas of DRS in an account and Region, and what StartRecovery takes at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

#: StartRecovery takes no more servers than this, whatever the quota says (source: botocore's model of DRS).
MAX_SERVERS_PER_START: Final = 200
_NO_QUOTA = ("source", "problem")


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
    :raises ValueError: if one is smaller than 1
    """

    concurrent_jobs: int = 20
    servers_per_job: int = 100
    servers_in_jobs: int = 500
    jobs_per_server: int = 1
    replicating_servers: int = 300
    source_servers: int = 4000
    source: str = "defaults"
    problem: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if wrong := sorted(name for name in self._names() if getattr(self, name) < 1):
            raise ValueError(f"a DRS quota must be a positive number: {', '.join(wrong)}")

    @property
    def batch_size(self) -> int:
        """The most servers that one StartRecovery may carry: the quota, or the API's own limit of 200."""
        return min(self.servers_per_job, MAX_SERVERS_PER_START)

    def overridden(self, values: Mapping[str, int]) -> DrsQuotas:
        """Return a copy in which the given values hold.

        :raises ValueError: if a name is no quota, or a value is no positive number
        """
        names = self._names()
        if unknown := sorted(values.keys() - names):
            raise ValueError(f"no such DRS quota: {', '.join(unknown)}; there are {', '.join(sorted(names))}")
        changes: dict[str, Any] = dict(values)
        return replace(self, **changes)

    @classmethod
    def _names(cls) -> set[str]:
        return {item.name for item in fields(cls)}.difference(_NO_QUOTA)
