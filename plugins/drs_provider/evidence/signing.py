"""Signatures of links, with an Ed25519 key from a file or by whoever else can sign, and their proof."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from drs_provider.exceptions import DrsConfigurationError

ED25519 = "Ed25519"
ECDSA = "ECDSA_SHA_256"
"""KMS's name of it; its key spec is ECC_NIST_P256."""

_CONTEXT = b"drs-provider chain of evidence\x00"

PublicKey = Ed25519PublicKey | ec.EllipticCurvePublicKey


class SignatureError(ValueError):
    """A signature is missing, malformed, of a foreign key, or not of this content."""


class Signer(Protocol):
    """Whoever signs links."""

    @property
    def public_key(self) -> PublicKey:
        """The key that proves its signatures."""

    def sign(self, content: bytes) -> dict[str, str]:
        """Return the signature of a content: ``algorithm``, ``keyId`` and ``value``."""


def pem_of(key: PublicKey) -> str:
    """Return a public key as PEM text."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, form).decode()


def key_id_of(key: PublicKey) -> str:
    """Return what tells public keys apart: the SHA-256 of its DER form."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_bytes(serialization.Encoding.DER, form)).hexdigest()


class FileSigner:
    """Signs with an Ed25519 key from a PEM file.

    :raises DrsConfigurationError: if the file cannot be read, or holds no such key
    """

    def __init__(self, path: str) -> None:
        try:
            key = serialization.load_pem_private_key(Path(path).read_bytes(), password=None)
        except OSError as error:
            raise DrsConfigurationError(
                f"[drs] evidence_key: {path} cannot be read: {error.strerror}"
            ) from error
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise DrsConfigurationError(
                f"[drs] evidence_key: {path} is no private key in PEM form without a password. Make one with: "
                "openssl genpkey -algorithm ed25519"
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise DrsConfigurationError(
                f"[drs] evidence_key: {path} holds a key of another type ({type(key).__name__}); an Ed25519 key is "
                "needed: openssl genpkey -algorithm ed25519"
            )
        self._key = key

    @property
    def public_key(self) -> PublicKey:
        """The key that proves its signatures."""
        return self._key.public_key()

    def sign(self, content: bytes) -> dict[str, str]:
        """Return the signature of a content."""
        return signature(ED25519, self.public_key, self._key.sign(signed_message(content)))


def signed_message(content: bytes) -> bytes:
    """Return what is signed of a content: its hash, because KMS takes no message over 4,096 bytes."""
    return _CONTEXT + hashlib.sha256(content).digest()


def signature(algorithm: str, key: PublicKey, value: bytes) -> dict[str, str]:
    """Return a signature as a link holds it."""
    return {"algorithm": algorithm, "keyId": key_id_of(key), "value": base64.b64encode(value).decode()}


def public_key_of(name: str, pem: bytes) -> PublicKey:
    """Return the public key of a PEM text.

    :param name: what it is called in the error, such as its file
    :raises SignatureError: if it is none, or of another type
    """
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SignatureError(
            f"{name} is no public key in PEM form (it begins -----BEGIN PUBLIC KEY-----)"
        ) from error
    if not isinstance(key, (Ed25519PublicKey, ec.EllipticCurvePublicKey)):
        raise SignatureError(
            f"{name} is a key of another type ({type(key).__name__}): Ed25519 or ECDSA is needed"
        )
    return key


class TrustedKeys:
    """The public keys that signatures are proven with: today's, and those before it was changed."""

    def __init__(self, keys: Iterable[PublicKey]) -> None:
        self._keys = {key_id_of(key): key for key in keys}

    def require(self, given: Any, content: bytes) -> None:
        """Go on only if a signature is of this content, by one of the keys.

        :raises SignatureError: saying why it is not
        """
        if not isinstance(given, Mapping):
            raise SignatureError("it is not signed")
        key = self._keys.get(str(given.get("keyId")))
        if key is None:
            raise SignatureError(f"it is signed with a foreign key ({str(given.get('keyId'))[:16]}…)")
        try:
            value = base64.b64decode(str(given.get("value")), validate=True)
            if isinstance(key, Ed25519PublicKey):
                key.verify(value, signed_message(content))
            else:
                key.verify(value, signed_message(content), ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, binascii.Error) as error:
            raise SignatureError("its signature is not of this content") from error
