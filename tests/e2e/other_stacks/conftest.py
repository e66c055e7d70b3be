"""A stack unlike the launcher's, for the tests of what other installations have."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from embedded.environment import DAGS, SCENARIOS, Secrets
from embedded.needs import ADMIN, OPERATOR, VIEWER
from embedded.stack import Stack
from tests.e2e.conftest import ENDS_SOON, SPEED, STEADY
from tests.e2e.other_stacks import many_gates

FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
OTHER_SETTINGS = STEADY | ENDS_SOON | {"AIRFLOW__CORE__AUTH_MANAGER": FAB}
LEAD, APPROVER, OP, NOBODY = "dr-lead", "dr-approver-1", "airflow-op", "newcomer"
#: Roles of FAB
ROLES = {
    ADMIN: "Admin",
    OP: "Op",
    LEAD: "User",
    APPROVER: "User",
    OPERATOR: "User",
    VIEWER: "Viewer",
    NOBODY: "Public",
}
#: As `airflow users create` does it, for all of them in one process
CREATE_USERS = """
import json, sys
from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
with get_application_builder() as builder:
    for login, role, password in json.loads(sys.stdin.read()):
        found = builder.sm.find_role(role)
        assert builder.sm.add_user(login, "A", "Person", f"{login}@localhost", found, password), login
"""


class OtherStack(Stack):
    """FAB decides who may do what; every component remembers plans in a folder of its own, as on several machines."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.secrets = Secrets.generate(ROLES)

    def environment_of(self, component: str) -> dict[str, str]:
        own = {"AIRFLOW__DRS__STATE_PATH": str(self.state_of(component))}
        return super().environment_of(component) | own

    def start_scheduler_anew(self, settings: Mapping[str, str]) -> None:
        """Let a scheduler with these settings take the place of the present one."""
        self.kill_component("scheduler", whole_session=True)
        self.settings = settings
        self.start_component("scheduler")

    def state_of(self, component: str) -> Path:
        """Where a component remembers plans."""
        return self.root / "state-of" / component


@pytest.fixture(scope="package")
def other_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtherStack]:
    """A stack with FAB and folders apart, a plan `intranet` for the servers of `wiki`, and one of many gates."""
    root = tmp_path_factory.mktemp("stacks")
    shutil.copytree(DAGS, root / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    plans = root / "dags" / "plans"
    wiki = (plans / "wiki.yaml").read_text(encoding="utf-8")
    (plans / "intranet.yaml").write_text(wiki.replace("name: wiki", "name: intranet"), encoding="utf-8")
    (plans / f"{many_gates.PLAN}.yaml").write_text(yaml.safe_dump(many_gates.plan()), encoding="utf-8")
    shipped = yaml.safe_load((SCENARIOS / "three_tier.yaml").read_text(encoding="utf-8"))
    world = root / "scenario.yaml"
    world.write_text(yaml.safe_dump(many_gates.with_servers(shipped)), encoding="utf-8")
    with OtherStack(
        root / "other", speed=SPEED, scenario=world, dags=root / "dags", settings=OTHER_SETTINGS
    ) as running:
        create_users(running)
        yield running


def create_users(stack: Stack) -> None:
    users = [(login, role, stack.secrets.passwords[login]) for login, role in ROLES.items()]
    command = [sys.executable, "-c", CREATE_USERS]
    subprocess.run(
        command,
        env=stack.environment,
        input=json.dumps(users),
        text=True,
        check=True,
        capture_output=True,
        timeout=180,
    )
