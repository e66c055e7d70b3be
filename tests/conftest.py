"""Test environment: settled before Airflow is imported, so that no test reads or writes a real one."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from tests.harness import least_privilege

_AIRFLOW_HOME = tempfile.mkdtemp(prefix="drs-tests-airflow-")
atexit.register(shutil.rmtree, _AIRFLOW_HOME, ignore_errors=True)

for _name in [name for name in os.environ if name.startswith(("AIRFLOW", "AWS_"))]:
    del os.environ[_name]
os.environ.update(
    {
        "AIRFLOW_HOME": _AIRFLOW_HOME,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
        # No AWS identity of the machine may leak into a test.
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.path.join(_AIRFLOW_HOME, "aws-config"),
        "AWS_SHARED_CREDENTIALS_FILE": os.path.join(_AIRFLOW_HOME, "aws-credentials"),
    }
)

# A busy machine is no defect: how long an example takes decides nothing.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# Fast ones first: pure rules, then what needs a simulator, then whole programs and real Airflow processes.
_PURE = ("core", "plan", "rules")
_LAST = ("contract", "packaging", "embedded", "e2e")
# Side by side, the longest tests come first and the shortest last, so that no process is left with a long one.
_LONGEST = (
    "e2e",
    "faults",
    "scale",
    "embedded",
    "contract",
    "orchestration",
    "operators",
    "sensors",
    "triggers",
)
_TESTS = Path(__file__).parent
#: What stays on one process each, the first that fits: tests of real Airflow processes, on the stack that most of them
#: share and on others, and those that share a database and a wheel.
_TOGETHER = {
    "other stacks": ("tests/e2e/other_stacks/", "tests/chaos/test_chaos.py"),
    "e2e": ("tests/e2e/",),
    "packaging": ("tests/packaging/",),
}
#: Airflow has its masker of secrets in the core and in the task SDK.
_MASKERS = ("airflow._shared.secrets_masker", "airflow.sdk._shared.secrets_masker")


_NOT_WHOLE = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "collectonly")


def pytest_configure(config: pytest.Config) -> None:
    """Note the provider's AWS calls from now on."""
    least_privilege.install()


@pytest.hookimpl(trylast=True)
def pytest_runtest_call() -> None:
    """Fail a test whose calls no policy grants."""
    least_privilege.assert_granted()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a process has called; one that broke down has told nothing."""
    least_privilege.add(getattr(node, "workeroutput", {}).get("aws_actions", ()))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the session what was called; fail a whole run in which nobody called something that a policy grants."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["aws_actions"] = least_privilege.called()
    elif _is_whole(config) and not session.testsfailed and least_privilege.not_called():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say after a whole run what the policies have too much."""
    if _is_whole(config):
        extra = least_privilege.not_called()
        terminalreporter.section("rights in AWS")
        terminalreporter.line(
            f"{len(least_privilege.called())} called, 0 missing, {len(extra)} extra {extra or ''}"
        )


def _is_whole(config: pytest.Config) -> bool:
    return config.args == config.getini("testpaths") and not any(
        getattr(config.option, name, None) for name in _NOT_WHOLE
    )


def pytest_runtest_teardown() -> None:
    """Forget a test's connections: Airflow compiles one expression of all it ever saw, anew for each further one."""
    for name in _MASKERS:
        if module := sys.modules.get(name):
            module._secrets_masker().reset_masker()


def _room(item: pytest.Item) -> str:
    return item.path.relative_to(_TESTS).parts[0]


def _group(nodeid: str) -> str:
    return next((name for name, paths in _TOGETHER.items() if nodeid.startswith(paths)), "")


def _turn(item: pytest.Item) -> int:
    room = _room(item)
    return _LAST.index(room) + 2 if room in _LAST else int(room not in _PURE)


def _turn_side_by_side(item: pytest.Item) -> int:
    room = _room(item)
    return _LONGEST.index(room) if room in _LONGEST else len(_LONGEST) + int(room in _PURE)


class LargestTogether(LoadScopeScheduling):
    """Spreads tests over processes one by one; groups that share something stay on one process each, and begin first.

    The plugin's own way (`--dist loadgroup`) writes a private member of pytest's items that pytest 9.2 does not read.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid) or nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LargestTogether:
    """Return what gives tests to processes; the largest groups go first, beside all others."""
    return LargestTogether(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the rooms of the tests in their order, and in a room what shares a stack; else the order stays random."""
    turn = _turn_side_by_side if hasattr(config, "workerinput") else _turn
    items.sort(key=lambda item: (turn(item), _group(item.nodeid)))
