"""Signatures by a key of AWS KMS, which never leaves it."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from drs_provider.evidence.signing import ECDSA, PublicKey, signature, signed_message
from drs_provider.evidence.store import EvidenceStoreError
from drs_provider.exceptions import DrsConfigurationError


class KmsSigner:
    """Signs with a key of key spec ECC_NIST_P256 and usage SIGN_VERIFY.

    :param client: boto3's KMS client
    :param key_arn: the key
    :raises DrsConfigurationError: if KMS has another type of key there
    :raises EvidenceStoreError: if KMS refuses, or does not answer
    """

    def __init__(self, client: Any, key_arn: str) -> None:
        self._client, self._key_arn = client, key_arn
        answer = self._call("get_public_key")
        if ECDSA not in answer.get("SigningAlgorithms", ()):
            raise DrsConfigurationError(
                f"[drs] evidence_key: {key_arn} is a key of another type ({answer.get('KeySpec')}, "
                f"{answer.get('KeyUsage')}); make one of key spec ECC_NIST_P256 and usage SIGN_VERIFY"
            )
        key = serialization.load_der_public_key(answer["PublicKey"])
        assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101 (of the algorithm that KMS just named)
        self._public_key = key

    @property
    def public_key(self) -> PublicKey:
        """The key that proves its signatures."""
        return self._public_key

    def sign(self, content: bytes) -> dict[str, str]:
        """Return the signature of a content.

        :raises EvidenceStoreError: if KMS refuses, or does not answer
        """
        answer = self._call(
            "sign",
            Message=signed_message(content),
            MessageType="RAW",
            SigningAlgorithm=ECDSA,
        )
        return signature(ECDSA, self._public_key, answer["Signature"])

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(KeyId=self._key_arn, **arguments)
        except (BotoCoreError, ClientError) as error:
            raise EvidenceStoreError(
                f"[drs] evidence_key: {self._key_arn} cannot be used: {error}"
            ) from error
        return answer
