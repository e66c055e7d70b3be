"""Airflow's commands in processes of their own, with a home of their own and nothing inherited from the test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.contract.repository import DAGS, PLUGINS
from tests.harness.forks import TIMEOUT_SECONDS, Evaluate, forking, run_program

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "LD_LIBRARY_PATH")

PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]

#: What a process loads that runs several of Airflow's commands in forks
COMMANDS = "import airflow.__main__, airflow.cli.cli_parser, airflow.dag_processing.dagbag"


def built(project: Path, folder: Path) -> Path:
    """Build the wheel of a project into an empty folder."""
    options = ["--no-deps", "--no-build-isolation", "--no-cache-dir", "--wheel-dir", str(folder)]
    subprocess.run([*PIP, "wheel", str(project), *options], check=True)
    (made,) = folder.glob("*.whl")
    return made


@dataclass(frozen=True)
class Installation:
    """An Airflow installation as its processes see it.

    :param site: a folder with installed distributions, beside those of this Python
    """

    home: Path
    plugins_folder: Path = PLUGINS
    dags_folder: Path = DAGS
    site: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    def with_(self, **changes: Any) -> Installation:
        return replace(self, **changes)

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {
            **kept,
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags_folder),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.plugins_folder),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
            "PYTHONDONTWRITEBYTECODE": "1",
            **({"PYTHONPATH": str(self.site)} if self.site else {}),
            **self.settings,
        }

    def python(self, *arguments: str) -> str:
        """Run Python and return what it printed."""
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self.environment(),
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def airflow(self, *arguments: str) -> str:
        """Run an Airflow command and return what it printed."""
        return self.python("-m", "airflow", *arguments)

    def evaluate(self, code: str) -> Any:
        """Run code that leaves its result in ``result``, and return that."""
        return json.loads(
            self.python("-c", f"import json\n{code}\nprint(json.dumps(result))").splitlines()[-1]
        )

    def loaded(self, code: str) -> AbstractContextManager[Evaluate]:
        """Give :meth:`evaluate` in forks of one process, as the DAG processor parses each file in a fork of its own.

        :param code: what the process loads before; settings may be given for each fork
        """
        return forking(code, self.environment(), self.home)


@dataclass(frozen=True)
class Commands:
    """Airflow's commands in forks of one process that has loaded :data:`COMMANDS`.

    :param evaluate: runs code in a fork, as :meth:`Installation.loaded` gives it
    """

    evaluate: Evaluate

    def airflow(self, *arguments: str) -> str:
        """Run an Airflow command and return what it printed."""
        done = run_program(self.evaluate, "airflow.__main__", "airflow", *arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def airflow_json(self, *arguments: str) -> Any:
        """Run an Airflow command with JSON output; log lines may stand before it."""
        printed = self.airflow(*arguments, "--output", "json")
        lines = [line for line in printed.splitlines() if line.startswith(("[{", "[]"))]
        assert len(lines) == 1, printed
        return json.loads(lines[0])


def lay_out(folder: Path) -> None:
    """Make a folder's `dags` what the repository's are, and forget the last good plans."""
    for name in ("dags", "state"):
        shutil.rmtree(folder / name, ignore_errors=True)
    shutil.copytree(DAGS, folder / "dags", ignore=shutil.ignore_patterns("__pycache__"))


def parsing(home: Path, folder: Path, code: str, **settings: str) -> AbstractContextManager[Evaluate]:
    """Give :meth:`Installation.loaded` over the DAG folder and the last good plans of :func:`lay_out`."""
    settings["AIRFLOW__DRS__STATE_PATH"] = str(folder / "state")
    return Installation(home, dags_folder=folder / "dags", settings=settings).loaded(code)
