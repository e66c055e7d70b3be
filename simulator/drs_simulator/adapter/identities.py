"""Access keys and roles of the scenario's accounts, in moto's IAM and STS; roles that are made there later, too.

Every account has one user, ``simulator``, whose access key id is ``AKIA<account id>DRSS``; any secret does.
Another key is unknown, or with ``any_key`` one more key of the first account's user.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from moto.iam.models import AccessKey, IAMBackend, Role, iam_backends
from moto.sts.models import sts_backends

from drs_simulator.engine.entities import Caller
from drs_simulator.engine.errors import DrsError
from drs_simulator.scenario import RoleSpec, Scenario

UNKNOWN_TOKEN = "The security token included in the request is invalid."
USER = "simulator"
SECRET_KEY = "simulator-does-not-check-secrets"
_PARTITION = "aws"
_TEMPORARY = "ASIA"
_KEY_UNREAD_BY_MOTO = "AKIAEXAMPLE"
"""What moto takes for the key of a request whose key does not look like one of AWS's."""
_CHAINED_SECONDS = 3600
_NEEDS_NO_RIGHT = "sts:GetCallerIdentity"


def access_key_id(account_id: str) -> str:
    """The access key id of an account of the scenario."""
    return f"AKIA{account_id}DRSS"


class Identities:
    """Who calls: by access key."""

    def __init__(self, scenario: Scenario, *, any_key: bool = False) -> None:
        self._scenario = scenario
        self._any_key = any_key
        self._callers: dict[str, Caller] = {}
        for account_id in scenario.accounts:
            _add_user(account_id)
            for name, role in scenario.accounts[account_id].roles.items():
                _add_role(account_id, name, role)
        if any_key:
            self._adopt(_KEY_UNREAD_BY_MOTO)

    def find(self, key: str | None) -> Caller | None:
        """The caller of an access key, None for a key that was never given out."""
        if key is None:
            return None
        if key not in self._callers:
            caller = self._look_up(key)
            if caller is None and self._any_key and not key.startswith(_TEMPORARY):
                self._adopt(key)
                caller = self._look_up(key)
            if caller is None:
                return None
            self._callers[key] = caller
        return self._callers[key]

    def end_sessions(self, now: float) -> int:
        """End all sessions of assumed roles that were given out so far; returns how many.

        :param now: wall time, epoch seconds
        """
        roles = [role for backends in sts_backends.values() for role in backends[_PARTITION].assumed_roles]
        open_ones = [role for role in roles if role.expiration.replace(tzinfo=UTC).timestamp() > now]
        for role in open_ones:
            role.expiration = datetime.fromtimestamp(now, UTC).replace(tzinfo=None)
            self._callers.pop(role.access_key_id, None)
        return len(open_ones)

    def caller(self, key: str | None) -> Caller:
        """As :meth:`find`; UnrecognizedClientException for an unknown key."""
        found = self.find(key)
        if found is None:
            raise DrsError("UnrecognizedClientException", UNKNOWN_TOKEN)
        return found

    def principal(self, arn: str) -> Caller | None:
        """A user or role by its ARN; None if there is no such principal."""
        account_id, _, resource = arn.removeprefix("arn:aws:iam::").partition(":")
        account = self._scenario.accounts.get(account_id)
        kind, _, name = resource.rpartition("/")
        if account is not None and (kind, name) == ("user", USER):
            return Caller("", arn, None, account.deny)
        if not kind.startswith("role") or _role(account_id, name) is None:
            return None
        denied, allowed = self._rights_of_role(account_id, name)
        return Caller("", arn, None, denied, allowed=allowed)

    def refuse_assume_role(
        self, caller: Caller, role_arn: str, external_id: str | None, seconds: int
    ) -> DrsError | None:
        """Why the caller may not assume the role, None if it may."""
        account_id, _, name = role_arn.removeprefix("arn:aws:iam::").partition(":role/")
        role = _role(account_id, name.rpartition("/")[2])
        if role is None or not _trusts(role, caller, external_id):
            return DrsError(
                "AccessDenied",
                f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}",
            )
        if caller.session_name is not None and seconds > _CHAINED_SECONDS:
            return DrsError(
                "ValidationError",
                "The requested DurationSeconds exceeds the 1 hour session limit of role chaining",
            )
        return None

    def _adopt(self, key: str) -> None:
        backend = iam_backends[next(iter(self._scenario.accounts))][_PARTITION]
        _add_key(backend, backend.get_user(USER).create_access_key(prefix="AKIA"), key)

    def _look_up(self, key: str) -> Caller | None:
        for account_id, backends in list(iam_backends.items()):
            known: AccessKey | None = backends[_PARTITION].access_keys.get(key)
            if known is not None:
                return self._describe(account_id, known)
        return None

    def _describe(self, account_id: str, key: AccessKey) -> Caller:
        account = self._scenario.accounts.get(account_id)
        if key.role_arn is None:
            denied = account.deny if account else ()
            return Caller(account_id, f"arn:aws:iam::{account_id}:user/{key.user_name}", None, denied)
        name = key.role_arn.rpartition("/")[2]
        session, expires_at = _session(account_id, key.access_key_id)
        arn = f"arn:aws:sts::{account_id}:assumed-role/{name}/{session}"
        denied, allowed = self._rights_of_role(account_id, name)
        return Caller(account_id, arn, session, denied, expires_at, allowed)

    def _rights_of_role(self, account_id: str, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What a role is denied, and what it may do at most."""
        account = self._scenario.accounts.get(account_id)
        if account and (spec := account.roles.get(name)):
            return spec.deny, ("*",)
        return (), _allowed(_role(account_id, name))


def _role(account_id: str, name: str) -> Role | None:
    roles = iam_backends[account_id][_PARTITION].roles.values() if account_id in iam_backends else ()
    found: Role | None = next((role for role in roles if role.name == name), None)
    return found


def _allowed(role: Role | None) -> tuple[str, ...]:
    """What a role's inline policies allow, on any resource and under any condition."""
    documents = role.policies.values() if role else ()
    statements = [row for document in documents for row in _list(json.loads(document)["Statement"])]
    allowed = (action for row in statements if row["Effect"] == "Allow" for action in _list(row["Action"]))
    return (_NEEDS_NO_RIGHT, *allowed)


def _trusts(role: Role, caller: Caller, external_id: str | None) -> bool:
    """Whether a role's trust policy names the caller, and the external ID that is asked for."""
    principals = {caller.account_id, f"arn:aws:iam::{caller.account_id}:root", caller.arn}
    for row in _list(json.loads(role.assume_role_policy_document)["Statement"]):
        wanted = row.get("Condition", {}).get("StringEquals", {}).get("sts:ExternalId")
        if not principals.isdisjoint(_list(row["Principal"].get("AWS", []))) and wanted in {
            None,
            external_id,
        }:
            return True
    return False


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _session(account_id: str, key: str) -> tuple[str, float | None]:
    for role in reversed(sts_backends[account_id][_PARTITION].assumed_roles):
        if role.access_key_id == key:
            return str(role.session_name), role.expiration.replace(tzinfo=UTC).timestamp()
    return "", None


def _add_user(account_id: str) -> None:
    backend = iam_backends[account_id][_PARTITION]
    user = backend.create_user("us-east-1", USER)
    _add_key(backend, user.create_access_key(prefix="AKIA"), access_key_id(account_id))


def _add_key(backend: IAMBackend, key: AccessKey, key_id: str) -> None:
    key.access_key_id = key_id
    key.secret_access_key = SECRET_KEY
    backend.access_keys[key_id] = key


def _add_role(account_id: str, name: str, role: RoleSpec) -> None:
    principals = [p if p.startswith("arn:") else f"arn:aws:iam::{p}:root" for p in role.trusts]
    statement = {"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "sts:AssumeRole"}
    if role.external_id is not None:
        statement["Condition"] = {"StringEquals": {"sts:ExternalId": role.external_id}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam_backends[account_id][_PARTITION].create_role(
        name, document, "/", None, "", [], "3600", linked_service=None
    )
