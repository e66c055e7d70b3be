"""The hook: an AWS connection that exists, the target's role, and proof of whose account it is."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from functools import cached_property
from typing import Any

import boto3.session
from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook, SessionFactory
from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from botocore.config import Config

from drs_provider import __version__
from drs_provider.core.account import AwsTarget
from drs_provider.core.events import Event
from drs_provider.exceptions import (
    DrsConnectionInvalidError,
    DrsConnectionMissingError,
    DrsIdentityError,
)
from drs_provider.hooks.aws.credentials import never_prompts
from drs_provider.hooks.aws.errors import required_member
from drs_provider.hooks.aws.identity import Proof
from drs_provider.hooks.aws.sessions import TargetRole, explain_renewals, merged_config, share_service_models
from drs_provider.hooks.aws.timeline import tell
from drs_provider.partitions import known_partition

DEFAULT_CONFIG = Config(
    connect_timeout=10,
    read_timeout=30,
    retries={"mode": "adaptive", "total_max_attempts": 6},
    tcp_keepalive=True,
    user_agent_extra=f"airflow-provider-drs/{__version__}",
)
DEFAULT_SESSION_NAME = "airflow-drs"


class TargetHook(AwsBaseHook):
    """The way into a target's account; what DRS says is asked by what is built on it.

    Differs from other AWS hooks where a disaster recovery must not guess: a connection that does not exist
    is an error instead of a warning followed by the worker's own credentials, and with a target every
    session is proven to belong to the target's account before anybody gets it.

    :param target: account context; gives connection and Region, and the role to assume after the
        connection's own. Without it the hook is an ordinary AWS hook for the service ``drs``.
    :param session_name: role session name, carries the execution id
    """

    def __init__(
        self,
        *args: Any,
        target: AwsTarget | None = None,
        session_name: str = DEFAULT_SESSION_NAME,
        **kwargs: Any,
    ) -> None:
        if target is not None:
            if args or {"aws_conn_id", "region_name"} & kwargs.keys():
                raise ValueError("a target already says which connection and Region to use")
            kwargs.update(aws_conn_id=target.connection, region_name=target.region)
        kwargs["client_type"] = "drs"
        super().__init__(*args, **kwargs)
        self.target = target
        self.session_name = session_name
        self._given_connection: Connection | None = None
        self._caller_arn = ""
        self._proof_lock = threading.Lock()
        self._proven_session: boto3.session.Session | None = None

    def _get_caller(self, target_function_name: str = "execute") -> str:
        """Tell the user agent who calls. The base class walks the whole stack for it: 25 ms for each client."""
        del target_function_name
        return "DrsHook"

    async def aload_connection(self) -> None:
        """Fetch the Airflow connection without blocking the event loop; later use takes this one.

        :raises DrsConnectionMissingError: if it does not exist
        :raises DrsIdentityUnprovenError: with a target, if Airflow does not hand it out now
        """
        if self._given_connection is not None:
            return
        if not self.aws_conn_id:
            raise DrsConnectionMissingError(self._missing_message())
        with Proof(self.target).explained() if self.target else nullcontext():
            try:
                self._given_connection = await self.aget_connection(self.aws_conn_id)
            except AirflowNotFoundException as error:
                raise DrsConnectionMissingError(self._missing_message()) from error

    @cached_property
    def conn_config(self) -> AwsConnectionWrapper:
        """The Airflow connection in the Amazon provider's form (cached).

        :raises DrsConnectionMissingError: if it does not exist
        :raises DrsConnectionInvalidError: if it is not of type ``aws``
        """
        connection = self._existing_connection()
        if connection.conn_type not in ("aws", "", None):
            raise DrsConnectionInvalidError(
                f"Airflow connection {self.aws_conn_id!r}{self._of_target()} has type "
                f"{connection.conn_type!r}. Create it with type 'aws' (Amazon Web Services)."
            )
        wrapper = AwsConnectionWrapper(conn=connection, region_name=self._region_name, verify=self._verify)
        wrapper.botocore_config = merged_config(DEFAULT_CONFIG, wrapper.botocore_config, self._config)
        if wrapper.role_arn and wrapper.assume_role_method != "assume_role_with_saml":
            # A name that the connection gives itself stays: the role's trust policy may ask for it.
            wrapper.assume_role_kwargs = {"RoleSessionName": self.session_name, **wrapper.assume_role_kwargs}
        return wrapper

    def get_session(self, region_name: str | None = None, deferrable: bool = False) -> Any:
        """Return a session; with a target, one whose identity is proven.

        :param deferrable: return an aiobotocore session
        :raises DrsIdentityError: if AWS refuses the credentials, or they are not the target's account
        :raises DrsIdentityUnprovenError: if they cannot be had now
        :raises ValueError: if another Region than the target's is asked for
        """
        if self.target is None:
            return self._session(region_name, deferrable=deferrable)
        if region_name not in (None, self.target.region):
            raise ValueError(
                f"target {self.target.name!r} is in Region {self.target.region}, not {region_name}"
            )
        session = self._proven(self.target)
        if not deferrable:
            return session
        from drs_provider.hooks.aws.async_sessions import to_async_session

        return to_async_session(session, self.target.region)

    @property
    def caller_arn(self) -> str:
        """ARN that ``GetCallerIdentity`` gave for the target's proven credentials.

        :raises DrsIdentityError: if AWS refuses the credentials, or they are not the target's account
        :raises DrsIdentityUnprovenError: if they cannot be had now
        """
        if self.target is None:
            raise ValueError("without a target no identity is proven")
        self._proven(self.target)
        return self._caller_arn

    def client_arguments(self, service: str, *config: Config) -> dict[str, Any]:
        """Return what a client of a service is made with, apart from its session.

        :param config: configurations that win over the connection's
        """
        return {
            "endpoint_url": self.conn_config.get_service_endpoint_url(service),
            "config": self._get_config(merged_config(self.config, *config)),
            "verify": self.verify,
        }

    def _existing_connection(self) -> Connection:
        if self._given_connection is not None:
            return self._given_connection
        if not self.aws_conn_id:
            raise DrsConnectionMissingError(self._missing_message())
        try:
            return self.get_connection(self.aws_conn_id)
        except AirflowNotFoundException as error:
            raise DrsConnectionMissingError(self._missing_message()) from error

    def _of_target(self) -> str:
        if self.target is None:
            return ""
        return (
            f" of target {self.target.name!r} (account {self.target.account_id}, Region {self.target.region})"
        )

    def _missing_message(self) -> str:
        return (
            f"Airflow connection {self.aws_conn_id!r}{self._of_target()} does not exist. Create it with "
            "type 'aws' (without keys it uses the machine's own AWS identity). If it is kept in a secrets "
            "backend, check that the backend answers. The worker's own credentials never stand in for it."
        )

    def _proven(self, target: AwsTarget) -> boto3.session.Session:
        with self._proof_lock:
            if self._proven_session is None:
                self._proven_session = self._prove(target)
            return self._proven_session

    def _prove(self, target: AwsTarget) -> boto3.session.Session:
        known_partition(target)
        proof = Proof(target)
        with proof.explained():
            session = self._target_session(proof)
            sts = session.client("sts", **self.client_arguments("sts"))
            identity = sts.get_caller_identity()
            account_id, arn = (
                required_member(identity, name, "GetCallerIdentity") for name in ("Account", "Arn")
            )
        if account_id != target.account_id:
            raise DrsIdentityError(
                f"Target {target.name!r} is account {target.account_id}, but connection "
                f"{target.connection!r} leads to account {account_id} ({arn}). Nothing else was called.",
                "Correct the plan's account_id, or give the target a role in its account, or use another "
                "connection.",
            )
        explain_renewals(session, proof)
        self._caller_arn = arn
        self.log.info("Acting as %s, Region %s", arn, target.region)
        tell(
            self.session_name,
            Event.IDENTITY_PROVEN,
            accountId=target.account_id,
            region=target.region,
            target=target.name,
            callerArn=arn,
            sessionName=self.session_name,
        )
        return session

    def _session(self, region_name: str | None, *, deferrable: bool = False) -> Any:
        """Return the connection's own session, as the Amazon provider makes it; it asks nobody for anything."""
        factory = SessionFactory(conn=self.conn_config, region_name=region_name, config=self.config)
        never_prompts(factory.basic_session._session.get_component("credential_provider"))
        return factory.create_session(deferrable=deferrable)

    def _target_session(self, proof: Proof) -> boto3.session.Session:
        proof.profile, proof.own_role = self.conn_config.profile_name or "", self.conn_config.role_arn or ""
        session: boto3.session.Session = self._session(proof.target.region)
        share_service_models(session)
        if proof.target.role is None:
            return session
        arguments = self.client_arguments("sts")
        # Assuming a role ignores the connection's global endpoint, here as in the Amazon provider.
        arguments["endpoint_url"] = self.conn_config.get_service_endpoint_url(
            "sts", sts_connection_assume=True
        )
        return TargetRole(session, proof, self.session_name, arguments).session()
