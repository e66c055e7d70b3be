"""The page about the command line shows the parser's own help texts and exit codes."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest

from tests.contract.repository import REPOSITORY

PAGE = REPOSITORY / "docs" / "command-line.md"


@pytest.fixture
def maker(monkeypatch) -> ModuleType:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    spec = importlib.util.spec_from_file_location("make_command_line", PAGE.with_name("make_command_line.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(maker):
    """If not: PYTHONPATH=plugins python docs/make_command_line.py"""
    text = PAGE.read_text(encoding="utf-8")
    assert maker.page(text) == text


def test_the_page_has_every_verb(maker):
    text = PAGE.read_text(encoding="utf-8")
    names = [name for name, _ in maker.help_texts()]
    assert len(names) == 19
    for name in names:
        assert f"$ {name} --help" in text
