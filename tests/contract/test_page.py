"""The committed build of the page is that of its sources, and holds nothing that its policy forbids."""

from __future__ import annotations

import hashlib
import re

import pytest

from tests.contract.repository import REPOSITORY

pytestmark = pytest.mark.contract

PAGE = REPOSITORY / "page"
STATIC = REPOSITORY / "plugins" / "drs_provider" / "web" / "static"
#: As in page/vite.config.ts
SOURCES = (
    ".npmrc",
    "index.html",
    "package-lock.json",
    "package.json",
    "src",
    "tsconfig.json",
    "vite.config.ts",
)


def test_the_committed_build_is_that_of_the_sources() -> None:
    named = [PAGE / name for name in SOURCES]
    files = [file for name in named for file in ([name] if name.is_file() else name.rglob("*"))]
    digest = hashlib.sha256()
    for name in sorted(file.relative_to(PAGE).as_posix() for file in files if file.is_file()):
        digest.update(f"{name}\0".encode() + (PAGE / name).read_bytes() + b"\0")

    assert (STATIC / "source.sha256").read_text().strip() == digest.hexdigest(), "run `make page`"


def test_the_page_names_its_own_files_and_no_others() -> None:
    html = (STATIC / "index.html").read_text()
    named = re.findall(r'(?:src|href)="/__BASE__/([^"]+)"', html)
    kinds = sorted(name.rpartition(".")[2] for name in named)

    assert kinds == ["css", "js"]
    assert {file.name for file in STATIC.iterdir()} == {
        *named,
        "index.html",
        "licenses.txt",
        "source.sha256",
    }
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=", html)
    assert not re.search(
        r"https?://", html + (STATIC / next(n for n in named if n.endswith("css"))).read_text()
    )


def test_the_notices_name_every_bundled_package() -> None:
    notices = (STATIC / "licenses.txt").read_text()

    assert re.findall(r"^([@a-z][\w/@.-]*) \d+\.\d+\.\d+$", notices, re.MULTILINE) == [
        "react",
        "react-dom",
        "rolldown",
        "scheduler",
    ]
    assert notices.count("Permission is hereby granted") == 4


def test_the_lock_names_no_registry() -> None:
    assert "resolved" not in (PAGE / "package-lock.json").read_text()
