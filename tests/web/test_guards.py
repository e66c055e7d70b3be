"""No hole: every route of the page as everybody who might ask."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from drs_provider.web import files
from drs_provider.web.entry import EXTERNAL_VIEWS, HEADERS
from tests.web.roles import HER_DAG, STRANGER
from tests.web.world import BASE_PATH

#: Airflow's own models warn where they are written as JSON.
pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")

PLAN, RUN = "erp_three_tier", "gated"


@dataclass(frozen=True)
class Asked:
    """A route with the method and the address by which a test asks for it."""

    method: str
    route: str
    path: str

    @property
    def is_page(self) -> bool:
        return not self.route.startswith(("/api/", "/static/"))

    @property
    def of_plan(self) -> bool:
        return "{plan}" in self.route


def every_route() -> list[Asked]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from drs_provider.web.app import page_app
    values = {"{plan}": PLAN, "{run_id}": RUN, "{act}": "cancel", "{rest:path}": "x/y"}
    values["{name}"] = sorted(files.names())[0]
    found = []
    for route in page_app().routes:
        path = route.path
        for name, value in values.items():
            path = path.replace(name, value)
        assert "{" not in path, f"the test knows no value for {path}"
        found += [Asked(method, route.path, f"/drs{path}") for method in sorted(route.methods)]
    return found


@pytest.fixture(scope="module")
def routes():
    found = every_route()
    assert {"/", "/static/{name}", "/api/plans", "/api/executions/{plan}/{run_id}/acts/{act}"} <= {
        each.route for each in found
    }
    return found


def ask(airflow, user, asked, **headers):
    body = {} if asked.method == "POST" else None
    return airflow.ask(user, asked.path, asked.method, body, **headers)


def test_nobody_gets_anything_without_a_login(airflow, routes):
    for asked in routes:
        answer = ask(airflow, None, asked)
        if asked.is_page:
            assert answer.status_code == 307
            path = quote(f"{BASE_PATH}{asked.path}", safe="")
            assert answer.headers["location"] == f"{BASE_PATH}/api/v2/auth/login?next={path}"
        else:
            assert (asked.path, answer.status_code) == (asked.path, 401)
            assert answer.json() == {"error": "Not authenticated", "remedy": "log in to Airflow"}


def test_a_token_of_somebody_else_is_none(airflow, routes):
    for asked in routes:
        assert ask(airflow, None, asked, cookie="_token=eyJhbGciOiJub25lIn0.e30.").status_code == 403


def test_a_viewer_sees_everything_and_does_nothing(airflow, routes):
    for asked in routes:
        answer = ask(airflow, "vera", asked)
        assert (asked.path, answer.status_code) == (asked.path, 403 if asked.method == "POST" else 200)


def test_who_has_no_right_on_a_dag_sees_nothing_of_its_plan(airflow, routes):
    for asked in routes:
        answer = ask(airflow, STRANGER, asked)
        assert (asked.path, answer.status_code) == (asked.path, 403 if asked.of_plan else 200)
        if asked.of_plan:
            assert PLAN not in answer.text
    listed = airflow.ask(STRANGER, "/drs/api/plans").json()
    assert [f"drs_{plan['planId']}" for plan in listed["plans"]] == [HER_DAG]
    assert listed["total"] == 1


def test_the_dag_that_an_address_names_is_the_one_that_is_guarded(airflow):
    for word in ("dag:drs_erp_three_tier", "dag%3Adrs_erp_three_tier", "erp_three_tier"):
        assert airflow.ask(STRANGER, f"/drs/api/executions/{word}/gated").status_code == 403
        assert airflow.ask("vera", f"/drs/api/executions/{word}/gated").status_code == 200
    # A plan may be called so; it is not the plan without the prefix.
    assert airflow.ask("vera", "/drs/api/executions/drs_erp_three_tier/gated").status_code == 404


def test_other_sites_get_nothing(airflow, routes):
    for site in ("cross-site", "same-site"):
        for asked in routes:
            answer = ask(airflow, "otto", asked, sec_fetch_site=site)
            assert (asked.path, answer.status_code) == (asked.path, 403)


def test_the_page_may_be_linked_to_from_other_sites(airflow, routes):
    for asked in routes:
        answer = ask(airflow, "otto", asked, sec_fetch_site="cross-site", sec_fetch_mode="navigate")
        assert (asked.path, answer.status_code) == (asked.path, 200 if asked.is_page else 403)


def test_state_changes_need_the_page_s_own_origin_and_json(airflow, routes):
    posts = [asked for asked in routes if asked.method == "POST"]
    assert posts
    host = airflow.url.removeprefix("http://").removesuffix(BASE_PATH)
    for asked in posts:
        for headers in (
            {"sec_fetch_site": "none"},
            {"sec_fetch_site": ""},
            {"sec_fetch_site": "same-origin", "content_type": "text/plain"},
            {"sec_fetch_site": "same-origin", "content_type": "application/x-www-form-urlencoded"},
        ):
            assert ask(airflow, "otto", asked, **headers).status_code == 403, headers
    path = "/drs/api/executions/erp_three_tier/gated/acts/pause_before"
    for origin, status in ((f"http://{host}", 422), ("http://evil.example", 403), ("null", 403), (None, 403)):
        headers = {"origin": origin} if origin else {}
        answer = airflow.ask("otto", path, "POST", {}, without=("sec-fetch-site",), **headers)
        assert (origin, answer.status_code) == (origin, status)


def test_every_answer_carries_the_policies(airflow, routes):
    for asked in routes:
        for user in (None, "vera"):
            told = ask(airflow, user, asked).headers
            for name, value in HEADERS.items():
                if (
                    name == b"cache-control"
                    and told["cache-control"] == "private, max-age=31536000, immutable"
                ):
                    assert asked.route.startswith("/static/")
                    continue
                assert told[name.decode()] == value.decode()
    assert "'unsafe-" not in HEADERS[b"content-security-policy"].decode()
    assert airflow.ask("vera", "/drs/nowhere").headers["x-content-type-options"] == "nosniff"


def test_files_are_those_of_the_page_and_no_others(airflow):
    for name in ("../routes.py", "..%2Froutes.py", "index.html", "source.sha256", "%2Fetc%2Fpasswd", ""):
        assert airflow.ask("vera", f"/drs/static/{name}").status_code == 404


def test_addresses_begin_with_the_base_path(airflow):
    page = airflow.ask("vera", "/drs/executions/erp_three_tier/gated").text
    found = [each for each in re.findall(r'(?:src|href)="([^"]+)"', page) if not each.startswith("data:")]
    assert found
    for address in found:
        assert address.startswith(f"{BASE_PATH}/drs/static/")
        assert airflow.ask("vera", address.removeprefix(BASE_PATH)).status_code == 200
    views = {each["destination"]: each for each in EXTERNAL_VIEWS}
    # Airflow's UI has its base path in the document's base: only relative addresses are right everywhere.
    assert {name: view["href"] for name, view in views.items()} == {
        "nav": "drs/",
        "dag_run": "drs/executions/dag:{DAG_ID}/{RUN_ID}",
    }


def test_airflow_s_documents_of_the_routes_are_not_there(airflow):
    for path in ("docs", "redoc", "openapi.json"):
        assert airflow.ask("vera", f"/drs/{path}").status_code == 404
