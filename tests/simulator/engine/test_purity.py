import subprocess
import sys
from pathlib import Path

import drs_provider.simulator.engine

ENGINE = Path(drs_provider.simulator.engine.__file__).parent
PLUGINS = ENGINE.parents[2]
HEAVY = {"moto", "boto3", "botocore", "airflow", "flask"}


def test_the_engine_and_its_data_import_nothing_of_moto_or_aws():
    modules = [f"drs_provider.simulator.engine.{path.stem}" for path in sorted(ENGINE.glob("*.py"))]
    modules += ["drs_provider.simulator.scenario", "drs_provider.simulator.launch_profile"]
    code = "import importlib, sys\n" + "".join(f"importlib.import_module({name!r})\n" for name in modules)
    code += f"heavy = {HEAVY!r}; print(sorted({{m.partition('.')[0] for m in sys.modules}} & heavy))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(PLUGINS)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_the_simulator_uses_nothing_of_the_rest_of_the_package():
    own = "drs_provider.simulator"
    foreign = [
        f"{path.name}: {line.strip()}"
        for path in ENGINE.parent.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.lstrip().startswith(("from drs_provider", "import drs_provider")) and own not in line
    ]
    assert foreign == []
