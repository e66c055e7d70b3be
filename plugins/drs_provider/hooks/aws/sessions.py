"""Sessions of a target's role, and the merging of client configurations."""

from __future__ import annotations

from typing import Any

import boto3.session
import botocore.session
from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from botocore.loaders import create_loader

from drs_provider.core.events import Event
from drs_provider.hooks.aws.credentials import ExplainedCredentials
from drs_provider.hooks.aws.errors import required_member
from drs_provider.hooks.aws.identity import Proof
from drs_provider.hooks.aws.timeline import tell
from drs_provider.partitions import role_arn

_shared_loader: Any = create_loader()


def share_service_models(session: boto3.session.Session) -> None:
    """Let a session use the service models that this process has parsed already.

    By default every session parses them for itself: hundreds of milliseconds in which no other thread runs,
    the triggerer's event loop included, and megabytes that stay.
    """
    session._session.register_component("data_loader", _shared_loader)


def session_of_person() -> boto3.session.Session:
    """Return a session of whoever runs this process, for their own login; nothing in a target is done with it."""
    return boto3.session.Session()


def explain_renewals(session: boto3.session.Session, proof: Proof) -> None:
    """Let a session's credentials, whenever they are renewed, fail with this provider's errors.

    :raises BotoCoreError: if they cannot be had
    """
    if credentials := session.get_credentials():
        # botocore has no public way to set such credentials; the Amazon provider does the same.
        session._session._credentials = ExplainedCredentials(credentials, proof.explained)


class TargetRole:
    """Assumes a target's role with the credentials of its connection, again whenever they expire.

    :param source: session of the connection, including the connection's own role if it has one
    :param proof: explains why the role cannot be assumed
    :param session_name: role session name, carries the execution id
    :param client_arguments: endpoint, configuration and certificate check of the STS client
    :raises ValueError: if the target is its connection's own account
    """

    def __init__(
        self,
        source: boto3.session.Session,
        proof: Proof,
        session_name: str,
        client_arguments: dict[str, Any],
    ) -> None:
        target = proof.target
        arn = role_arn(target)
        if arn is None:
            raise ValueError(f"target {target.name!r} is its connection's own account: no role is assumed")
        self._role_arn = arn
        self._proof = proof
        self._target = target
        explain_renewals(source, proof)
        self._sts = source.client("sts", region_name=target.region, **client_arguments)
        self._arguments = {"RoleArn": arn, "RoleSessionName": session_name}
        if target.external_id:
            self._arguments["ExternalId"] = target.external_id

    def session(self) -> boto3.session.Session:
        """Return a session of the role; its credentials renew themselves.

        :raises DrsIdentityError: if STS denies the role
        :raises DrsIdentityUnprovenError: if it cannot be assumed now
        """
        inner = botocore.session.get_session()
        inner._credentials = RefreshableCredentials.create_from_metadata(
            metadata=self.credentials(), refresh_using=self.credentials, method="sts-assume-role"
        )
        session = boto3.session.Session(botocore_session=inner, region_name=self._target.region)
        share_service_models(session)
        return session

    def credentials(self) -> dict[str, Any]:
        """Assume the role and return credentials in the form that botocore renews them from.

        :raises DrsIdentityError: if STS denies it
        :raises DrsIdentityUnprovenError: if it cannot be assumed now
        """
        with self._proof.explained(self._role_arn):
            answer = self._sts.assume_role(**self._arguments)
            credentials = required_member(answer, "Credentials", "AssumeRole")
        tell(
            self._arguments["RoleSessionName"],
            Event.ROLE_ASSUMED,
            accountId=self._target.account_id,
            region=self._target.region,
            roleArn=self._role_arn,
            sessionName=self._arguments["RoleSessionName"],
            expires=credentials["Expiration"].isoformat(),
        )
        return {
            "access_key": credentials["AccessKeyId"],
            "secret_key": credentials["SecretAccessKey"],
            "token": credentials["SessionToken"],
            "expiry_time": credentials["Expiration"].isoformat(),
        }


def merged_config(*configs: Config | None) -> Config:
    """Merge client configurations, later ones winning; ``retries`` are merged key by key.

    :func:`botocore.config.Config.merge` replaces ``retries`` as a whole, so that a connection that only sets
    the number of attempts would lose the mode.
    """
    merged = Config()
    retries: dict[str, Any] = {}
    for config in configs:
        if config is None:
            continue
        own = dict(getattr(config, "retries", None) or {})
        if own.keys() & {"max_attempts", "total_max_attempts"}:
            retries.pop("max_attempts", None)
            retries.pop("total_max_attempts", None)
        retries.update(own)
        merged = merged.merge(config)
    return merged.merge(Config(retries=retries)) if retries else merged
