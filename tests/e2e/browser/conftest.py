"""One Chromium for all tests of the page, before the stack of the other end-to-end tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from embedded.stack import Stack
from tests.e2e.browser.people import CHROMIUM, FLAGS, Person, arrive

Arrive = Callable[..., Person]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def person(browser: Browser, stack: Stack) -> Iterator[Arrive]:
    """Opens a browser for a login; whatever it complained about fails the test."""
    people: list[Person] = []

    def come(login: str | None, **settings: object) -> Person:
        people.append(arrive(browser, stack, login, **settings))
        return people[-1]

    yield come
    for each in people:
        each.context.close()
        assert each.problems == []
