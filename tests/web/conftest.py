from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from drs_provider.dag_factory.build import build_dag
from drs_provider.plan.files.folder import load_plan
from embedded.environment import SCENARIOS
from tests.harness.stage import SAMPLE_PLANS, stage
from tests.web.world import Moment, World, world

PLANS = ("erp_three_tier", "wiki", "wiki_with_steps")
#: What people may write, and clouds call things
HOSTILE = "<script>alert(1)</script>\"'&</title>"


@pytest.fixture(scope="package")
def moments(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Moment]:
    """Runs of the ERP's plan on the stage, by what they are: ended, gated before wave 2, held, failed in wave 1."""
    scenario = yaml.safe_load((SCENARIOS / "three_tier.yaml").read_text())
    fails = {"at": "CONVERSION_FAIL", "attempts": [3], "error": f"Conversion server terminated {HOSTILE}"}
    scenario["servers"]["erp"][0]["fail"] = fails
    with stage(scenario, tmp_path_factory.mktemp("stage")) as play:
        found = {"ended": Moment(play.drill("erp_three_tier", {"ticket": "CHG-7"}))}
        run = play.plan_run("erp_three_tier", {"reason": HOSTILE})
        found["gated"] = Moment(run.go_until("gate_2"))
        run.respond("gate_2", "Approve")
        found["held"] = Moment(run.go_until("hold_drill"))
        run.respond("hold_drill", "Passed")
        run.go()
        found["failed"] = Moment(play.drill("erp_three_tier"))
    return found


@pytest.fixture(scope="package")
def airflow(tmp_path_factory: pytest.TempPathFactory, moments: dict[str, Moment]) -> Iterator[World]:
    """Airflow's API server, with these runs; they are called what they are."""
    with pytest.MonkeyPatch.context() as patch, world(tmp_path_factory.mktemp("airflow"), patch) as made:
        made.store_dags(*(build_dag(load_plan(SAMPLE_PLANS, name)) for name in PLANS))
        for name in ("ended", "gated", "held"):
            made.store_run(moments[name], name)
        made.store_run(moments["gated"].renamed("erp-db-1", HOSTILE), "hostile")
        yield made


@pytest.fixture
def gated(moments: dict[str, Moment]) -> Moment:
    return moments["gated"]


@pytest.fixture
def failed(airflow: World, moments: dict[str, Moment], request: pytest.FixtureRequest) -> str:
    """A drill of its own whose first wave failed."""
    airflow.store_run(moments["failed"], request.node.name)
    return str(request.node.name)
