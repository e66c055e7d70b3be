"""The verbs of evidence: add to it, and prove it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drs_provider import keys
from drs_provider.acts.starting import check_dag
from drs_provider.airflow_rest.client import Api, path
from drs_provider.airflow_rest.executions import Execution
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.airflow_rest.texts import one_line
from drs_provider.cli.airflow_api.login import login_of
from drs_provider.cli.display.output import Output
from drs_provider.core.identity import EVIDENCE_DAG_ID
from drs_provider.evidence.conf import LINK
from drs_provider.evidence.links import FINDING, FINDING_CLOSED, NOTE, SIGN_OFF
from drs_provider.exceptions import DrsError

_COLUMNS = {"file": "file", "problem": "what is wrong"}


def note(arguments: argparse.Namespace) -> ExitCode:
    """Add a note."""
    return _add(arguments, {"kind": NOTE, "text": arguments.text})


def finding(arguments: argparse.Namespace) -> ExitCode:
    """Add a finding."""
    fields = {"kind": FINDING, "text": arguments.text, "owner": arguments.owner, "due": arguments.due}
    return _add(arguments, fields)


def close_finding(arguments: argparse.Namespace) -> ExitCode:
    """Close a finding."""
    fields = {"kind": FINDING_CLOSED, "text": arguments.text, "finding": arguments.finding}
    return _add(arguments, fields)


def sign_off(arguments: argparse.Namespace) -> ExitCode:
    """Sign an execution off."""
    return _add(arguments, {"kind": SIGN_OFF, "text": arguments.text, "result": arguments.result})


def link(arguments: argparse.Namespace) -> ExitCode:
    """Link what no link names."""
    with Api(login_of(arguments)) as api:
        added = _run(api, {"kind": LINK}, arguments)
    output = Output(arguments.output)
    if output.for_people:
        output.say("\n".join(f"linked {name}" for name in added["linked"]) or "every document has its link")
    else:
        output.data(added)
    return ExitCode.OK


def _add(arguments: argparse.Namespace, fields: Mapping[str, Any]) -> ExitCode:
    with Api(login_of(arguments)) as api:
        added = _run(api, {**fields, **_about(api, arguments)}, arguments)
    output = Output(arguments.output)
    if output.for_people:
        output.say(f"added {added['document']}, link {added['link']} of the chain (sha256 {added['sha256']})")
    else:
        output.data(added)
    return ExitCode.OK


def _about(api: Api, arguments: argparse.Namespace) -> dict[str, str]:
    """Return which execution is meant; one that Airflow no longer has is named by its id."""
    if arguments.execution_id:
        return {"plan": arguments.run, "execution_id": arguments.execution_id}
    execution = Execution.find(api, arguments.run)
    record = execution.record(execution.tasks()) or execution.header or {}
    execution_id = record.get("executionId") or record.get("execution_id")
    if not execution_id:
        raise RefusedError(f"{execution.name} has not begun, or was no execution", "", ExitCode.CONFLICT)
    return {"plan": execution.plan, "execution_id": str(execution_id), "run_id": execution.run_id}


def _run(api: Api, conf: Mapping[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the DAG of evidence, and return what it has written."""
    dag = api.find(f"/dags{path(EVIDENCE_DAG_ID)}")
    if dag is None:
        remedy = "its file is recovery_sweeper.py in the DAGs folder"
        raise RefusedError(f"Airflow has no DAG {EVIDENCE_DAG_ID}", remedy, ExitCode.NOT_FOUND)
    check_dag("evidence", dag)
    execution = Execution.start(api, EVIDENCE_DAG_ID, conf)
    began = time.monotonic()
    while not execution.ended:
        if arguments.timeout is not None and time.monotonic() - began >= arguments.timeout:
            raise RefusedError(
                f"run {execution.run_id} of {EVIDENCE_DAG_ID} has not ended in time",
                f"it goes on: {api.url}{path('dags', EVIDENCE_DAG_ID)}",
                ExitCode.TIMEOUT,
            )
        time.sleep(arguments.interval)
        execution.refresh()
    added = execution.xcom(keys.EVIDENCE, "return_value")
    if not isinstance(added, dict):
        ended = f"run {execution.run_id} of {EVIDENCE_DAG_ID} ended {execution.run['state']}"
        raise RefusedError(one_line(execution.failure(keys.EVIDENCE) or ended), "", ExitCode.REFUSED_INPUT)
    return added


def verify(arguments: argparse.Namespace) -> ExitCode:
    """Prove the chain, every document in it, every figure of every report; needs no Airflow that runs."""
    from drs_provider import settings
    from drs_provider.evidence.signing import SignatureError, TrustedKeys, public_key_of
    from drs_provider.evidence.store import EvidenceStore
    from drs_provider.evidence.verify import prove

    output = Output(arguments.output)
    url = arguments.store or settings.reports_path()
    try:
        keys_given = [public_key_of(name, Path(name).read_bytes()) for name in arguments.key or ()]
        store = EvidenceStore(url)
        files = store.read_all(store.paths())
    except SignatureError as error:
        raise RefusedError(str(error), "", ExitCode.REFUSED_INPUT) from error
    except OSError as error:
        raise RefusedError(str(error), "", ExitCode.ERROR) from error
    if not files:
        raise RefusedError(f"there is no evidence below {url}", "name another: --store", ExitCode.NOT_FOUND)
    trusted = TrustedKeys(keys_given) if keys_given else None
    proof = prove(files, trusted, expected_head=_head(arguments.head))
    counted = f"{proof.links} links, {proof.documents} documents below {url}"
    signatures = "signatures proven" if proof.signed else "signatures not looked at: no --key"
    if output.for_people:
        if proof.problems:
            output.rows(_COLUMNS, [problem.to_dict() for problem in proof.problems])
        verdict = f"{len(proof.problems)} problems" if proof.problems else "intact"
        output.say(f"{verdict}: {counted}; {signatures}")
        if proof.links:
            output.say(f"keep this elsewhere: --head {proof.links}:{proof.head_sha256}")
    else:
        output.data(
            {
                "ok": proof.ok,
                "links": proof.links,
                "documents": proof.documents,
                "headSha256": proof.head_sha256,
                "signaturesProven": proof.signed,
                "problems": [problem.to_dict() for problem in proof.problems],
            }
        )
    return ExitCode.OK if proof.ok else ExitCode.ERROR


def _head(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    number, _, sha256 = text.partition(":")
    if not number.isdecimal() or not sha256:
        remedy = "the form is NUMBER:SHA256, as this verb prints it"
        raise RefusedError(f"--head {text} is no head of a chain", remedy, ExitCode.REFUSED_INPUT)
    return int(number), sha256


def key(arguments: argparse.Namespace) -> ExitCode:
    """Print the public key of ``[drs] evidence_key``, with which anybody can prove the evidence."""
    from drs_provider.evidence.opening import evidence_signer
    from drs_provider.evidence.signing import key_id_of, pem_of

    try:
        signer = evidence_signer("drs-evidence")
    except (OSError, DrsError) as error:
        raise RefusedError(str(error), "", ExitCode.ERROR) from error
    if signer is None:
        raise RefusedError("[drs] evidence_key is not set: evidence is not signed", "", ExitCode.NOT_FOUND)
    output = Output(arguments.output)
    pem, key_id = pem_of(signer.public_key), key_id_of(signer.public_key)
    if output.for_people:
        output.say(pem.rstrip())
        output.note(f"key id {key_id}")
    else:
        output.data({"publicKey": pem, "keyId": key_id})
    return ExitCode.OK
