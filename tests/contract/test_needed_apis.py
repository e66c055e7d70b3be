"""An Airflow that has not got what this package uses of its inside: only what rests on it stops, and is named."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from drs_provider.airflow_api import listeners
from drs_provider.airflow_api.needed import NEEDS, Missing, Need, optional
from drs_provider.exceptions import DrsFailError
from tests.contract.repository import PACKAGE, PLUGINS, imported_names, modules
from tests.harness.stage import SAMPLE_PLANS

pytestmark = pytest.mark.contract

INNER = (
    "airflow.sdk.execution_time",
    "airflow.sdk.listener",
    "airflow.dag_processing",
    "airflow.serialization",
)


def test_inner_modules_are_imported_only_where_their_absence_is_borne():
    imported = {
        (module.relative_to(PACKAGE).as_posix(), name)
        for module in modules(PACKAGE)
        for name in imported_names(module)
        if name.startswith(INNER)
    }
    assert {module for module, _ in imported} == {"airflow_api/dag_trial.py"}, "which looks before it calls"
    needed = [need.path.replace(":", ".") for need in NEEDS]
    assert [name for _, name in imported if not any(path.startswith(name) for path in needed)] == []


def test_a_need_tells_what_is_the_matter():
    assert Need("json:loads", "x", 1).problem() is None
    assert "json:nothing is missing" in str(Need("json:nothing", "x").problem())
    assert "no_such_module:x is missing" in str(Need("no_such_module:x", "x").problem())
    assert "takes other arguments" in str(Need("json:loads", "x", 0, frozenset({"text"})).problem())


def test_what_is_missing_fails_when_it_is_used():
    gone = optional("airflow.sdk.execution_time.hitl:no_such_thing")
    assert isinstance(gone, Missing)
    for use in (lambda: gone(ti_id="x"), lambda: gone.get_task_states(dag_id="x")):
        with pytest.raises(
            DrsFailError, match=r"this Airflow has no airflow.sdk.execution_time.hitl:no_such_thing"
        ):
            use()


def test_where_airflow_does_not_tell_of_listeners_somebody_may_listen(monkeypatch):
    monkeypatch.setattr(listeners, "get_listener_manager", optional("airflow.sdk.listener:gone"))
    assert listeners.has_listeners()


def without(*names):
    """Run code in a process whose Airflow has not got some names, and return what it prints."""
    code = """
import sys, pkgutil
class Gone:
    def find_spec(self, name, path=None, target=None):
        if name in GONE:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Gone())
from drs_provider.airflow_api import hitl, needed
from drs_provider.dag_factory.register import recovery_plan_dags
from drs_provider.exceptions import DrsFailError
from pathlib import Path
print(sorted(recovery_plan_dags(Path(sys.argv[1]))))
print(sorted({need.path.split(":")[0] for need, _ in needed.missing()}))
try:
    hitl.close_request("ti", "Reject")
except DrsFailError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"GONE = {set(names)!r}\n{code}", str(SAMPLE_PLANS)],
        env={**os.environ, "PYTHONPATH": str(PLUGINS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-3:]


def test_a_missing_api_stops_only_what_rests_on_it():
    gone = ["airflow.sdk.execution_time.hitl", "airflow.dag_processing.dagbag"]
    dags, told, asked = without(*gone)
    names = ["drs_erp_three_tier", "drs_shop_two_regions", "drs_wiki", "drs_wiki_with_steps"]
    assert dags == str(names), "plans stay"
    assert told == str(sorted(gone))
    assert asked.startswith("this Airflow has no airflow.sdk.execution_time.hitl:update_hitl_detail_response")
