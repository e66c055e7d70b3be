"""What the documentation shows is what happens."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from drs_simulator import scenario as scenario_module
from drs_simulator.__main__ import _parser
from drs_simulator.adapter.control import Control
from drs_simulator.engine.faults import FaultSpec
from drs_simulator.engine.operations import OPERATIONS
from drs_simulator.engine.rights import START_RECOVERY, Effect
from drs_simulator.launch_profile import Profile
from drs_simulator.scenario import parse_scenario, shipped_scenarios
from drs_simulator.service_spec import ServicesSpec
from drs_simulator.testing import Simulator

SIMULATOR = Path(scenario_module.__file__).parents[1]
TEXT = (SIMULATOR / "README.md").read_text(encoding="utf-8")
FACTS = (SIMULATOR / "FACTS.md").read_text(encoding="utf-8")


def section(title, text=TEXT):
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def blocks(language, text=TEXT):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_program_prints_what_is_shown():
    part = TEXT.partition("### With boto3")[2]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(blocks("python", part)[0], "README.md", "exec"), {})
    assert printed.getvalue() == blocks("text", part)[0]


def test_the_example_of_a_scenario_is_valid():
    (example,) = [b for b in blocks("yaml", section("Scenarios")) if "accounts:" in b]
    scenario = parse_scenario(yaml.safe_load(example))
    region = scenario.accounts["111122223333"].regions["eu-west-1"]
    assert len(scenario.servers_of(region)) == 41


def test_the_example_of_other_services_is_valid_and_names_every_key():
    (example,) = [b for b in blocks("yaml", section("Scenarios")) if "hosted_zones" in b]
    shown = yaml.safe_load(example)["services"]
    assert ServicesSpec.model_validate(shown).model_fields_set == ServicesSpec.model_fields.keys()


def test_the_examples_of_faults_are_valid():
    (example,) = blocks("yaml", section("Faults"))
    rules = [FaultSpec.model_validate(rule) for rule in yaml.safe_load(example)["faults"]]
    assert len(rules) == 6
    assert all(f"`{name}`" in section("Faults") for name in FaultSpec.model_fields)


def test_scenarios_operations_phases_and_members_are_all_named():
    assert set(shipped_scenarios()) <= set(re.findall(r"\| `(\w+)` \|", section("Scenarios")))
    assert all(name in section("What it does and does not do", FACTS) for name in OPERATIONS)
    assert all(f"`{name}`" in section("Scenarios") for name in Profile.model_fields)
    public = [name for name in vars(Simulator) if not name.startswith("_")]
    assert [name for name in public if name not in section("In your tests")] == []


def test_every_right_stands_in_the_row_of_its_effect():
    rows = dict(re.findall(r"^\| `(\w+)`.*?\| (.*?) \|", section("Missing rights", FACTS), re.MULTILINE))
    told = {action: effect for effect, text in rows.items() for action in re.findall(r"\w+", text)}
    assert {r.action: told.get(r.action.partition(":")[2]) for r in START_RECOVERY} == {
        r.action: r.effect for r in START_RECOVERY
    }
    assert all(f"`{effect}`" in section("Missing rights", FACTS) for effect in Effect)


def test_every_control_is_named(drs_in_process):
    actions = Control(drs_in_process.simulation)._actions()
    shown = section("Control at run time")
    assert [f"{method} {name}" for method, name in actions if f"{method} {name}" not in shown] == []


def test_every_option_is_told_with_its_default():
    rows = re.findall(r"^\| (`--.*?) \| (.*?) \|", section("Start it"), re.MULTILINE)
    told = {name: text for names, text in rows for name in re.findall(r"--[\w-]+", names)}
    defaults = {action.option_strings[-1]: action.default for action in _parser()._actions}
    assert told.keys() == defaults.keys() - {"--help"}
    plain = {name: f"{default:g}" for name, default in defaults.items() if type(default) in (int, float)}
    assert {name: text for name, text in plain.items() if text not in told[name]} == {}
    assert defaults["--scenario"] in told["--scenario"]
    assert defaults["--host"] in told["--host"]


def test_the_connection_is_the_one_that_it_describes(drs_simulator):
    (text,) = blocks("json", section("Start it"))
    shown = json.loads(text.replace("http://127.0.0.1:5100", drs_simulator.url))
    described = drs_simulator.airflow_connection()
    assert shown | {"password": "any"} == described | {
        "extra": json.loads(described["extra"]),
        "password": "any",
    }


def test_the_tests_that_are_shown_pass(tmp_path):
    conftest, test, checked = blocks("python", section("In your tests"))
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "test_shown.py").write_text(f"{checked}\n{test}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--strict-markers"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(SIMULATOR)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
