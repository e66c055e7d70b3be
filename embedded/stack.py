"""One embedded stack: the simulator of AWS and Airflow's processes, started together and stopped together."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import httpx

from drs_provider.airflow_rest.client import Api, path
from drs_provider.cli.airflow_api.login import Login
from embedded import simulated_aws
from embedded.environment import (
    DAGS,
    REPOSITORY,
    Paths,
    Ports,
    Secrets,
    airflow_environment,
    simulator_environment,
)
from embedded.needs import CONNECTION, OPERATOR, Needs
from embedded.processes import Interrupts, ProcessSet, StackError, Started, free_ports, stop_sessions
from embedded.running import Running, clear_leftovers, silent

BOOT_TIMEOUT_SECONDS = 180.0
# A file that failed once may have been read while it was written; the next look is ten seconds away.
_IMPORT_PATIENCE_SECONDS = 15.0
COMPONENTS: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server", "--host", "127.0.0.1"),
    # Logs are read from the disk that all components share: no component needs to serve its own.
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
_DATABASE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
# SQLite takes one writer at a time, and the driver waits 5 s for it: in a burst of triggers, components gave up and
# ended. The API server keeps the 5 s: with 60 s, it answered none of 80 simultaneous triggers in half a minute.
_WAIT_FOR_LOCK = "?timeout=60"
_HEALTH_OF = {"scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}


@dataclass
class Stack:
    """Simulator and Airflow under one folder; a context manager that stops what it started.

    :param root: folder of the stack; its last part names it
    :param speed: simulated seconds per real second
    :param scenario: what exists in the simulated AWS; None: the simulator's own default
    :param dags: Airflow's DAGs folder
    :param report: told of each step
    :param settings: further environment variables for Airflow, over the stack's own
    :param restarts: how often :meth:`revive` starts each component of Airflow again
    """

    root: Path
    speed: float = 60.0
    scenario: Path | None = None
    dags: Path = DAGS
    report: Callable[[str], None] = silent
    interrupts: Interrupts = field(default_factory=Interrupts)
    settings: Mapping[str, str] = field(default_factory=dict)
    restarts: int = 0
    paths: Paths = field(init=False)
    needs: Needs = field(init=False)
    ports: Ports = field(init=False)
    secrets: Secrets = field(init=False)
    processes: ProcessSet = field(init=False)
    # The state file of a stack that was refused is another stack's.
    _has_state: bool = field(init=False, default=False, repr=False)
    _revived: Counter[str] = field(init=False, default_factory=Counter, repr=False)

    def __post_init__(self) -> None:
        self.root = self.root.resolve()
        self.paths = Paths(self.root)
        self.needs = Needs.of(self.dags / "plans")
        self.secrets = Secrets.generate(self.needs.roles)
        self.ports = Ports(*free_ports(2))
        self.processes = ProcessSet(self.paths.logs, self.interrupts)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def api_url(self) -> str:
        """Base URL of Airflow: browser and REST."""
        return self.ports.api_url

    @property
    def simulator_url(self) -> str:
        """Endpoint of the simulated AWS."""
        return self.ports.simulator_url

    def api(self, user: str = OPERATOR) -> Api:
        """Return a REST client of one of the stack's users."""
        return Api(Login(self.api_url, username=user, password=self.secrets.passwords[user]))

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the stack's Airflow processes; also for Airflow's command line against it."""
        own = airflow_environment(
            self.paths, self.ports, self.secrets, self.needs, dags=self.dags, speed=self.speed
        )
        return own | dict(self.settings)

    def environment_of(self, component: str) -> dict[str, str]:
        """The environment of one of Airflow's components; in a stack on one machine all have nearly the same."""
        own = self.environment
        if component in _HEALTH_OF:
            own[_DATABASE] += _WAIT_FOR_LOCK
        return own

    def start(self) -> None:
        """Start everything and return when all of it is healthy.

        :raises StackError: if a stack runs in this folder already, or something does not come up
        """
        clear_leftovers(self.paths, self.report)
        self._fresh_folders()
        self.report(f"starting AWS simulator ({self.speed:g}x) and Airflow's database")
        self._start_simulator()
        self._airflow("migrate", "db", "migrate")
        self.processes.wait("migrate", BOOT_TIMEOUT_SECONDS)
        self.report(f"starting Airflow: {', '.join(COMPONENTS)}")
        for name in COMPONENTS:
            self.start_component(name)
        self._until("the simulator", "simulator", self._simulator_answers)
        simulated_aws.create_history_table(self.simulator_url, self.needs.connections[CONNECTION])
        self._until("the API server", "api-server", self._execution_api_answers)
        for name, component in _HEALTH_OF.items():
            self._until(name, name, partial(self._is_healthy, component))

    def stop(self) -> None:
        """Stop every process of the stack; does nothing when none runs.

        :raises StackError: if a process cannot be ended
        """
        self.processes.stop()
        if self._has_state:
            self.paths.state.unlink(missing_ok=True)
            self._has_state = False

    def start_component(self, name: str) -> None:
        """Start one of Airflow's components, at first or after it was killed; does not wait until it is healthy."""
        extra = ("--port", str(self.ports.api)) if name == "api-server" else ()
        self._airflow(name, *COMPONENTS[name], *extra)

    def kill_component(self, name: str, *, whole_session: bool = False) -> None:
        """Kill one of Airflow's components without a warning (SIGKILL).

        :param whole_session: what it started dies too, such as the scheduler's workers and their tasks
        """
        self.processes.kill(name, whole_session=whole_session)

    def revive(self) -> None:
        """Start again what has ended of Airflow, with a line that says so and the end of its log.

        :raises StackError: if it was started again often enough, or the simulator has ended, whose world is lost
        """
        for name, code in self.processes.ended().items():
            if name not in COMPONENTS or self._revived[name] >= self.restarts:
                again = f" after {self._revived[name]} restarts" if self._revived[name] else ""
                raise StackError(f"{name} ended with exit code {code}{again}.\n{self.processes.tail(name)}")
            self._revived[name] += 1
            self.report(
                f"{name} ended with exit code {code}; starting it again ({self._revived[name]} of {self.restarts}). "
                f"{self.processes.tail(name, 5)}"
            )
            if name == "api-server":
                # What it left behind would keep its port. Tasks that a scheduler leaves behind end by themselves.
                stop_sessions([each for each in self.processes.started if each.name == name])
            self.start_component(name)

    def leave_running(self) -> None:
        """Note that the stack goes on without its launcher; :func:`embedded.running.stop_running` ends it."""
        self._write_state(detached=True)

    def wait_for_dag(self, dag_id: str, timeout_seconds: float = 60.0) -> None:
        """Wait until a DAG can be triggered.

        :raises StackError: if it does not appear, with the import errors that may be the reason
        """
        began = time.monotonic()
        with self.api() as api:
            while not is_ready(api.find(f"/dags{path(dag_id)}")):
                self.processes.check()
                waited = time.monotonic() - began
                errors = import_errors(api) if waited > _IMPORT_PATIENCE_SECONDS else []
                if errors or waited > timeout_seconds:
                    told = [f"{each['filename']}: {each['stack_trace']}" for each in errors]
                    reason = "\n".join(told or [self.processes.tail("dag-processor")])
                    raise StackError(f"The DAG {dag_id} did not appear in {waited:.0f} s.\n{reason}")
                time.sleep(0.2)

    def _fresh_folders(self) -> None:
        for folder in (self.paths.airflow_home, self.paths.logs):
            shutil.rmtree(folder, ignore_errors=True)
        for folder in (self.paths.airflow_home, self.paths.logs, self.paths.reports):
            folder.mkdir(parents=True, exist_ok=True)
        self.secrets.write_passwords(self.paths.passwords)

    def _start_simulator(self) -> None:
        command = [sys.executable, "-m", "drs_simulator"]
        # Jobs run fast; between them the clock keeps pace with Airflow's, so that recovery times stay plausible.
        command += ["--port", str(self.ports.simulator), "--speed", f"{self.speed:g}", "--idle-speed", "1"]
        if self.scenario is not None:
            command += ["--scenario", str(self.scenario)]
        self.processes.start("simulator", command, simulator_environment(), REPOSITORY)
        self._write_state()

    def _airflow(self, name: str, *arguments: str) -> None:
        command = [sys.executable, "-m", "airflow", *arguments]
        self.processes.start(name, command, self.environment_of(name), self.paths.airflow_home)
        self._write_state()

    def start_task(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        output: IO[bytes] | int | None,
    ) -> subprocess.Popen[bytes]:
        """Start a process that may end before the stack does; see :meth:`ProcessSet.start_task`."""
        process = self.processes.start_task(name, command, environment, self.paths.airflow_home, output)
        self._write_state()
        return process

    def _simulator_answers(self) -> bool:
        return _answers(f"{self.simulator_url}/moto-api/drs/clock")

    def _execution_api_answers(self) -> bool:
        # The first request builds this API, which takes seconds: now, rather than in the first task of a run.
        return _answers(f"{self.api_url}/execution/health")

    def _is_healthy(self, component: str) -> bool:
        return health(self.api_url).get(component) == "healthy"

    def _until(self, what: str, process: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + BOOT_TIMEOUT_SECONDS
        while not ready():
            self.processes.check()
            if time.monotonic() > deadline:
                tail = self.processes.tail(process)
                raise StackError(f"{what} is not healthy after {BOOT_TIMEOUT_SECONDS:g} s.\n{tail}")
            time.sleep(0.2)

    def _write_state(self, *, detached: bool = False) -> None:
        launcher = None if detached else Started.of("launcher", os.getpid())
        started = tuple(self.processes.started)
        Running(launcher, self.api_url, self.simulator_url, self.paths.passwords, started).write(self.paths)
        self._has_state = True


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url, trust_env=False, timeout=30.0).is_success
    return False


def health(api_url: str) -> dict[str, str | None]:
    """Return each component's health ("healthy", "unhealthy" or None); empty while Airflow does not answer."""
    with contextlib.suppress(httpx.TransportError):
        response = httpx.get(f"{api_url}/api/v2/monitor/health", trust_env=False, timeout=30.0)
        if response.is_success:
            return {name: value["status"] for name, value in response.json().items() if value}
    return {}


def import_errors(api: Api) -> list[dict[str, Any]]:
    """Return the DAG files that could not be imported."""
    return api.pages("/importErrors", "import_errors")


def is_ready(dag: Mapping[str, Any] | None) -> bool:
    """Tell whether a DAG, as Airflow's API shows it, can be triggered; None is one that is not listed."""
    return dag is not None and not dag["is_stale"] and not dag["has_import_errors"] and not dag["is_paused"]
