"""What the plugin hands to Airflow is loaded by every process; the page itself by the API server alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from drs_provider.web.entry import Page
from tests.contract.repository import PLUGINS


def test_a_process_that_loads_plugins_does_not_load_the_page(tmp_path):
    code = (
        "import sys; from airflow.sdk import BaseOperatorLink; import drs_provider.drs_plugin as plugin\n"
        "assert plugin.DrsPlugin.fastapi_apps and plugin.DrsPlugin.external_views\n"
        "print([name for name in ('fastapi', 'drs_provider.web.app', 'drs_provider.snapshot') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(PLUGINS), "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.filterwarnings("ignore:Using `httpx`")  # what the API server's modules import warns
@pytest.mark.parametrize("own", [[], [(b"cache-control", b"private")]])
async def test_headers_are_added_once(own, monkeypatch):
    sent = []

    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": own})
        await send({"type": "http.response.body", "body": b""})

    async def note(message):
        sent.append(message)

    monkeypatch.setattr("drs_provider.web.app.page_app", lambda: app)
    scope = {"type": "http", "app": "Airflow's"}
    await Page()(scope, None, note)
    names = [name for name, _ in sent[0]["headers"]]
    assert len(names) == len(set(names))
    assert dict(sent[0]["headers"])[b"cache-control"] == (b"private" if own else b"no-store")
    assert scope["drs.airflow"] == "Airflow's"
