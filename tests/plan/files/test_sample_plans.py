from __future__ import annotations

from drs_provider.plan.files.folder import load_catalog
from drs_provider.plan.steps.base import CheckModel
from drs_provider.plan.steps.checks import LookStep
from drs_provider.plan.steps.kinds import BY_TAG
from tests.plan.plan_files import SAMPLE_FOLDER


def test_samples_load_without_a_problem():
    catalog = load_catalog(SAMPLE_FOLDER)
    assert [str(problem) for problem in catalog.problems] == []
    assert {"erp_three_tier", "shop_two_regions", "wiki"} <= set(catalog.plans)
    for name, loaded in catalog.plans.items():
        assert loaded.file.stem == name


def test_three_tiers_in_one_account_one_after_the_other():
    plan = load_catalog(SAMPLE_FOLDER).plans["erp_three_tier"].plan
    assert [wave.name for wave in plan.waves] == ["database", "application", "web"]
    assert [plan.dependencies(wave.name) for wave in plan.waves] == [(), ("database",), ("application",)]
    assert [wave.gate is not None for wave in plan.waves] == [False, True, False]
    assert {plan.target_of(wave).account_id for wave in plan.waves} == {"111122223333"}
    assert not plan.wave("application").is_critical("s-2222222222222222c", {"App": "erp", "Role": "batch"})


def test_two_regions_side_by_side():
    plan = load_catalog(SAMPLE_FOLDER).plans["shop_two_regions"].plan
    targets = {wave.name: plan.target_of(wave) for wave in plan.waves}
    assert {name: (target.account_id, target.region) for name, target in targets.items()} == {
        "database": ("111122223333", "eu-west-1"),
        "frontend_west": ("111122223333", "eu-west-1"),
        "frontend_central": ("222233334444", "eu-central-1"),
    }
    assert plan.dependencies("frontend_west") == plan.dependencies("frontend_central") == ("database",)
    assert targets["frontend_central"].external_id == "erp-dr-7f3a"


def test_every_kind_of_step_is_in_a_sample_and_its_drill_leaves_nothing():
    plan = load_catalog(SAMPLE_FOLDER).plans["wiki_with_steps"].plan
    steps = [*plan.before_first, *plan.waves[0].before, *plan.waves[0].after, *plan.after_last]
    assert {(isinstance(step, CheckModel), step.kind) for step in steps} == {
        (issubclass(model, CheckModel), tag.partition(": ")[2]) for tag, model in BY_TAG.items()
    }
    looks = [step for step in steps if isinstance(step, LookStep)]
    assert {step.from_ for step in looks} == {"server", "probe"}


def test_least_sample_has_ten_lines():
    assert len((SAMPLE_FOLDER / "wiki.yaml").read_text().splitlines()) == 10
