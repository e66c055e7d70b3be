"""The account context: which account, Region, connection and role an AWS call is made with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")


@dataclass(frozen=True)
class AwsTarget:
    """Account, Region, connection and role of a set of servers; the key to every AWS client.

    A target is complete or it does not exist: a missing account or a missing role never means "the
    current account".

    :param name: the target's key in the plan
    :param connection: Airflow connection id (type ``aws``)
    :param account_id: the 12-digit account that ``GetCallerIdentity`` must confirm
    :param region: recovery Region, where DRS is called
    :param own_account: True if the connection itself belongs to the account, so no role is assumed
    :param role: name of the role to assume in the account; exactly one of this and ``own_account``
    :param external_id: external ID that the role's trust policy asks for
    :raises ValueError: if a value is missing, malformed or contradicts another
    """

    name: str
    connection: str
    account_id: str
    region: str
    own_account: bool = False
    role: str | None = None
    external_id: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.account_id, str) or not _ACCOUNT_ID.fullmatch(self.account_id):
            raise ValueError(f"target {self.name!r}: account_id must be a text of 12 digits")
        if not self.connection:
            raise ValueError(f"target {self.name!r}: connection must name an Airflow connection")
        if not isinstance(self.region, str) or not _REGION.fullmatch(self.region):
            raise ValueError(f"target {self.name!r}: {self.region!r} is not an AWS Region")
        if self.own_account is bool(self.role):
            raise ValueError(f"target {self.name!r}: give exactly one of own_account: true or role")
        if self.external_id and not self.role:
            raise ValueError(f"target {self.name!r}: external_id has no meaning without role")

    @property
    def key(self) -> tuple[str, str, str]:
        """What AWS clients and pollers are shared by: (connection, account, Region)."""
        return (self.connection, self.account_id, self.region)

    def account_context(self) -> dict[str, Any]:
        """Return the record form (camelCase) that execution records carry."""
        if self.own_account:
            return {"accountId": self.account_id, "isCurrentAccount": True}
        context = {"accountId": self.account_id, "assumeRoleName": self.role, "isCurrentAccount": False}
        if self.external_id:
            context["externalId"] = self.external_id
        return context

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for a trigger or a frozen plan; holds no credentials."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AwsTarget:
        """Build a target from :meth:`to_dict`'s data.

        :raises ValueError: if the data are incomplete or contradictory
        """
        try:
            return cls(**data)
        except TypeError as error:
            raise ValueError(f"account context is incomplete: {error}") from error
