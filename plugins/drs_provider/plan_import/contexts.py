"""Where records say that servers are: account, Region, role; in the forms that the other system has used."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from drs_provider.plan_import.fields import Fields
from drs_provider.plan_import.journal import Refusal

_ROLE_ARN: Final = re.compile(r"arn:[a-z-]+:iam::(?P<account>[0-9]{12}):role/(?P<role>.+)")
_ACCOUNT: Final = ("accountid", "targetaccountid", "awsaccountid")
_ROLE: Final = (
    "rolearn",
    "crossaccountrolearn",
    "assumerolearn",
    "assumerolename",
    "rolename",
    "crossaccountrole",
)
_OWN: Final = ("iscurrentaccount", "iscurrent")


@dataclass(frozen=True, slots=True)
class Context:
    """An account context as a record gives it; None where it does not say.

    :param own: True if the other system ran in this account, False if it said that it did not
    """

    account_id: str | None = None
    region: str | None = None
    role: str | None = None
    external_id: str | None = None
    own: bool | None = None

    def or_else(self, other: Context) -> Context:
        """Return this context, completed by another one; a role of another account completes nothing."""
        same = other.account_id in (None, self.account_id) or self.account_id is None
        return Context(
            self.account_id or other.account_id,
            self.region or other.region,
            self.role or (other.role if same else None),
            self.external_id or (other.external_id if same else None),
            self.own if self.own is not None else (other.own if same else None),
        )


def flag(value: Any) -> bool | None:
    """Return a yes or no of any form, or None if it is neither."""
    if isinstance(value, bool):
        return value
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
        str(value).strip().casefold()
    )


def read_context(record: Fields) -> Context:
    """Return the account context of a record, from its own fields and from a nested ``accountContext``.

    :raises Refusal: if the record contradicts itself
    """
    context = _own_fields(record)
    nested = record.child("accountcontext", "targetaccount")
    if nested is None:
        return context
    inner = _own_fields(nested)
    for name in ("account_id", "region"):
        ours, theirs = getattr(context, name), getattr(inner, name)
        if ours and theirs and ours != theirs:
            raise Refusal(
                f"{record.place()} says {name} {ours}, but its account context {theirs}: correct the export"
            )
    return context.or_else(inner)


def _own_fields(record: Fields) -> Context:
    account_id = _account_id(record.take(*_ACCOUNT))
    role_text = record.take(*_ROLE)
    role, role_account = _role(role_text)
    if role_account and account_id and role_account != account_id:
        raise Refusal(
            f"{record.place()} says account {account_id}, but its role {role_text} is in account {role_account}: "
            "correct the export"
        )
    own = record.take(*_OWN)
    return Context(
        account_id or role_account,
        _text(record.take("region", "awsregion", "targetregion")),
        role,
        _text(record.take("externalid")),
        None if own is None else flag(own),
    )


def _account_id(value: Any) -> str | None:
    # DynamoDB numbers have no leading zeros.
    return f"{value:012d}" if isinstance(value, int) else _text(value)


def _text(value: Any) -> str | None:
    return None if value is None else str(value).strip() or None


def _role(value: Any) -> tuple[str | None, str | None]:
    """Return role name and account of a role's name or ARN."""
    text = _text(value)
    match = _ROLE_ARN.fullmatch(text or "")
    return (match["role"], match["account"]) if match else (text, None)
