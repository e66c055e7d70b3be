"""Documents name files, commands and options that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drs_provider.options import OPTIONS
from tests.contract.repository import PACKAGE, REPOSITORY, SIMULATOR

pytestmark = pytest.mark.contract

DOCUMENTS = sorted(
    str(file.relative_to(REPOSITORY))
    for pages in ("*.md", "docs/*.md", "simulator/*.md")
    for file in REPOSITORY.glob(pages)
)


def text_of(document: str) -> str:
    return (REPOSITORY / document).read_text(encoding="utf-8")


def named(document: str, pattern: str) -> set[str]:
    return set(re.findall(pattern, text_of(document)))


def prose(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def anchors(file: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.*)$", prose(file.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_is_named_exists(document):
    paths = named(document, r"[\w.-]+(?:/[\w.-]+)+\.(?:py|ya?ml|md|json|j2|txt)\b")
    roots = (REPOSITORY, PACKAGE, PACKAGE.parent, SIMULATOR / "drs_simulator")
    made_by_runs = {path for path in paths if path.startswith(("build/", "reports/"))}
    missing = {path for path in paths - made_by_runs if not any((root / path).exists() for root in roots)}
    assert missing == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document):
    page = REPOSITORY / document
    links = set(re.findall(r"\]\(([^)\s]+)\)", prose(text_of(document))))
    broken = set()
    for link in links:
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        file = (page.parent / path) if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.add(link)
    assert broken == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_option_that_is_named_exists(document):
    options = named(document, r"\[drs\] (\w+)\b(?!\*)") | {
        name.lower() for name in named(document, r"AIRFLOW__DRS__([A-Z_]+)\b")
    }
    forms = {
        f"{name}_{form}" for name, each in OPTIONS.items() if each.sensitive for form in ("cmd", "secret")
    }
    assert {option for option in options if not option.endswith("_")} <= OPTIONS.keys() | forms


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
