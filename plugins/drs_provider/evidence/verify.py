"""Proves the evidence store from its documents and the public key alone; no Airflow, no AWS account, no settings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drs_provider.evidence.facts import report_facts, statement_facts
from drs_provider.evidence.links import (
    FOLDER,
    LINK_VERSION,
    REPORT,
    SIGNATURE,
    STATEMENTS,
    is_evidence,
    link_bytes,
    number_of,
    sha256_of,
    signed_content,
)
from drs_provider.evidence.signing import SignatureError, TrustedKeys
from drs_provider.report.build import REPORT_VERSION, build_report, report_json

_FIGURES = ("summary", "verdict", "rto", "rpo", "failedServers", "gates", "waves", "criticalPath")


@dataclass(frozen=True)
class Problem:
    """Something that is not as it was written.

    :param where: path of the file below the store
    """

    where: str
    what: str

    def to_dict(self) -> dict[str, str]:
        """Return it for programs."""
        return {"file": self.where, "problem": self.what}


@dataclass(frozen=True)
class Proof:
    """What a look at the whole store came to.

    :param links: how many links there are
    :param documents: how many files they name
    :param head_sha256: SHA-256 of the newest link's file; kept elsewhere, it shows later that nothing was cut off
    :param signed: whether signatures were looked at
    """

    problems: tuple[Problem, ...]
    links: int
    documents: int
    head_sha256: str | None
    signed: bool

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def prove(
    files: Mapping[str, bytes], keys: TrustedKeys | None, *, expected_head: tuple[int, str] | None = None
) -> Proof:
    """Prove all links, and all documents.

    :param files: path below the store → content, of everything in it
    :param keys: None: signatures are not looked at
    :param expected_head: number and SHA-256 (or its beginning) of a link that was kept elsewhere
    """
    links, problems = _links(files)
    problems += _sequence(links, expected_head)
    named: dict[str, list[str]] = {}
    for link in links:
        problems += _link_problems(link, files, keys)
        for path in _documents(link.content):
            named.setdefault(path, []).append(link.path)
    problems += [
        Problem(path, "no link names it: it was added by hand, or its link could not be written")
        for path in files
        if is_evidence(path) and path not in named
    ]
    head = links[-1].sha256 if links else None
    return Proof(tuple(dict.fromkeys(problems)), len(links), len(named), head, keys is not None)


@dataclass(frozen=True)
class _Link:
    path: str
    number: int
    sha256: str
    content: Mapping[str, Any]
    raw: bytes


def _documents(link: Mapping[str, Any]) -> Mapping[str, Any]:
    documents = link.get("documents")
    return documents if isinstance(documents, Mapping) else {}


def _links(files: Mapping[str, bytes]) -> tuple[list[_Link], list[Problem]]:
    """Return the links that can be read, by number, and what is wrong with the other files of the chain."""
    links: dict[int, _Link] = {}
    problems = []
    for path in sorted(name for name in files if name.startswith(f"{FOLDER}/")):
        raw, number = files[path], number_of(path.removeprefix(f"{FOLDER}/"))
        content = _parsed(raw)
        stated = content.get("number") if content is not None else None
        if content is None:
            problems.append(Problem(path, "it is no JSON document"))
        elif content.get("linkVersion") != LINK_VERSION:
            problems.append(Problem(path, f"it is no link of version {LINK_VERSION}"))
        elif number is None or stated != number:
            other = f": a second document with number {stated}" if f"{FOLDER}/{stated}.json" in files else ""
            problems.append(Problem(path, f"its number is {stated}, its name says something else{other}"))
        else:
            links[number] = _Link(path, number, sha256_of(raw), content, raw)
    return [links[number] for number in sorted(links)], problems


def _parsed(raw: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(raw)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _sequence(links: Sequence[_Link], expected_head: tuple[int, str] | None) -> list[Problem]:
    """Return where the chain is broken."""
    by_number = {link.number: link for link in links}
    last = max(by_number, default=0)
    problems = [
        Problem(f"{FOLDER}/{number}.json", "the link is missing")
        for number in range(1, last + 1)
        if number not in by_number
    ]
    for link in links:
        before = by_number.get(link.number - 1)
        previous = before.sha256 if before else None
        if (before or link.number == 1) and link.content.get("previousSha256") != previous:
            problems.append(Problem(link.path, f"it does not follow link {link.number - 1} as that is now"))
    if expected_head:
        number, sha256 = expected_head
        if number not in by_number:
            problems.append(Problem(f"{FOLDER}/{number}.json", "the link is missing: the chain was cut off"))
        elif not by_number[number].sha256.startswith(sha256):
            problems.append(Problem(f"{FOLDER}/{number}.json", "it is not the link that was kept elsewhere"))
    return problems


def _link_problems(link: _Link, files: Mapping[str, bytes], keys: TrustedKeys | None) -> Iterator[Problem]:
    if link_bytes(link.content) != link.raw:
        yield Problem(link.path, "it is not as a link is written")
    if keys is not None:
        try:
            keys.require(link.content.get(SIGNATURE), signed_content(link.content))
        except SignatureError as error:
            yield Problem(link.path, str(error))
    documents = _documents(link.content)
    if not documents:
        yield Problem(link.path, "it names no document")
    for path, sha256 in documents.items():
        content = files.get(path)
        if content is None:
            yield Problem(path, f"it is missing; link {link.number} names it")
        elif sha256_of(content) != sha256:
            yield Problem(path, f"it was changed since link {link.number} was written")
        if content is not None and path.endswith(".json"):
            yield from _document_problems(path, content, link.content)


def _document_problems(path: str, raw: bytes, link: Mapping[str, Any]) -> Iterator[Problem]:
    document = _parsed(raw)
    if document is None:
        yield Problem(path, "it is no JSON document")
        return
    kind = link.get("kind")
    try:
        if kind == REPORT:
            of, facts = document["record"], report_facts(document)
            yield from _report_problems(path, document, raw)
        elif kind in STATEMENTS and document["kind"] == kind:
            of, facts = document, statement_facts(document)
        else:
            yield Problem(path, f"its link calls it {kind!r}")
            return
        stated = (of["planId"], of["executionId"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        yield Problem(path, f"it is not what its link calls it ({kind}): {type(error).__name__} {error}")
        return
    if stated != (link.get("planId"), link.get("executionId")):
        yield Problem(path, f"it is of plan {stated[0]}, execution {stated[1]}; its link says another")
    elif not path.startswith(f"{stated[0]}/{stated[1]}/"):
        yield Problem(
            path, f"it is of plan {stated[0]}, execution {stated[1]}, and stands in another's folder"
        )
    told = link.get("facts") or {}
    # A fact that came with a later version is not in it.
    if told != {name: facts.get(name) for name in told}:
        yield Problem(path, f"link {link.get('number')} says something else of it")


def _report_problems(path: str, report: Mapping[str, Any], raw: bytes) -> Iterator[Problem]:
    """Compute every figure again from the record that the report holds."""
    again = build_report(
        report["record"],
        previous=report.get("previousReport"),
        supersedes=report.get("supersedes"),
        findings=report.get("preflightFindings") or (),
    )
    again = json.loads(report_json(again))
    if report.get("reportVersion", 0) > REPORT_VERSION:
        yield Problem(
            path, "a newer version of this provider wrote it: its figures cannot be computed again here"
        )
        return
    for name in _FIGURES:
        # A figure that came with a later version is not in it.
        if name in report and report[name] != again.get(name):
            yield Problem(path, f"wrong figure: {name} does not follow from its record")
    if (report["executionId"], report["attempt"]) != (again["executionId"], again["attempt"]):
        yield Problem(path, "wrong figure: execution or attempt does not follow from its record")
    if report_json(report).encode("utf-8", "backslashreplace") != raw:
        yield Problem(path, "it is not as a report is written")
