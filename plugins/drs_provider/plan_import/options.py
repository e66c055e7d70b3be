"""What the importer must be told, because no export says it: connections, roles, the connection's own account."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from drs_provider.core.account import AwsTarget

_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_FORM: Final = "write ACCOUNT=ROLE or ACCOUNT=own, then optional ,external_id=… ,connection=… ,region=…"


class OptionError(ValueError):
    """An option cannot be read; the message names it and the right form."""


@dataclass(frozen=True, slots=True)
class AccountOption:
    """How to reach one AWS account; wins over what the sources say.

    :param account_id: 12 digits
    :param role: name of the role to assume, or None
    :param own_account: True if the connection itself belongs to the account
    :param external_id: external ID that the role asks for, or None
    :param connection: Airflow connection of this account, or None for the common one
    :param region: Region of groups that name none, or None for the common one
    """

    account_id: str
    role: str | None = None
    own_account: bool = False
    external_id: str | None = None
    connection: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the importer is told beside its sources.

    :param connection: Airflow connection (type ``aws``) of every account that has none of its own
    :param accounts: how to reach single accounts
    :param account_id: account of protection groups that name none, or None
    :param region: Region of protection groups that name none, or None
    :param only: names or ids of the plans to import; empty for all
    :param library: name of the file (without suffix) for protection groups of several plans, or of none
    """

    connection: str | None = None
    accounts: tuple[AccountOption, ...] = ()
    account_id: str | None = None
    region: str | None = None
    only: tuple[str, ...] = ()
    library: str = "imported_groups"

    def account(self, account_id: str) -> AccountOption | None:
        """Return what the options say of an account, or None."""
        return next((option for option in self.accounts if option.account_id == account_id), None)


def account_option(target: AwsTarget) -> AccountOption:
    """Return the account option of a target; for native plans that were read through it."""
    return AccountOption(
        target.account_id,
        target.role,
        target.own_account,
        target.external_id,
        target.connection,
        target.region,
    )


def parse_account(text: str) -> AccountOption:
    """Return the account option of a command line's text.

    ``222233334444=DRSOrchestrationRole``, ``222233334444=DRSOrchestrationRole,external_id=erp-dr-7f3a``,
    ``111122223333=own``, ``111122223333=own,connection=aws_dr,region=eu-west-1``.

    :raises OptionError: if the text has another form
    """
    account_id, _, rest = text.partition("=")
    way, *settings = [part.strip() for part in rest.split(",")]
    if not _ACCOUNT.fullmatch(account_id.strip()) or not way or "=" in way:
        raise OptionError(f"account option `{text}` cannot be read: {_FORM}")
    values = _settings(text, settings)
    own = way == "own"
    if own and "external_id" in values:
        raise OptionError(f"account option `{text}`: external_id does nothing without a role; remove it")
    return AccountOption(account_id=account_id.strip(), role=None if own else way, own_account=own, **values)


def _settings(text: str, settings: list[str]) -> Mapping[str, str]:
    values: dict[str, str] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name not in ("external_id", "connection", "region") or not value or name in values:
            raise OptionError(f"account option `{text}`: `{setting}` cannot be read: {_FORM}")
        values[name] = value
    return values
