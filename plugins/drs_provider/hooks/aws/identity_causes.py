"""What keeps an identity from being proven: causes and remedies. Data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from airflow.sdk.exceptions import AirflowRuntimeError
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from drs_provider.hooks.aws.credentials import MfaWantedError


class Lasts(Enum):
    """How long a cause lasts."""

    REFUSED = "AWS has answered, and says no"
    MENDED = "until somebody acts on this machine or on the connection"
    PASSING = "perhaps only for a moment"


@dataclass(frozen=True)
class Cause:
    """A cause.

    :param text: what follows the connection's name in a sentence
    :param remedy: what to do; ``{profile}`` becomes the command line's option for the connection's profile
    """

    text: str
    remedy: str
    lasts: Lasts = Lasts.MENDED


EVERYWHERE = "on every worker and triggerer"
_NETWORK = (
    "Check that this machine reaches AWS STS in that Region: name resolution, routes, firewall, VPC endpoint, "
    "HTTPS_PROXY and NO_PROXY; and that the Region's name is right."
)
PROVIDERS: Final = {
    "container-role": "the container's or pod's identity",
    "custom-process": "the profile's credential_process",
    "iam-role": "the instance metadata",
    "sso": "IAM Identity Center",
}
UNREACHED: Final = Cause("does not reach AWS STS", _NETWORK, Lasts.PASSING)
CERTIFICATE: Final = Cause(
    "cannot trust the certificate that it is shown in place of AWS's",
    "Give the certificate authority of your proxy as `verify` in the connection's extra, or as AWS_CA_BUNDLE "
    f"{EVERYWHERE}.",
)

#: In this order: a subclass before its base.
CAUSES: Final[tuple[tuple[tuple[type[Exception], ...], Cause], ...]] = (
    (
        (boto.NoCredentialsError,),
        Cause(
            "gives no credentials, and neither does this machine",
            "Give the connection keys or a profile that exists, or give the machine a role. If it has one, check that "
            "its instance metadata, or its container or pod identity, answers.",
        ),
    ),
    (
        (boto.PartialCredentialsError,),
        Cause(
            "gives only a part of its credentials",
            "Give the access key id (login) and the secret key (password), or complete the profile.",
        ),
    ),
    (
        (boto.ProfileNotFound,),
        Cause(
            "names a profile that this machine does not have",
            f"Add it to the AWS config file {EVERYWHERE}, or correct `profile_name` in the connection's extra.",
        ),
    ),
    (
        (MfaWantedError, boto.RefreshWithMFAUnsupportedError),
        Cause(
            "uses a profile that asks for an MFA code, which nobody can enter here",
            "Use a role or keys that need no MFA: remove mfa_serial from the profile, and the MFA condition from the "
            "role's trust policy.",
        ),
    ),
    (
        (boto.InfiniteLoopConfigError,),
        Cause(
            "uses profiles whose source_profile leads back to themselves",
            "Let the chain of source_profile end in a profile with keys or with credential_source.",
        ),
    ),
    (
        (boto.InvalidConfigError, boto.ConfigNotFound, boto.ConfigParseError, boto.UnknownCredentialError),
        Cause(
            "uses an AWS config file or profile that cannot be used",
            f"Correct what the message names in the AWS config file {EVERYWHERE}.",
        ),
    ),
    (
        (boto.SSOError, boto.TokenRetrievalError, boto.NoAuthTokenError, boto.UnknownTokenProviderError),
        Cause(
            "uses a sign-in of IAM Identity Center that is over, or was never made",
            f"Run `aws sso login{{profile}}` as the user that Airflow runs as, {EVERYWHERE}; better, use a role, which "
            "needs no sign-in.",
        ),
    ),
    (
        (boto.LoginError,),
        Cause(
            "uses a sign-in of `aws login` that is over, or was never made",
            f"Run `aws login{{profile}}` as the user that Airflow runs as, {EVERYWHERE}; better, use a role, which "
            "needs no sign-in.",
        ),
    ),
    (
        (boto.MissingDependencyException, ImportError),
        Cause("needs a library that is not installed", f"Install what the message names {EVERYWHERE}."),
    ),
    (
        (boto.InvalidIMDSEndpointError, boto.InvalidIMDSEndpointModeError),
        Cause(
            "uses instance metadata at an address that is none",
            "Correct AWS_EC2_METADATA_SERVICE_ENDPOINT and AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE.",
        ),
    ),
    (
        (boto.NoRegionError, boto.UnknownRegionError, boto.InvalidRegionError, boto.UnknownEndpointError),
        Cause("is used in a Region that botocore does not know", "Correct the region of the target."),
    ),
    (
        (boto.ProxyConnectionError, boto.InvalidProxiesConfigError),
        Cause(
            "does not get through the proxy",
            "Check HTTPS_PROXY and NO_PROXY, and that the proxy runs and lets this machine through.",
            Lasts.PASSING,
        ),
    ),
    (
        (ResponseParserError,),
        Cause("gets an answer that is not AWS's, such as a proxy's page", _NETWORK, Lasts.PASSING),
    ),
    (
        (AirflowRuntimeError,),
        Cause("cannot be read from Airflow", "Check that the API server answers.", Lasts.PASSING),
    ),
)

_KEYS = "Renew the connection's keys."
_UNKNOWN_KEY = Cause(
    "has credentials that AWS does not know there",
    "The access key does not exist or is inactive: renew the connection's keys. Or the Region is not enabled in that "
    "account (AWS account settings, Regions), or the keys are another partition's.",
)
_WRONG_SECRET = Cause(
    "has a secret key that does not fit its access key",
    f"{_KEYS} Copy the secret key (password) without blanks.",
)
EXPIRED: Final = Cause(
    "has credentials that have expired",
    f"{_KEYS} Better, use a role or a profile: their credentials renew themselves.",
    Lasts.MENDED,
)
_TOKEN = Cause(
    "has a web identity token that STS does not accept",
    "Check that the token is fresh, that the role's trust policy names its issuer, and that its audience and subject "
    "are those of the policy.",
)
SESSION_TOO_LONG: Final = Cause(
    "asks for a longer role session than the role allows",
    "Remove DurationSeconds from assume_role_kwargs in the connection's extra (duration_seconds in the profile), or "
    "set it to 3600 at most: a role that is assumed with another role's session never gets more.",
)
#: By error code.
REFUSALS: Final = {
    "AuthFailure": _WRONG_SECRET,
    "ExpiredToken": EXPIRED,
    "ExpiredTokenException": EXPIRED,
    "IDPRejectedClaim": _TOKEN,
    "IncompleteSignature": _WRONG_SECRET,
    "InvalidClientTokenId": _UNKNOWN_KEY,
    "InvalidIdentityToken": _TOKEN,
    "InvalidSignatureException": _WRONG_SECRET,
    "RegionDisabledException": Cause(
        "is used in a Region that is not enabled for STS in that account",
        "Enable the Region (AWS account settings, Regions; IAM, account settings, STS), or correct the target's "
        "region.",
    ),
    "SignatureDoesNotMatch": _WRONG_SECRET,
    "TokenRefreshRequired": EXPIRED,
    "UnrecognizedClientException": _UNKNOWN_KEY,
}
