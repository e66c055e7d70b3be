"""The proof of a store: what is intact is proven, and every kind of tampering is found and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drs_provider.evidence.links import SIGNATURE, link_bytes, link_path, sha256_of, signed_content
from drs_provider.evidence.signing import FileSigner
from drs_provider.evidence.verify import Proof, prove
from drs_provider.report.build import report_json
from tests.evidence.world import files_of, fill, signer_in, trusted

Files = dict[str, bytes]


class Store:
    """A store's files, to be tampered with; the keys of its owner and of somebody else."""

    def __init__(self, folder: Path) -> None:
        self.signer, self.stranger = signer_in(folder), signer_in(folder, "foreign.pem")
        (folder / "store").mkdir()
        self.files: Files = files_of(fill((folder / "store").as_uri(), self.signer))

    def prove(self, **options: Any) -> Proof:
        return prove(self.files, trusted(self.signer), **options)

    def link(self, number: int) -> dict[str, Any]:
        link: dict[str, Any] = json.loads(self.files[link_path(number)])
        return link

    def report(self, end: str = "json") -> str:
        return next(name for name in sorted(self.files) if "report-1" in name and name.endswith(end))

    def relink(self, number: int, signer: FileSigner | None, **changes: Any) -> None:
        """Write a link anew, and all that follow it, as somebody could who has a key and may write the store."""
        before = None if number == 1 else sha256_of(self.files[link_path(number - 1)])
        while link_path(number) in self.files:
            link = {**self.link(number), "previousSha256": before, **changes}
            changes = {}
            link.pop(SIGNATURE)
            if signer is not None:
                link[SIGNATURE] = signer.sign(signed_content(link))
            self.files[link_path(number)] = link_bytes(link)
            before, number = sha256_of(self.files[link_path(number)]), number + 1

    def rewrite_report(self, signer: FileSigner | None, change: Callable[[dict[str, Any]], None]) -> None:
        """Change a report, and link it anew as if it had always been so."""
        name = self.report()
        report = json.loads(self.files[name])
        change(report)
        self.files[name] = report_json(report).encode()
        documents = {**self.link(1)["documents"], name: sha256_of(self.files[name])}
        self.relink(1, signer, documents=documents)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_an_intact_store_is_proven(store: Store) -> None:
    proof = store.prove()
    assert (proof.problems, proof.links, proof.documents, proof.signed) == ((), 4, 6, True)
    assert proof.head_sha256 == sha256_of(store.files["chain/4.json"])
    assert store.prove(expected_head=(4, proof.head_sha256[:12])).ok


def test_an_empty_store_has_nothing_to_prove(tmp_path: Path) -> None:
    proof = prove({}, None)
    assert (proof.ok, proof.links, proof.head_sha256, proof.signed) == (True, 0, None, False)


def _changed_byte(store: Store, name: str) -> None:
    store.files[name] = store.files[name].replace(b"e", b"E", 1)


def _moved(store: Store, old: str, new: str) -> None:
    store.files[new] = store.files.pop(old)


def _swapped(store: Store) -> None:
    one, two = store.files["chain/2.json"], store.files["chain/3.json"]
    store.files |= {"chain/2.json": two, "chain/3.json": one}


def _other_plan(report: dict[str, Any]) -> None:
    report["record"]["planId"] = "another_plan"


def _faster(report: dict[str, Any]) -> None:
    report["rto"]["usedSeconds"] = 1


TAMPERING: dict[str, tuple[Callable[[Store], Any], str]] = {
    "a byte of a report": (lambda s: _changed_byte(s, s.report()), "it was changed since link 1 was written"),
    "a byte of a page": (
        lambda s: _changed_byte(s, s.report("html")),
        "it was changed since link 1 was written",
    ),
    "a byte of a link": (lambda s: _changed_byte(s, "chain/2.json"), "its signature is not of this content"),
    "a byte of a sign-off": (
        lambda s: _changed_byte(s, next(name for name in s.files if name.endswith("statement-2.json"))),
        "it was changed since link 4 was written",
    ),
    "a link taken out": (lambda s: s.files.pop("chain/2.json"), "chain/2.json: the link is missing"),
    "the newest link cut off": (
        lambda s: [s.files.pop("chain/4.json")],
        "statement-2.json: no link names it",
    ),
    "a report deleted": (lambda s: s.files.pop(s.report()), "it is missing; link 1 names it"),
    "two links swapped": (_swapped, "chain/2.json: its number is 3"),
    "two documents with one number": (
        lambda s: s.files.update({"chain/02.json": s.files["chain/2.json"]}),
        "chain/02.json: its number is 2, its name says something else: a second document with number 2",
    ),
    "a report added by hand": (
        lambda s: s.files.update({"erp/x/report-1.json": s.files[s.report()]}),
        "erp/x/report-1.json: no link names it",
    ),
    "a chain of a foreign key": (
        lambda s: s.relink(1, s.stranger),
        "chain/1.json: it is signed with a foreign key",
    ),
    "a chain without signatures": (lambda s: s.relink(1, None), "chain/1.json: it is not signed"),
    "a wrong figure, signed with the own key": (
        lambda s: s.rewrite_report(s.signer, _faster),
        "wrong figure: rto does not follow from its record",
    ),
    "a report of another plan": (
        lambda s: s.rewrite_report(s.signer, _other_plan),
        "it is of plan another_plan, execution",
    ),
    "other facts in a link": (
        lambda s: s.relink(2, s.signer, facts={**s.link(2)["facts"], "status": "COMPLETED"}),
        "link 2 says something else of it",
    ),
    "a link that names nothing": (
        lambda s: s.relink(3, s.signer, documents={}),
        "chain/3.json: it names no document",
    ),
    "a link of another kind": (
        lambda s: s.relink(3, s.signer, kind="report"),
        "it is not what its link calls it",
    ),
    "no JSON": (lambda s: s.files.update({"chain/3.json": b"\xff"}), "chain/3.json: it is no JSON document"),
}


@pytest.mark.parametrize("kind", TAMPERING)
def test_tampering_is_found(store: Store, kind: str) -> None:
    tamper, found = TAMPERING[kind]
    tamper(store)
    proof = store.prove()
    assert not proof.ok
    told = [f"{problem.where}: {problem.what}" for problem in proof.problems]
    assert any(found in text for text in told), told


def test_a_head_kept_elsewhere_shows_that_the_end_was_cut_off(store: Store) -> None:
    head = sha256_of(store.files["chain/4.json"])
    del store.files["chain/4.json"]
    store.files = {name: raw for name, raw in store.files.items() if not name.endswith("statement-2.json")}
    assert store.prove().ok  # nothing in it tells
    (problem,) = store.prove(expected_head=(4, head)).problems
    assert problem.what == "the link is missing: the chain was cut off"
    (problem,) = store.prove(expected_head=(3, head)).problems
    assert problem.what == "it is not the link that was kept elsewhere"


def test_an_older_key_is_trusted_beside_the_new_one(store: Store) -> None:
    assert prove(store.files, trusted(store.stranger, store.signer)).ok
    assert not prove(store.files, trusted(store.stranger)).ok


def test_what_a_later_version_adds_to_reports_does_not_break_older_ones(store: Store) -> None:
    store.rewrite_report(store.signer, lambda report: report.pop("criticalPath") and None)
    assert store.prove().ok
