"""Garbage is not looked for during a parse, and is afterwards, whatever the parse came to."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from drs_provider.dag_factory.collection import collection_paused


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    gc.enable()
    yield
    gc.enable()


def test_the_collection_is_paused_during_a_parse_only():
    during = collection_paused(lambda number: (number, gc.isenabled()))(1)

    assert during == (1, False)
    assert gc.isenabled()


def test_a_parse_that_fails_leaves_the_collection_on():
    @collection_paused
    def parse() -> None:
        raise ValueError("no plans")

    with pytest.raises(ValueError, match="no plans"):
        parse()

    assert gc.isenabled()


def test_what_is_off_already_stays_off():
    gc.disable()

    assert collection_paused(gc.isenabled)() is False
    assert not gc.isenabled()
