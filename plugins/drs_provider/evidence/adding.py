"""Adds evidence: a report that was written, or a statement, with its link."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from drs_provider.evidence.chain import append
from drs_provider.evidence.facts import report_facts, statement_facts
from drs_provider.evidence.links import FOLDER, REPORT, Entry, Head, is_evidence, sha256_of
from drs_provider.evidence.signing import Signer
from drs_provider.evidence.statements import write_statement
from drs_provider.evidence.store import EvidenceStore


def add_report(store: EvidenceStore, path: str, signer: Signer | None, *, at: float) -> Head:
    """Link a report: its JSON file, and its page if there is one.

    :param path: of its JSON file below the store
    :raises FileNotFoundError: if it is not there
    :raises EvidenceStoreError: if the store cannot be read or written
    """
    page = f"{path.removesuffix('.json')}.html"
    contents = {path: store.read(path)}
    if store.exists(page):
        contents[page] = store.read(page)
    report = json.loads(contents[path])
    entry = Entry(
        REPORT,
        report["record"]["planId"],
        report["executionId"],
        {name: sha256_of(content) for name, content in contents.items()},
        report_facts(report),
    )
    return append(store, entry, signer, written_at=at)


def add_missing(store: EvidenceStore, signer: Signer | None, *, at: float) -> list[str]:
    """Link every report and statement that no link names; return their paths.

    :raises EvidenceStoreError: if the store cannot be read or written
    """
    paths = store.paths()
    links = store.read_all(path for path in paths if path.startswith(f"{FOLDER}/"))
    named = {path for content in links.values() for path in json.loads(content).get("documents", {})}
    missing = [path for path in paths if is_evidence(path) and path.endswith(".json") and path not in named]
    for path in missing:
        if "/report-" in path:
            add_report(store, path, signer, at=at)
        else:
            content = store.read(path)
            _link_statement(store, path, content, signer, at=at)
    return missing


def add_statement(
    store: EvidenceStore, content: Mapping[str, Any], signer: Signer | None, *, at: float
) -> tuple[str, Head]:
    """Write a statement and link it; return its path and the link.

    :raises StatementError: if it closes a finding that there is not
    :raises EvidenceStoreError: if the store cannot be read or written
    """
    path, written = write_statement(store, content)
    return path, _link_statement(store, path, written, signer, at=at)


def _link_statement(
    store: EvidenceStore, path: str, written: bytes, signer: Signer | None, *, at: float
) -> Head:
    content = json.loads(written)
    entry = Entry(
        content["kind"],
        content["planId"],
        content["executionId"],
        {path: sha256_of(written)},
        statement_facts(content),
    )
    return append(store, entry, signer, written_at=at)
