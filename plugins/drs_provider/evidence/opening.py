"""The evidence store and its signing key, as ``[drs]`` names them."""

from __future__ import annotations

from airflow.sdk.exceptions import AirflowException

from drs_provider import settings
from drs_provider.evidence.kms import KmsSigner
from drs_provider.evidence.signing import FileSigner, Signer
from drs_provider.evidence.store import EvidenceStore, EvidenceStoreError
from drs_provider.exceptions import DrsError
from drs_provider.hooks.aws.clients import aws_clients


def evidence_store() -> EvidenceStore:
    """Return the store below ``[drs] reports_path``.

    :raises EvidenceStoreError: if it is no folder of files or of S3
    """
    return EvidenceStore(settings.reports_path())


def evidence_signer(session_name: str) -> Signer | None:
    """Return who signs with ``[drs] evidence_key``; None if it is not set.

    :param session_name: role session name of the calls to KMS
    :raises DrsConfigurationError: if there is no such key, or one of another type
    :raises DrsError: if KMS cannot be asked in the key's account
    :raises EvidenceStoreError: if KMS refuses
    """
    key = settings.get("evidence_key")
    target = settings.evidence_key_target()
    if target is None:
        return FileSigner(key) if key else None
    try:
        client = aws_clients(target, session_name=session_name, fail_fast=True).fail_fast_client("kms")
    except DrsError:
        raise
    except (AirflowException, OSError, ValueError) as error:
        # Of the connection itself: an endpoint that is no URL, a token file that is not there.
        raise EvidenceStoreError(f"[drs] evidence_connection cannot be used: {error}") from error
    return KmsSigner(client, key)
