"""Documents name files, commands and options that exist."""

from __future__ import annotations

import re

import pytest

from tests.contract.repository import PACKAGE, REPOSITORY

pytestmark = pytest.mark.contract

DOCUMENTS = sorted(file.name for file in REPOSITORY.glob("*.md") if file.name != "CHANGELOG.md")


def named(document: str, pattern: str) -> set[str]:
    return set(re.findall(pattern, (REPOSITORY / document).read_text(encoding="utf-8")))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_is_named_exists(document):
    paths = named(document, r"[\w.-]+(?:/[\w.-]+)+\.(?:py|ya?ml|md|json|j2|txt)\b")
    roots = (REPOSITORY, PACKAGE, PACKAGE.parent, PACKAGE / "simulator")
    made_by_runs = {path for path in paths if path.startswith("build/")}
    missing = {path for path in paths - made_by_runs if not any((root / path).exists() for root in roots)}
    assert missing == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_that_is_named_exists(document):
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z ]+):", makefile, re.MULTILINE))
    known = {target for line in targets for target in line.split()}
    assert named(document, r"(?m)(?:^|`)make ([a-z]+)") <= known


def test_the_licence_is_the_apache_licence_as_pyproject_says():
    text = (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert 'license = "Apache-2.0"' in (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
