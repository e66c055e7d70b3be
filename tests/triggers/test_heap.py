"""Searches for garbage look at what is new, and once an hour at everything."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from drs_provider.triggers import heap


class Node:
    """Something in a cycle."""

    def __init__(self) -> None:
        self.myself = self


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    now = [1000.0]
    monkeypatch.setattr(heap.time, "monotonic", lambda: now[0])
    callbacks = list(gc.callbacks)
    gc.collect()
    yield now
    gc.callbacks[:] = callbacks
    gc.unfreeze()


def test_what_a_search_has_seen_is_left_out_by_the_next(clock: list[float]) -> None:
    heap.search_only_what_is_new()
    node = Node()
    gone = weakref.ref(node)
    gc.collect()
    assert gc.get_freeze_count() > 1000

    del node
    gc.collect()

    assert gone() is not None


def test_new_garbage_is_found(clock: list[float]) -> None:
    heap.search_only_what_is_new()
    gc.collect()
    gone = weakref.ref(Node())

    gc.collect()

    assert gone() is None


def test_once_an_hour_everything_is_searched(clock: list[float]) -> None:
    heap.search_only_what_is_new()
    node = Node()
    gone = weakref.ref(node)
    gc.collect()
    del node
    clock[0] += heap.WHOLE_SECONDS

    gc.collect()

    assert gone() is None


def test_it_is_begun_once(clock: list[float]) -> None:
    heap.search_only_what_is_new()
    heap.search_only_what_is_new()

    assert sum(isinstance(each, heap.NewOnly) for each in gc.callbacks) == 1
