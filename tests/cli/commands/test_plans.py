"""The verbs for plan files: no server, no Airflow that runs."""

from __future__ import annotations

import json

import pytest
import yaml

from drs_provider.airflow_rest.refused import ExitCode
from drs_provider.cli.display.wave_graph import drawn, steps
from drs_provider.plan.files.folder import load_catalog
from tests.contract.repository import PLANS

FOLDER = ("--plans", str(PLANS))
NAMES = ["erp_three_tier", "shop_two_regions", "wiki", "wiki_with_steps"]


@pytest.fixture
def broken(tmp_path):
    (tmp_path / "wiki.yaml").write_text((PLANS / "wiki.yaml").read_text())
    text = (PLANS / "erp_three_tier.yaml").read_text()
    (tmp_path / "erp.yaml").write_text(text.replace("depends_on", "dependson") + "wawes: [a]\n")
    return tmp_path


def test_plans_are_listed(drs):
    done = drs("plans", "list", *FOLDER)
    assert done.code == ExitCode.OK
    rows = {line.split()[0]: line for line in done.out.splitlines() if line.split()[0] in NAMES}
    assert sorted(rows) == NAMES
    assert "0 3 * * 6 Europe/Berlin" in rows["erp_three_tier"]
    assert "222233334444 eu-central-1" in rows["shop_two_regions"]


def test_programs_get_data(drs):
    assert [row["plan"] for row in json.loads(drs("plans", "list", *FOLDER, "-o", "json").out)] == NAMES
    assert [row["plan"] for row in yaml.safe_load(drs("plans", "list", *FOLDER, "-o", "yaml").out)] == NAMES


def test_good_plans_are_valid(drs):
    done = drs("plans", "validate", *FOLDER)
    assert (done.code, done.err) == (ExitCode.OK, "")
    assert "4 plans are good" in done.out


def test_everything_wrong_is_told_with_its_place(drs, broken):
    done = drs("plans", "validate", "--plans", str(broken))
    assert done.code == ExitCode.REFUSED_INPUT
    assert "wawes: unknown field `wawes` (did you mean `waves`?)" in done.out
    assert f"{broken}/erp.yaml:" in done.out
    told = json.loads(drs("plans", "validate", "--plans", str(broken), "-o", "json").out)
    assert told["plans"] == ["wiki"]
    assert {"file", "line", "path", "message", "remedy"} == set(told["problems"][0])


def test_only_what_was_asked_for_is_judged(drs, broken):
    assert drs("plans", "validate", "wiki", "--plans", str(broken)).code == ExitCode.OK
    assert drs("plans", "validate", "erp_three_tier", "--plans", str(broken)).code == ExitCode.REFUSED_INPUT
    assert drs("plans", "validate", "wikki", "--plans", str(broken)).code == ExitCode.NOT_FOUND


def test_a_plan_is_shown_whole_to_programs_and_in_short_to_people(drs):
    shown = drs("plans", "show", "erp_three_tier", *FOLDER).out
    for fact in ("may start a RECOVERY: dr-lead", "RTO: 120 min", "excluded: 2026-12-19", "2 application"):
        assert fact in shown
    data = json.loads(drs("plans", "show", "erp_three_tier", *FOLDER, "-o", "json").out)
    assert data == load_catalog(PLANS).plans["erp_three_tier"].plan.to_dict()


def test_plans_that_do_not_load_or_do_not_exist_are_not_shown(drs, broken):
    done = drs("plans", "show", "erp_three_tier", "--plans", str(broken))
    assert done.code == ExitCode.REFUSED_INPUT
    assert "wawes" in done.err
    unknown = drs("plans", "show", "wikki", *FOLDER)
    assert unknown.code == ExitCode.NOT_FOUND
    assert "did you mean `wiki`?" in unknown.err
    assert drs("plans", "list", "--plans", "/nowhere").code == ExitCode.REFUSED_INPUT


def test_the_folder_of_the_settings_is_the_default(drs, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DRS__PLANS_FOLDER", str(PLANS))
    assert "4 plans are good" in drs("plans", "validate").out
    monkeypatch.delenv("AIRFLOW__DRS__PLANS_FOLDER")
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(PLANS.parent))
    assert "4 plans are good" in drs("plans", "validate").out


def test_waves_that_may_run_side_by_side_stand_in_one_step():
    plan = load_catalog(PLANS).plans["shop_two_regions"].plan
    names = [[wave.name for wave in step] for step in steps(plan)]
    assert names == [["database"], ["frontend_west", "frontend_central"]]


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("text", "  └─ 3 frontend_central  (after database; 222233334444 eu-central-1)"),
        ("mermaid", "  w1 --> w3"),
        ("dot", "  w1 -> w3;"),
    ],
)
def test_the_order_is_drawn(drs, form, line):
    done = drs("plans", "graph", "shop_two_regions", *FOLDER, "--format", form)
    assert done.code == ExitCode.OK
    assert line in done.out.splitlines()
    assert done.out == drawn(load_catalog(PLANS).plans["shop_two_regions"].plan, form)


def test_a_gate_shows_in_every_drawing():
    plan = load_catalog(PLANS).plans["erp_three_tier"].plan
    assert "gate)" in drawn(plan, "text")
    assert '{{"2 application' in drawn(plan, "mermaid")
    assert "octagon" in drawn(plan, "dot")


def test_a_folder_without_plans_is_not_valid(drs, tmp_path):
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "wiki.yaml").write_text("name: wiki\n")
    (tmp_path / "library.yaml").write_text("targets: {}\n")
    done = drs("plans", "validate", "--plans", str(tmp_path))
    assert done.code == ExitCode.REFUSED_INPUT
    assert f"there is no plan in {tmp_path}" in done.err
    assert "subfolders" in done.err
