"""Evidence of executions on the stage: reports link themselves, people add to them in their own names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from drs_provider import keys
from drs_provider.dag_factory.evidence import evidence_dag
from drs_provider.evidence.signing import FileSigner
from drs_provider.evidence.store import EvidenceStore
from drs_provider.evidence.verify import prove
from tests.evidence.world import files_of, signer_in, trusted
from tests.harness.stage import Stage


@pytest.fixture
def signer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileSigner:
    made = signer_in(tmp_path)
    monkeypatch.setenv("AIRFLOW__DRS__EVIDENCE_KEY", str(tmp_path / "key.pem"))
    return made


def add(play: Stage, conf: dict[str, Any], **options: Any) -> Any:
    """Run the DAG of evidence; return what it has written, or its failure's message."""
    run = play.dag_run(evidence_dag(), conf, **options)
    if run.go() == "success":
        return run.xcom(keys.EVIDENCE, "return_value")
    return run.xcom(keys.EVIDENCE, keys.FAILURE)["message"]


def test_an_execution_and_what_people_say_of_it(play: Stage, signer: FileSigner) -> None:
    run = play.plan_run("wiki").approve_everything()
    about = {"plan": "wiki"}
    told: list[Any] = []

    def during() -> None:
        about["execution_id"] = run.xcom("prepare")["executionId"]
        told.append(
            add(play, {**about, "run_id": run.dag_run.run_id, "text": "the phone rings"}, user="grace")
        )
        told.append(
            add(
                play,
                {**about, "run_id": run.dag_run.run_id, "kind": "sign_off", "result": "passed", "text": "x"},
            )
        )

    run.when("wave_1_everything.wait_for_recovery", "deferred", during)
    assert run.go() == "success"
    store = EvidenceStore(play.reports.as_uri())
    folder = f"wiki/{about['execution_id']}"
    assert told[0]["document"] == f"{folder}/statement-1.json"
    assert f"has no execution {about['execution_id']} with a report" in told[1]

    finding = add(play, {**about, "kind": "finding", "text": "DNS late", "owner": "net", "due": "2027-01-31"})
    assert (finding["document"], finding["link"]) == (f"{folder}/statement-2.json", 3)
    closed = add(play, {**about, "kind": "finding_closed", "finding": 2, "text": "TTL lowered"})
    signed = add(play, {**about, "kind": "sign_off", "result": "passed", "text": "all up"}, user="ada")
    assert (closed["link"], signed["link"]) == (4, 5)
    written = json.loads(store.read(signed["document"]))
    assert (written["by"], written["result"], written["number"]) == ("ada", "passed", 4)

    assert "statement 1 of " in add(play, {**about, "kind": "finding_closed", "finding": 1, "text": "x"})
    assert "a finding needs due and owner" in add(play, {**about, "kind": "finding", "text": "x"})
    assert "`colour` is no field" in add(play, {**about, "colour": "red", "text": "x"})
    assert "no authenticated user" in add(play, {**about, "text": "x"}, run_type="scheduled")

    record = run.record
    assert record["attempts"][0]["chainLink"]["number"] == 2
    assert record["simulatedBy"] == ["127.0.0.1"]
    links = [json.loads(store.read(f"chain/{number}.json")) for number in range(1, 6)]
    assert [link["kind"] for link in links] == ["note", "report", "finding", "finding_closed", "sign_off"]
    assert links[1]["facts"]["simulatedBy"] == ["127.0.0.1"]
    assert links[1]["facts"]["drillResult"] == "passed"
    proof = prove(
        files_of(store), trusted(signer), expected_head=(2, record["attempts"][0]["chainLink"]["sha256"])
    )
    assert (proof.problems, proof.links) == ((), 5)
    # One more could not be linked: nothing else changes, and it can be linked later.
    (play.reports / folder / "statement-9.json").write_bytes(store.read(signed["document"]))
    assert [problem.where for problem in prove(files_of(store), None).problems] == [
        f"{folder}/statement-9.json"
    ]
    assert add(play, {"kind": "link"}) == {"linked": [f"{folder}/statement-9.json"]}
    assert prove(files_of(store), trusted(signer)).ok


def test_an_outcome_does_not_hang_on_the_chain(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    play.reports.mkdir(parents=True)
    (play.reports / "chain").write_text("no folder")
    monkeypatch.setenv("AIRFLOW__DRS__EVIDENCE_KEY", "/no/such/key.pem")
    run = play.plan_run("wiki").approve_everything()
    assert run.go() == "success"
    (attempt,) = run.record["attempts"]
    assert attempt["status"] == "COMPLETED"
    assert "reportSha256" in attempt
    assert (
        attempt["chainError"]
        == "[drs] evidence_key: /no/such/key.pem cannot be read: No such file or directory"
    )
    (event,) = play.events("evidenceFailed")
    assert event["error"] == attempt["chainError"]
