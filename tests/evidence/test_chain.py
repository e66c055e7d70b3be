"""The chain in files and in S3: exclusive, also for two Airflows at once; signed with a file's key or KMS's."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from drs_provider.evidence.chain import append, head_of
from drs_provider.evidence.kms import KmsSigner
from drs_provider.evidence.links import Entry, Head
from drs_provider.evidence.opening import evidence_signer
from drs_provider.evidence.signing import FileSigner, SignatureError, TrustedKeys, pem_of, public_key_of
from drs_provider.evidence.store import EvidenceStore, EvidenceStoreError
from drs_provider.evidence.verify import prove
from drs_provider.exceptions import DrsConfigurationError
from embedded.environment import HISTORY_REGION, aws_connection
from embedded.needs import ACCOUNT
from embedded.simulated_aws import client
from tests.evidence.world import files_of, fill, private_key, signer_in, trusted

_NUMBERS = count(1)
WRITERS, EACH = 4, 6


@pytest.fixture(params=["files", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty store."""
    if request.param == "files":
        return (tmp_path / "store").as_uri()
    simulator = request.getfixturevalue("drs_simulator")
    connection = f"chain_{next(_NUMBERS)}"
    monkeypatch.setenv(f"AIRFLOW_CONN_{connection.upper()}", aws_connection(simulator.url, ACCOUNT))
    s3 = client("s3", simulator.url, ACCOUNT, HISTORY_REGION)
    s3.create_bucket(Bucket="chain", CreateBucketConfiguration={"LocationConstraint": HISTORY_REGION})
    return f"s3://{connection}@chain/reports"


def entry(number: int) -> Entry:
    return Entry("report", "erp", f"execution-{number}", {f"erp/execution-{number}/x.json": "0" * 64})


def test_a_store_is_filled_read_and_proven(place: str, tmp_path: Path) -> None:
    signer = signer_in(tmp_path)
    store = fill(place, signer)
    assert prove(files_of(store), trusted(signer)).ok
    assert head_of(EvidenceStore(place)).number == 4
    assert store.paths("chain") == [f"chain/{number}.json" for number in (1, 2, 3, 4)]
    assert store.exists("chain/1.json")
    assert not store.exists("chain/5.json")
    with pytest.raises(FileNotFoundError):
        store.read("chain/5.json")


def test_a_file_is_created_once(place: str) -> None:
    store = EvidenceStore(place)
    assert head_of(store) == Head()
    assert store.create("chain/1.json", b"first")
    assert not store.create("chain/1.json", b"second")
    assert store.read("chain/1.json") == b"first"
    assert store.paths() == ["chain/1.json"]


def test_several_airflows_add_at_once_and_none_is_lost(place: str) -> None:
    def add(writer: int) -> list[int]:
        store = EvidenceStore(place)
        return [append(store, entry(writer * EACH + each), None, written_at=0).number for each in range(EACH)]

    with ThreadPoolExecutor(WRITERS) as pool:
        numbers = sorted(number for found in pool.map(add, range(WRITERS)) for number in found)
    assert numbers == list(range(1, WRITERS * EACH + 1))
    store = EvidenceStore(place)
    links = [json.loads(content) for content in store.read_all(store.paths("chain")).values()]
    assert {link["executionId"] for link in links} == {f"execution-{each}" for each in range(WRITERS * EACH)}
    broken = [
        problem for problem in prove(files_of(store), None).problems if "missing; link" not in problem.what
    ]
    assert broken == []


def test_a_store_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EvidenceStoreError, match=r"the evidence store .*file.* fails"):
        append(EvidenceStore((tmp_path / "file").as_uri()), entry(1), None, written_at=0)
    attach("memory", fs=MemoryFileSystem())
    with pytest.raises(EvidenceStoreError, match="needs file:// or s3://"):
        EvidenceStore("memory://evidence")
    with pytest.raises(EvidenceStoreError, match="there is no connection 'nobody'"):
        EvidenceStore("s3://nobody@chain/reports")


@pytest.fixture
def kms(drs_simulator: Any) -> Any:
    return client("kms", drs_simulator.url, ACCOUNT, HISTORY_REGION)


def test_kms_signs_and_its_public_key_proves_it(kms: Any, tmp_path: Path) -> None:
    arn = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    signer, url = KmsSigner(kms, arn), (tmp_path / "store").as_uri()
    fill(url, signer)  # type: ignore[arg-type]
    key = public_key_of("key.pem", pem_of(signer.public_key).encode())
    assert prove(files_of(EvidenceStore(url)), TrustedKeys([key])).ok
    assert not prove(files_of(EvidenceStore(url)), trusted(signer_in(tmp_path))).ok


def test_the_configured_key_signs_in_its_own_account(
    kms: Any, drs_simulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    monkeypatch.setenv("AIRFLOW__DRS__EVIDENCE_KEY", arn)
    with pytest.raises(DrsConfigurationError, match=r"needs \[drs\] evidence_connection"):
        evidence_signer("drs-test")
    monkeypatch.setenv("AIRFLOW__DRS__EVIDENCE_CONNECTION", "evidence_key")
    monkeypatch.setenv("AIRFLOW_CONN_EVIDENCE_KEY", aws_connection(drs_simulator.url, ACCOUNT))
    signer = evidence_signer("drs-test")
    assert signer is not None
    TrustedKeys([signer.public_key]).require(signer.sign(b"content"), b"content")
    with pytest.raises(SignatureError, match="not of this content"):
        TrustedKeys([signer.public_key]).require(signer.sign(b"content"), b"other")
    monkeypatch.setenv("AIRFLOW__DRS__EVIDENCE_KEY", arn.replace(":kms:", ":sns:"))
    with pytest.raises(DrsConfigurationError, match="is no ARN of a KMS key"):
        evidence_signer("drs-test")


def test_a_kms_key_that_cannot_sign_so_is_refused(kms: Any) -> None:
    arn = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    with pytest.raises(DrsConfigurationError, match=r"is a key of another type .*ECC_NIST_P256"):
        KmsSigner(kms, arn)
    with pytest.raises(EvidenceStoreError, match=r"cannot be used: .*NotFoundException"):
        KmsSigner(kms, arn[:-4] + "0000")


def test_a_key_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(DrsConfigurationError, match=r"missing.pem cannot be read: No such file"):
        FileSigner(str(tmp_path / "missing.pem"))
    (tmp_path / "text.pem").write_text("hello")
    with pytest.raises(DrsConfigurationError, match=r"is no private key in PEM form .*openssl genpkey"):
        FileSigner(str(tmp_path / "text.pem"))
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "other.pem").write_bytes(other)
    with pytest.raises(DrsConfigurationError, match=r"another type .*an Ed25519 key is needed"):
        FileSigner(str(tmp_path / "other.pem"))
    with pytest.raises(SignatureError, match=r"key.pem is no public key in PEM form"):
        public_key_of("key.pem", private_key(tmp_path).read_bytes())
