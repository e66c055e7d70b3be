from __future__ import annotations

from collections.abc import Iterator

import pytest

from drs_provider.dag_factory.build import build_dag
from drs_provider.plan.files.folder import load_plan
from tests.harness.stage import SAMPLE_PLANS, stage
from tests.web.world import Moment, World, world

PLANS = ("erp_three_tier", "wiki", "wiki_with_steps")
#: What people may write, and clouds call things
HOSTILE = "<script>alert(1)</script>\"'&</title>"


@pytest.fixture(scope="package")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Airflow's API server, with runs of the ERP's plan: ``ended``; ``gated`` before its second wave; ``held``."""
    with stage("three_tier", tmp_path_factory.mktemp("stage")) as play:
        play.simulator.region("111122223333", "eu-west-1")
        ended = play.drill("erp_three_tier", {"ticket": "CHG-7"})
        run = play.plan_run("erp_three_tier", {"reason": HOSTILE})
        moments = {"ended": Moment(ended), "gated": Moment(run.go_until("gate_2"))}
        run.respond("gate_2", "Approve")
        moments["held"] = Moment(run.go_until("hold_drill"))
    with pytest.MonkeyPatch.context() as patch, world(tmp_path_factory.mktemp("airflow"), patch) as made:
        made.store_dags(*(build_dag(load_plan(SAMPLE_PLANS, name)) for name in PLANS))
        for name, moment in moments.items():
            made.store_run(moment, name)
        yield made
