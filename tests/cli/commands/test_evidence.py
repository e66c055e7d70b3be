"""Evidence from the command line: proven from files alone, added to by a DAG's run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from drs_provider import keys
from drs_provider.airflow_rest.refused import ExitCode
from drs_provider.core.identity import EVIDENCE_DAG_ID
from drs_provider.evidence.signing import pem_of
from drs_provider.evidence.store import EvidenceStore
from tests.evidence.world import fill, signer_in

ADDED = {"document": "erp/id-1/statement-1.json", "link": 7, "sha256": "ab" * 32}


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    """A signed store; its public key is public.pem, a stranger's stranger.pem."""
    signer = signer_in(tmp_path)
    (tmp_path / "public.pem").write_text(pem_of(signer.public_key))
    (tmp_path / "stranger.pem").write_text(pem_of(signer_in(tmp_path, "other.pem").public_key))
    return fill((tmp_path / "store").as_uri(), signer)


def test_a_store_is_proven_without_airflow(store, tmp_path, drs):
    given = ("--store", store.url, "--key", str(tmp_path / "public.pem"))
    done = drs("evidence", "verify", *given)
    assert done.code == ExitCode.OK
    assert "intact: 4 links, 6 documents" in done.out
    assert "signatures proven" in done.out
    head = done.out.split("--head ")[1].split()[0]
    assert drs("report", "verify", *given, "--head", head).code == ExitCode.OK
    assert drs("report", "verify", *given, "--head", f"5:{head[2:]}").code == ExitCode.ERROR
    assert "no head of a chain" in drs("report", "verify", *given, "--head", "newest").err
    unsigned = drs("evidence", "verify", "--store", store.url)
    assert (unsigned.code, "signatures not looked at: no --key" in unsigned.out) == (ExitCode.OK, True)


def test_tampering_is_told_to_people_and_programs(store, tmp_path, drs):
    (tmp_path / "store" / "chain" / "2.json").unlink()
    done = drs("evidence", "verify", "--store", store.url)
    assert done.code == ExitCode.ERROR
    assert "chain/2.json" in done.out
    assert "the link is missing" in done.out
    told = json.loads(drs("evidence", "verify", "--store", store.url, "-o", "json").out)
    assert (told["ok"], told["signaturesProven"]) == (False, False)
    assert {"file": "chain/2.json", "problem": "the link is missing"} in told["problems"]


def test_a_store_that_is_not_there_is_not_intact(tmp_path, drs):
    done = drs("report", "verify", "--store", (tmp_path / "nowhere").as_uri())
    assert (done.code, "there is no evidence below" in done.err) == (ExitCode.NOT_FOUND, True)


def test_a_key_that_is_foreign_or_none(store, tmp_path, drs):
    foreign = drs("evidence", "verify", "--store", store.url, "--key", str(tmp_path / "stranger.pem"))
    assert (foreign.code, "foreign key" in foreign.out) == (ExitCode.ERROR, True)
    private = drs("evidence", "verify", "--store", store.url, "--key", str(tmp_path / "key.pem"))
    assert (private.code, "is no public key" in private.err) == (ExitCode.REFUSED_INPUT, True)
    missing = drs("evidence", "verify", "--store", store.url, "--key", str(tmp_path / "none.pem"))
    assert (missing.code, "none.pem" in missing.err) == (ExitCode.ERROR, True)


def test_the_public_key_is_printed(store, tmp_path, drs, monkeypatch):
    assert drs("evidence", "key").code == ExitCode.NOT_FOUND
    monkeypatch.setenv("AIRFLOW__DRS__EVIDENCE_KEY", str(tmp_path / "key.pem"))
    assert drs("evidence", "key").out == (tmp_path / "public.pem").read_text()


@pytest.fixture
def adding(airflow):
    """A plan with an execution that runs, and the DAG of evidence, whose runs end as soon as they are looked at."""
    airflow.add_plan("evidence", description="DRS evidence", tags=[{"name": "drs-maintenance"}])
    airflow.added = ADDED

    def script(method, path, _body):
        if method == "GET" and f"{EVIDENCE_DAG_ID}/dagRuns/" in path and path.count("/") == 6:
            (run,) = airflow.runs.values()
            run.state = "success" if airflow.added else "failed"
            told = (keys.FAILURE, {"message": "no such execution"})
            key, value = ("return_value", airflow.added) if airflow.added else told
            run.xcoms[keys.EVIDENCE, key] = value

    airflow.script = script
    return airflow


@pytest.mark.parametrize(
    ("words", "conf"),
    [
        (("note", "erp", "the phone rings"), {"kind": "note", "text": "the phone rings"}),
        (
            ("evidence", "finding", "erp", "DNS late", "--owner", "net", "--due", "2027-01-31"),
            {"kind": "finding", "text": "DNS late", "owner": "net", "due": "2027-01-31"},
        ),
        (
            ("evidence", "close", "erp", "3", "done"),
            {"kind": "finding_closed", "finding": 3, "text": "done"},
        ),
        (
            ("evidence", "sign-off", "erp", "passed", "all up"),
            {"kind": "sign_off", "result": "passed", "text": "all up"},
        ),
    ],
)
def test_people_add_to_the_evidence(adding, drs, words, conf):
    done = drs(*words, "--execution-id", "id-1", "--interval", "0.05s")
    assert done.code == ExitCode.OK
    (body,) = adding.sent("POST", f"{EVIDENCE_DAG_ID}/dagRuns")
    assert body["conf"] == {**conf, "plan": "erp", "execution_id": "id-1"}
    assert "added erp/id-1/statement-1.json, link 7 of the chain" in done.out


def test_what_the_dag_refuses_is_said(adding, drs):
    adding.added = None
    done = drs("note", "erp", "x", "--execution-id", "id-2", "--interval", "0.05s")
    assert (done.code, "no such execution" in done.err) == (ExitCode.REFUSED_INPUT, True)


def test_missing_links_are_added(adding, drs):
    adding.added = {"linked": ["erp/id-1/report-1.json"]}
    assert drs("evidence", "link", "--interval", "0.05s").out == "linked erp/id-1/report-1.json\n"
    adding.runs.clear()
    adding.added = {"linked": []}
    assert drs("evidence", "link", "--interval", "0.05s").out == "every document has its link\n"
