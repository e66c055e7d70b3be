import subprocess
import sys
from pathlib import Path

import drs_simulator.engine

ENGINE = Path(drs_simulator.engine.__file__).parent
SIMULATOR = ENGINE.parents[1]
HEAVY = {"moto", "boto3", "botocore", "airflow", "flask"}


def test_the_engine_and_its_data_import_nothing_of_moto_or_aws():
    modules = [f"drs_simulator.engine.{path.stem}" for path in sorted(ENGINE.glob("*.py"))]
    modules += ["drs_simulator.scenario", "drs_simulator.launch_profile"]
    code = "import importlib, sys\n" + "".join(f"importlib.import_module({name!r})\n" for name in modules)
    code += f"heavy = {HEAVY!r}; print(sorted({{m.partition('.')[0] for m in sys.modules}} & heavy))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(SIMULATOR)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
