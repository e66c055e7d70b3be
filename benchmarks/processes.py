"""What processes take: CPU of a command with everything it started, memory that is a process's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil

from embedded.environment import inherited

MB = 1024**2


def cpu_of(command: Sequence[str], environment: Mapping[str, str], log: Path) -> float:
    """Run a command to its end and return the CPU seconds of it and all its children.

    :raises RuntimeError: if it fails, with the end of its output
    """
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=dict(environment), stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{log.read_text(errors='replace')[-2000:]}")
    return usage.ru_utime + usage.ru_stime


def output_of(module: str, *arguments: str, environment: Mapping[str, str]) -> str:
    """Return what a module of the benchmarks prints in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", module, *arguments]
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def airflow_environment(home: Path, dags: Path, plugins: Path | None) -> dict[str, str]:
    """Return the environment of one of Airflow's programs that has nothing to do with any other Airflow."""
    options: dict[str, object] = {
        "CORE__DAGS_FOLDER": dags,
        "CORE__LOAD_EXAMPLES": False,
        # Airflow's 30 s are shorter than the parse interval that compose ships: there, each parse compares each DAG
        # with the database. Here, cycles follow each other at once.
        "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": 0,
        "CORE__DAGBAG_IMPORT_TIMEOUT": 600,
        "DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": 600,
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 0,
        "DRS__STATE_PATH": home / "drs_state",
        "USAGE_DATA_COLLECTION__ENABLED": False,
    }
    if plugins is not None:
        options["CORE__PLUGINS_FOLDER"] = plugins
    settings = {f"AIRFLOW__{name}": str(value) for name, value in options.items()}
    # The plugins folder is on the path of every Airflow process, but of no other that is to parse as one.
    path = os.pathsep.join(str(each) for each in (plugins, Path.cwd()) if each is not None)
    return inherited() | settings | {"AIRFLOW_HOME": str(home), "PYTHONPATH": path}


def own_memory(processes: Iterable[psutil.Process]) -> float:
    """Return the memory in MB that would be free if these processes ended: what they share is not theirs."""
    return sum(process.memory_full_info().uss for process in processes) / MB
