"""The page in states that a live drill does not show: hostile texts, many servers, silence, other looks."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from embedded.needs import OPERATOR
from tests.e2e.browser.answers import COMMAND, HOSTILE, SERVERS, Answers
from tests.e2e.browser.conftest import Arrive
from tests.e2e.browser.people import NEEDS_CHROMIUM, assert_accessible, framed, run_path

pytestmark = [pytest.mark.e2e, NEEDS_CHROMIUM]

PATH = run_path("erp", "hostile")


def shown(person: Arrive, **settings: object) -> tuple[Page, Answers]:
    someone = person(OPERATOR, **settings)
    answers = Answers(someone.page)
    page = someone.open(PATH)
    expect(page.locator(".banner .kind")).to_have_text("RECOVERY")
    return page, answers


def hide(page: Page, hidden: bool) -> None:
    page.evaluate(
        """(hidden) => {
          Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def test_hostile_texts_are_texts_and_a_thousand_servers_are_paged(person: Arrive) -> None:
    page, _ = shown(person)
    rows = page.get_by_role("table", name="Servers").locator("tbody tr")

    expect(page.get_by_role("heading", level=1)).to_contain_text(HOSTILE)
    expect(rows).to_have_count(50)
    expect(rows.first).to_contain_text(f"{HOSTILE} 0000")
    expect(page.get_by_text("will miss by 6 min")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(rows.first).to_contain_text(f"{HOSTILE} 0050")
    page.get_by_role("columnheader", name="Server", exact=True).get_by_role("button").click()
    expect(page.get_by_role("columnheader", name="Server", exact=True)).to_have_attribute(
        "aria-sort", "ascending"
    )
    page.get_by_role("columnheader", name="Server", exact=True).get_by_role("button").click()
    expect(rows.first).to_contain_text(f"{HOSTILE} {SERVERS - 1:04}")
    page.get_by_label("Search").fill("0777")
    expect(rows).to_have_count(1)
    assert page.locator("main img, main script, main a[href^='javascript']").count() == 0
    assert page.evaluate("window.hacked") is None
    assert_accessible(page, "many problems")


def test_a_dialog_is_for_the_keyboard_and_a_conflict_says_who_was_faster(person: Arrive) -> None:
    page, answers = shown(person)
    button = page.locator(".four [data-act=cancel]")
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Cancel")

    expect(dialog).to_contain_text(HOSTILE)
    expect(dialog).to_contain_text("It does not stop: Jobs in DRS.")
    assert_accessible(page, "dialog")
    answers.refusal = (409, {"error": "dr-lead was faster: it is cancelled.", "remedy": "Look at its end."})
    dialog.get_by_label("Reason").fill("wrong plan")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("dr-lead was faster")
    expect(dialog.get_by_role("alert")).to_be_focused()
    answers.refusal = (422, {"error": "Say more.", "field": "reason"})
    dialog.get_by_label("Reason").press("Enter")
    expect(dialog.get_by_label("Reason")).to_be_focused()
    expect(dialog.get_by_label("Reason")).to_have_attribute("aria-invalid", "true")
    assert_accessible(page, "refused dialog")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()


def with_clock(person: Arrive) -> tuple[Page, Answers]:
    """The page with a clock that only tests move."""
    someone = person(OPERATOR)
    answers = Answers(someone.page)
    someone.page.clock.install()
    page = someone.open(PATH)
    page.clock.run_for(1_000)
    expect(page.locator(".banner .kind")).to_have_text("RECOVERY")
    return page, answers


def test_what_changes_is_said_once_and_nothing_is_read_while_hidden(person: Arrive) -> None:
    page, answers = with_clock(person)
    page.get_by_label("Search").focus()
    answers.execution["waves"] = [{"waveNumber": 1, "waveName": "database", "status": "COMPLETED"}]
    for _ in range(3):
        with page.expect_response("**/executions/erp/hostile"):
            page.clock.run_for(3_100)
        expect(page.get_by_role("status")).to_have_text("Wave 1 database: COMPLETED.")

    expect(page.get_by_label("Search")).to_be_focused()
    assert page.evaluate("window.said") == ["Wave 1 database: COMPLETED."]
    hide(page, True)
    page.clock.run_for(1_000)
    before = len(answers.asked)
    page.clock.run_for(60_000)
    assert len(answers.asked) == before
    with page.expect_response("**/executions/erp/hostile"):
        hide(page, False)


def test_what_is_old_is_stale_and_a_silent_server_leaves_the_last_state(person: Arrive) -> None:
    page, answers = with_clock(person)

    answers.silent = True
    page.clock.run_for(5_000)
    notice = page.locator("[data-stale]")
    expect(notice).to_have_attribute("data-stale", "false")
    expect(notice).to_contain_text("API server does not answer")
    page.clock.run_for(31_000)
    expect(notice).to_have_attribute("data-stale", "true")
    expect(notice).to_contain_text(re.compile(r"STALE: read at [\d:]+ UTC"))
    expect(notice).to_contain_text(COMMAND)
    expect(page.locator(".banner .state")).to_contain_text("POLLING")
    assert_accessible(page, "stale")
    answers.silent = False
    page.clock.run_for(5_000)
    expect(notice).to_have_count(0)


@pytest.mark.parametrize("width", [640, 320])
def test_a_narrow_or_enlarged_window_does_not_scroll_sideways(person: Arrive, width: int) -> None:
    # 1280 pixels at 200 % are 640 of the page's own, and 320 at 400 %.
    page, _ = shown(person, viewport={"width": width, "height": 720})

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.locator(".four [data-act=cancel]")).to_be_visible()
    page.locator(".four [data-act=cancel]").click()
    box = page.get_by_role("dialog").bounding_box()
    assert box is not None
    assert box["width"] <= width
    assert_accessible(page, f"{width} pixels wide")


def test_theme_and_zone_are_those_of_airflow(person: Arrive) -> None:
    someone = person(OPERATOR)
    page = someone.page
    page.goto(someone.stack.api_url)
    page.evaluate("localStorage.setItem('theme', 'dark'); localStorage.setItem('timezone', '\"Asia/Tokyo\"')")
    page.goto(f"{someone.stack.api_url}/plugin/recovery")
    frame = page.frame_locator("iframe")

    expect(frame.locator("html")).to_have_attribute("data-theme", "dark")
    expect(frame.locator("main")).to_contain_text("Asia/Tokyo")
    assert_accessible(framed(page), "plans, dark")
    page.evaluate("document.documentElement.className = 'light'")
    expect(frame.locator("html")).to_have_attribute("data-theme", "light")
