"""What the documentation shows is what happens."""

import contextlib
import io
import re
from pathlib import Path

import yaml

import drs_provider
from drs_simulator.adapter.control import Control
from drs_simulator.engine.faults import FaultSpec
from drs_simulator.engine.operations import OPERATIONS
from drs_simulator.engine.rights import START_RECOVERY, Effect
from drs_simulator.launch_profile import Profile
from drs_simulator.scenario import parse_scenario, shipped_scenarios
from drs_simulator.testing import Simulator

TEXT = (Path(drs_provider.__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")


def section(title):
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def blocks(language, text=TEXT):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_program_prints_what_is_shown():
    part = TEXT.partition("### With boto3")[2]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(blocks("python", part)[0], "docs/simulator.md", "exec"), {})
    assert printed.getvalue() == blocks("text", part)[0]


def test_the_example_of_a_scenario_is_valid():
    (example,) = [b for b in blocks("yaml", section("Scenarios")) if "accounts:" in b]
    scenario = parse_scenario(yaml.safe_load(example))
    region = scenario.accounts["111122223333"].regions["eu-west-1"]
    assert len(scenario.servers_of(region)) == 41


def test_the_examples_of_faults_are_valid():
    (example,) = blocks("yaml", section("Faults"))
    rules = [FaultSpec.model_validate(rule) for rule in yaml.safe_load(example)["faults"]]
    assert len(rules) == 6
    assert all(f"`{name}`" in section("Faults") for name in FaultSpec.model_fields)


def test_scenarios_operations_phases_and_members_are_all_named():
    assert set(shipped_scenarios()) <= set(re.findall(r"\| `(\w+)` \|", section("Scenarios")))
    assert all(name in section("What it does and does not do") for name in OPERATIONS)
    assert all(f"`{name}`" in section("Scenarios") for name in Profile.model_fields)
    public = [name for name in vars(Simulator) if not name.startswith("_")]
    assert [name for name in public if name not in section("In your tests")] == []


def test_every_right_stands_in_the_row_of_its_effect():
    rows = dict(re.findall(r"^\| `(\w+)`.*?\| (.*?) \|", section("Missing rights"), re.MULTILINE))
    told = {action: effect for effect, text in rows.items() for action in re.findall(r"\w+", text)}
    assert {r.action: told.get(r.action.partition(":")[2]) for r in START_RECOVERY} == {
        r.action: r.effect for r in START_RECOVERY
    }
    assert all(f"`{effect}`" in section("Missing rights") for effect in Effect)


def test_every_control_is_named(drs_in_process):
    actions = Control(drs_in_process.simulation)._actions()
    shown = section("Control at run time")
    assert [f"{method} {name}" for method, name in actions if f"{method} {name}" not in shown] == []
