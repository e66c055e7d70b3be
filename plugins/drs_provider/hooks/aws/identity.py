"""Why an identity cannot be proven: the connection, the real cause and its remedy, as this provider's errors."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime

from botocore.exceptions import ClientError, CredentialRetrievalError, MetadataRetrievalError, SSLError

from drs_provider.core.account import AwsTarget
from drs_provider.core.texts import cause as cause_text
from drs_provider.exceptions import DrsFailError, DrsIdentityError, DrsIdentityUnprovenError
from drs_provider.hooks.aws.errors import error_code, is_access_denied, is_throttle, is_transient
from drs_provider.hooks.aws.identity_causes import (
    CAUSES,
    CERTIFICATE,
    EVERYWHERE,
    EXPIRED,
    PROVIDERS,
    REFUSALS,
    SESSION_TOO_LONG,
    UNREACHED,
    Cause,
    Lasts,
)

_CLOCK_CODES = frozenset({"RequestExpired", "RequestTimeTooSkewed"})
_CLOCK_TEXT = re.compile(r"signature (expired|not yet current)", re.IGNORECASE)
_DURATION_TEXT = re.compile(r"DurationSeconds|MaxSessionDuration|role chaining", re.IGNORECASE)


@dataclass
class Proof:
    """The attempt to prove a target's identity; what it rests on is filled in as it becomes known.

    :param profile: the AWS profile that the connection names
    :param own_role: ARN of the role that the connection itself assumes
    """

    target: AwsTarget
    profile: str = ""
    own_role: str = ""

    @contextmanager
    def explained(self, role: str = "") -> Iterator[None]:
        """Turn whatever goes wrong in the block into an error that names the connection, the cause and the remedy.

        :param role: ARN of the target's role, where it is assumed
        :raises DrsIdentityError: if AWS refuses the credentials or a role
        :raises DrsIdentityUnprovenError: for everything else
        """
        try:
            yield
        except (DrsFailError, DrsIdentityUnprovenError):
            raise
        except Exception as error:  # of botocore's providers also OSError, ValueError, KeyError, RuntimeError
            raise self._problem(error, role) from error

    def _problem(self, error: Exception, role: str) -> DrsIdentityError | DrsIdentityUnprovenError:
        target = self.target
        cause = self._refusal(error, role) if isinstance(error, ClientError) else _cause(error)
        profile = f" (profile {self.profile!r})" if self.profile else ""
        told = cause_text(" ".join(str(error).split())) or type(error).__name__
        message = (
            f"Connection {target.connection!r}{profile} of target {target.name!r} (account {target.account_id}, Region "
            f"{target.region}) {cause.text}: {told.rstrip('.')}."
        )
        remedy = cause.remedy.format(profile=f" --profile {self.profile}" if self.profile else "")
        if cause.lasts is Lasts.REFUSED:
            return DrsIdentityError(message, remedy)
        return DrsIdentityUnprovenError(message, remedy, passing=cause.lasts is Lasts.PASSING)

    def _refusal(self, error: ClientError, role: str) -> Cause:
        code, message = error_code(error), str(error.response.get("Error", {}).get("Message", ""))
        if code in _CLOCK_CODES or _CLOCK_TEXT.search(message):
            return _clock(error)
        if _DURATION_TEXT.search(message):
            return _refused(SESSION_TOO_LONG)
        if code in REFUSALS:
            known = REFUSALS[code]
            return known if known is EXPIRED else _refused(known)
        if is_throttle(error) or is_transient(error) or code == "IDPCommunicationError":
            return Cause("gets no answer from AWS STS", "Look again later.", Lasts.PASSING)
        if is_access_denied(error):
            return _refused(self._denied(error, role))
        return _refused(
            Cause(f"is refused by {error.operation_name}", "Correct the target, or the connection's extra.")
        )

    def _denied(self, error: ClientError, role: str) -> Cause:
        if not error.operation_name.startswith("AssumeRole"):
            return Cause(
                f"may not call {error.operation_name}",
                "No policy needs to grant that call: look at service control policies, and at the policy of a VPC "
                "endpoint for STS.",
            )
        if not role:
            return Cause(
                f"may not assume its own role {self.own_role or 'of the profile'}",
                "Check the role's trust policy and the connection's assume_role_kwargs (ExternalId).",
            )
        asked = "the plan's external ID" if self.target.external_id else "no external ID (none is planned)"
        return Cause(
            f"may not assume {role}, which was asked for with {asked}",
            "Check that the role exists, that its trust policy names the connection's identity and this external ID, "
            "and that the identity may call sts:AssumeRole on the role.",
        )


def _refused(cause: Cause) -> Cause:
    return replace(cause, lasts=Lasts.REFUSED)


def _clock(error: ClientError) -> Cause:
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        skew = time.time() - parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, TypeError, ValueError):
        skew = 0.0
    minutes = round(abs(skew) / 60)
    told = f"is {minutes} minutes {'behind' if skew < 0 else 'ahead of'}" if minutes else "differs from"
    return Cause(
        f"is refused because the clock of machine {socket.gethostname()!r} {told} AWS's",
        "Set the clock of that machine, and let it be kept right (chrony, NTP).",
    )


def _cause(error: Exception) -> Cause:
    for kinds, cause in CAUSES:
        if isinstance(error, kinds):
            return cause
    if isinstance(error, SSLError):
        return CERTIFICATE if "CERTIFICATE_VERIFY_FAILED" in str(error) else UNREACHED
    if isinstance(error, (CredentialRetrievalError, MetadataRetrievalError)):
        provider = str(getattr(error, "kwargs", {}).get("provider", "iam-role"))
        source = PROVIDERS.get(provider, provider)
        return Cause(f"gets no credentials from {source}", f"Check {source}.", Lasts.PASSING)
    if isinstance(error, OSError) and error.filename:
        return Cause(
            "needs a file that cannot be used",
            f"Mount it at this path {EVERYWHERE} (a web identity token: AWS_WEB_IDENTITY_TOKEN_FILE), or correct the "
            "path.",
        )
    if is_transient(error) or isinstance(error, OSError):
        return UNREACHED
    return Cause(
        f"cannot be used ({type(error).__name__})",
        "Correct the connection's extra, and the AWS config files and environment of this machine.",
    )
