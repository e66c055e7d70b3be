"""People in front of the page: a browser context each, logged in to Airflow."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Frame, Page, expect

from embedded.stack import Stack

CHROMIUM = shutil.which("chromium")
NEEDS_CHROMIUM = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed (Debian's package `chromium`)"
)
#: For a machine without graphics, as root, that answers for no traffic of the browser's own
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
#: At most this long for what Airflow does in its own time
SLOW_MS = 180_000
_SERIOUS = ("serious", "critical")
_VIEW = {"width": 1280, "height": 720}
#: Notes what is announced, from the first document on
_LISTEN = """
window.said = [];
new MutationObserver(() => {
  const text = document.getElementById("announcements")?.textContent;
  if (text && text !== window.said.at(-1)) window.said.push(text);
}).observe(document, {childList: true, subtree: true, characterData: true});
"""


@dataclass
class Person:
    """Somebody's browser.

    :param problems: what the browser complained about: scripts' errors, violations of the policy
    """

    stack: Stack
    context: BrowserContext
    page: Page
    problems: list[str]

    def address(self, path: str = "") -> str:
        return f"{self.stack.api_url}/drs/{path}"

    def open(self, path: str = "") -> Page:
        """Open the page by itself, outside of Airflow's frame."""
        self.page.goto(self.address(path))
        return self.page


def arrive(browser: Browser, stack: Stack, login: str | None, **settings: Any) -> Person:
    """Open a browser, with a login of the stack as after Airflow's form."""
    context = browser.new_context(**({"viewport": _VIEW, "timezone_id": "Europe/Berlin"} | settings))
    context.add_init_script(_LISTEN)
    if login is not None:
        credentials = {"username": login, "password": stack.secrets.passwords[login]}
        answer = httpx.post(f"{stack.api_url}/auth/token", json=credentials, trust_env=False, timeout=60)
        token = answer.raise_for_status().json()["access_token"]
        context.add_cookies([{"name": "_token", "value": token, "url": stack.api_url, "httpOnly": True}])
    page = context.new_page()
    page.set_default_timeout(60_000)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda message: "Content Security Policy" in message.text and problems.append(message.text),
    )
    return Person(stack, context, page, problems)


def act(page: Page | Frame, name: str, **fields: str) -> None:
    """Open an act's dialog, fill in its fields by their labels, and confirm."""
    page.locator(f"[data-act={name}]").first.click()
    dialog = page.get_by_role("dialog")
    for label, value in fields.items():
        if dialog.get_by_role("radio", name=value, exact=True).count():
            dialog.get_by_role("radio", name=value, exact=True).check()
        else:
            dialog.get_by_label(label.capitalize()).fill(value)
    dialog.locator("button[type=submit]").click()


def assert_accessible(page: Page | Frame, where: str) -> None:
    """Fail for findings of axe that are serious or worse."""
    found = Axe().run(page).response["violations"]
    serious = [(each["id"], each["nodes"]) for each in found if each["impact"] in _SERIOUS]
    assert serious == [], (where, serious)


def run_path(plan: str, run_id: str) -> str:
    return f"executions/{plan}/{quote(run_id, safe='')}"


def expect_status(page: Page | Frame, status: str) -> None:
    """Wait until the banner has a status."""
    expect(page.locator(".banner .state")).to_contain_text(status, timeout=SLOW_MS)


def framed(page: Page) -> Frame:
    """Return what Airflow frames."""
    frame = page.locator("iframe").element_handle().content_frame()
    assert frame is not None
    return frame


def picture(page: Page, name: str) -> None:
    """Take a picture for docs/page.md, where one is wanted (`make pictures`)."""
    if folder := os.environ.get("DRS_TEST_PICTURES"):
        page.screenshot(path=Path(folder) / f"page-{name}.png")
