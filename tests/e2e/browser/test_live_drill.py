"""A drill from its start to its end, as people see it in Airflow: nobody reloads the page."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import Frame, Page, expect

from embedded import simulated_aws
from embedded.needs import CONNECTION, OPERATOR, VIEWER
from embedded.stack import Stack
from tests.e2e.browser.conftest import Arrive
from tests.e2e.browser.people import (
    NEEDS_CHROMIUM,
    SLOW_MS,
    Person,
    act,
    assert_accessible,
    expect_status,
    framed,
    picture,
    run_path,
)
from tests.e2e.plans import INTRANET

pytestmark = [pytest.mark.e2e, NEEDS_CHROMIUM]

COMMENT = "The window is open <b>until 4</b>."


def log_in(someone: Person, login: str) -> Frame:
    """Log in with Airflow's own form, and open the page from its navigation."""
    page = someone.page
    page.goto(someone.stack.api_url)
    page.locator("input[name=username]").fill(login)
    page.locator("input[name=password]").fill(someone.stack.secrets.passwords[login])
    page.locator("button[type=submit]").click()
    page.get_by_role("link", name="Recovery", exact=True).click()
    return framed(page)


def begin_drill(page: Page, frame: Frame) -> str:
    """Start a drill of the plan from the list of plans; return its run."""
    frame.get_by_role("link", name="Intranet").click()
    expect(frame.locator("[data-act=start]")).to_be_visible()
    assert_accessible(frame, "plan")
    act(frame, "start")
    page.wait_for_url(re.compile(f"/plugin/recovery/drs/executions/{INTRANET}/"), timeout=SLOW_MS)
    expect(frame.locator(".banner .kind")).to_have_text("DRILL")
    return str(frame.evaluate("decodeURIComponent(location.pathname.split('/').at(-1))"))


def assert_first_things_visible(page: Page, frame: Frame) -> None:
    """What is wanted first lies in the window without scrolling: kind and waves, waiting, times, problems."""
    expect(frame.locator(".four .lead", has_text="gate before wave 1 database")).to_be_visible(
        timeout=SLOW_MS
    )
    for place in (".banner", *(f".four > :nth-child({number})" for number in (1, 2, 3))):
        box = frame.locator(place).bounding_box()
        assert box is not None
        assert box["y"] >= 0, place
        assert box["y"] + box["height"] <= 720, place
    expect(frame.locator(".banner dl")).to_contain_text("of 2")
    waiting = frame.locator(".four > :nth-child(1)")
    for text in ("dr-approver-1", "UTC", "Europe/Berlin", "CANCELLED"):
        expect(waiting).to_contain_text(text)
    expect(waiting.locator("[data-act=answer_gate]")).to_be_visible()
    expect(frame.locator(".four > :nth-child(2)")).to_contain_text("elapsed")


def assert_cannot(viewer: Person, run_id: str) -> None:
    """A viewer sees everything, and is told who may: by the page, and by its route."""
    page = viewer.open(run_path(INTRANET, run_id))
    page.locator(".four [data-act=answer_gate]").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"{VIEWER} may look at this plan")
    expect(page.get_by_role("dialog").locator("button[type=submit]")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator(".four [data-act=answer_gate]")).to_be_focused()
    refused = page.evaluate(
        """async (path) => {
          const headers = {"Content-Type": "application/json"};
          const answer = await fetch(path, {method: "POST", headers, body: '{"answer": "Approve"}'});
          return [answer.status, (await answer.json()).error];
        }""",
        viewer.address(f"api/{run_path(INTRANET, run_id)}/acts/answer_gate"),
    )
    assert refused[0] == 403
    assert VIEWER in refused[1]


def assert_tab_shows_it(someone: Person, run_id: str) -> None:
    """The run's own tab in Airflow has the same page, with what is wanted first in the window."""
    page = someone.page
    page.goto(f"{someone.stack.api_url}/dags/drs_{INTRANET}/runs/{quote(run_id)}/plugin/recovery-run")
    page.locator("iframe").wait_for()
    assert_first_things_visible(page, framed(page))


def test_a_drill_is_started_approved_retried_judged_and_followed_to_its_end(
    person: Arrive, stack: Stack
) -> None:
    stack.wait_for_dag(f"drs_{INTRANET}")
    operator = person(None)
    frame = log_in(operator, OPERATOR)
    expect(frame.get_by_role("link", name="Intranet")).to_be_visible()
    assert_accessible(frame, "plans")
    picture(operator.page, "plans")
    run_id = begin_drill(operator.page, frame)
    assert_first_things_visible(operator.page, frame)
    frame.evaluate("window.loadedOnce = true")
    viewer = person(VIEWER)
    assert_cannot(viewer, run_id)
    assert_tab_shows_it(viewer, run_id)

    approver = person("dr-approver-1", color_scheme="dark")
    other = approver.open(run_path(INTRANET, run_id))
    expect(other.locator("html")).to_have_attribute("data-theme", "dark")
    expect(other.locator(".four [data-act=answer_gate]")).to_be_visible()
    assert_accessible(other, "execution that waits, dark")
    picture(other, "gate-dark")
    act(other, "answer_gate", answer="Approve", comment=COMMENT)
    expect(other.get_by_role("dialog")).to_have_count(0, timeout=SLOW_MS)

    problems = frame.locator(".problems").first
    expect(problems).to_contain_text("Conversion server terminated unexpectedly", timeout=SLOW_MS)
    assert_accessible(frame, "execution with a failed server")
    picture(operator.page, "failed")
    picture(other, "failed-dark")
    retry = frame.locator("[data-act=retry].danger").first
    expect(retry).to_be_visible(timeout=SLOW_MS)
    act(frame, "retry")
    expect(frame.locator(".four .lead", has_text="verdict")).to_be_visible(timeout=SLOW_MS)
    expect(frame.get_by_role("row", name="intra-db-1").get_by_text("LAUNCHED")).to_be_visible()
    act(frame, "drill_result", result="Passed", notes="Logged in; all is well.")
    expect_status(frame, "COMPLETED")
    expect(frame.locator(".banner dl")).to_contain_text("passed")
    assert_accessible(frame, "execution that has ended")
    expect_status(other, "COMPLETED")
    assert_accessible(other, "execution that has ended, dark")

    said = frame.evaluate("window.said")
    assert sum("DRILL COMPLETED" in text for text in said) == 1, said
    assert any("Wave 2 portal: COMPLETED" in text for text in said), said
    assert frame.evaluate("window.loadedOnce")
    execution_id = frame.evaluate(
        "fetch(location.pathname.replace('/drs/', '/drs/api/')).then(r => r.json()).then(e => e.executionId)"
    )
    record = simulated_aws.stored_record(
        stack.simulator_url, stack.needs.connections[CONNECTION], execution_id
    )
    assert record is not None
    answers = record["waves"][0]["gate"]["responses"]
    assert [(each["respondedBy"], each["comment"]) for each in answers] == [("dr-approver-1", COMMENT)]
    assert record["verdict"]["by"] == OPERATOR
