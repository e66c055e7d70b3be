"""Evidence stores with reports, findings and sign-offs in them, and keys to sign them with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from drs_provider.evidence.adding import add_report, add_statement
from drs_provider.evidence.signing import FileSigner, TrustedKeys
from drs_provider.evidence.statements import statement
from drs_provider.evidence.store import EvidenceStore
from drs_provider.report.files import write_report
from tests.history.world import T0
from tests.report.world import failed_recovery, finished_drill

DRILL = "1c0b0c5e-0f3a-5d77-9a55-0d6b3f3b8a01"


def private_key(folder: Path, name: str = "key.pem") -> Path:
    """Write a new Ed25519 key, and return its file."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / name
    path.write_bytes(pem)
    return path


def signer_in(folder: Path, name: str = "key.pem") -> FileSigner:
    return FileSigner(str(private_key(folder, name)))


def fill(url: str, signer: FileSigner | None) -> EvidenceStore:
    """Write two reports of two executions, a finding, and a sign-off."""
    store = EvidenceStore(url)
    for at, record in enumerate((finished_drill(), {**failed_recovery(), "executionId": "other"})):
        written = write_report(record, url)
        add_report(store, written.path, signer, at=T0 + at)
    add_statement(store, stated("finding", owner="db-team", due="2027-01-31"), signer, at=T0 + 2)
    add_statement(store, stated("sign_off", result="passed"), signer, at=T0 + 3)
    return store


def stated(kind: str, **fields: Any) -> Mapping[str, Any]:
    plan = finished_drill()["planId"]
    return statement(
        kind,
        plan_id=plan,
        execution_id=finished_drill()["executionId"],
        by="ada",
        at=T0,
        text="seen",
        **fields,
    )


def files_of(store: EvidenceStore) -> dict[str, bytes]:
    return store.read_all(store.paths())


def trusted(*signers: FileSigner) -> TrustedKeys:
    return TrustedKeys(signer.public_key for signer in signers)
