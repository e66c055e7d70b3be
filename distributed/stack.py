"""The services of docker-compose.yaml, started as processes, and stopped together."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from distributed import servers
from distributed.compose import Service, read
from distributed.place import Place
from drs_provider.airflow_rest.client import Api
from drs_provider.cli.airflow_api.login import Login
from embedded.environment import REPOSITORY
from embedded.processes import Interrupts, ProcessSet, StackError
from embedded.running import silent
from embedded.stack import health

PROFILE = "rehearsal"
#: What runs to its end before the others start, or after
JOBS = ("init", "rehearsal")
BOOT_SECONDS = 180.0
_CHECK_TRIES, _CHECK_PAUSE_SECONDS = 6, 5.0
_COMPONENTS = ("scheduler", "dag_processor", "triggerer")


@dataclass
class DistributedStack:
    """The compose file with the profile ``rehearsal``, as processes; a context manager that stops what it started.

    :param root: folder of the stack
    :param report: told of each step
    :param own: variables of the compose file beside those of its ``.env``
    :param settings: environment variables of every service, over those of the compose file
    """

    root: Path
    report: Callable[[str], None] = silent
    own: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    interrupts: Interrupts = field(default_factory=Interrupts)
    variables: Mapping[str, str] = field(init=False, repr=False)
    services: Mapping[str, Service] = field(init=False)
    place: Place = field(init=False)
    processes: ProcessSet = field(init=False)

    def __post_init__(self) -> None:
        self.root = self.root.resolve()
        new = new_variables()
        # One generated password in 64 begins with a dash: here it always does.
        self.variables = {**new, "ADMIN_PASSWORD": f"-{new['ADMIN_PASSWORD']}", **self.own}
        self.services = read(REPOSITORY / "docker-compose.yaml", self.variables)
        self.place = Place.free(self.root, servers.programs(self.report))
        self.processes = ProcessSet(self.root / "logs", self.interrupts)

    def __enter__(self) -> Self:
        self._cluster = servers.Cluster(
            self.place.programs[0],
            self.services["postgres"].environment["POSTGRES_USER"],
            self.variables["POSTGRES_PASSWORD"],
        )
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def api(self, login: str) -> Api:
        """Return a REST client of one of FAB's users."""
        return Api(Login(self.place.url("api-server"), username=login, password=self.password(login)))

    def password(self, login: str) -> str:
        """Return the password of one of FAB's users."""
        return self.variables[f"{login.upper().replace('-', '_')}_PASSWORD"]

    def environment(self, service: Service, instance: str) -> dict[str, str]:
        """Return the environment of one of a service's processes."""
        return self.place.environment(service, instance) | dict(self.settings)

    def instances(self) -> dict[str, Service]:
        """Return what keeps running, by the name of the process."""
        running = (service for name, service in self.services.items() if name not in JOBS)
        return {instance: service for service in running for instance in service.instances()}

    def kill(self, instance: str) -> None:
        """Kill a process and everything that it started, as the end of its container would (SIGKILL)."""
        self.processes.kill(instance, whole_session=True)

    def start(self, instance: str, **other: str) -> None:
        """Start a process, at first or after it was killed.

        :param other: what is other in its environment
        """
        service = self.instances()[instance]
        command = self.place.command(service, service.command)
        if service.name == "postgres":
            command = self._cluster.command(self.place.ports["postgres"])
        self.processes.start(instance, command, self.environment(service, instance) | other, self.root)

    def unhealthy(self) -> dict[str, str]:
        """Run the health check of every process once, and return what those said that failed."""
        begun = {
            instance: subprocess.Popen(
                self.place.command(service, service.check),
                env=self.environment(service, instance),
                cwd=self.root,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for instance, service in self.instances().items()
        }
        told = {instance: process.communicate(timeout=120)[0] for instance, process in begun.items()}
        return {instance: told[instance][-500:] for instance, process in begun.items() if process.returncode}

    def until_healthy(self) -> None:
        """Wait until every health check of the compose file passes.

        :raises StackError: with what the failing ones said
        """
        failed: dict[str, str] = {}
        for _ in range(_CHECK_TRIES):
            failed = self.unhealthy()
            if not failed:
                return
            time.sleep(_CHECK_PAUSE_SECONDS)
        raise StackError("\n".join(f"{name} is not healthy: {text}" for name, text in failed.items()))

    def until(self, what: str, ready: Callable[[], bool], seconds: float = BOOT_SECONDS) -> None:
        """Wait until something holds.

        :raises StackError: if it does not in time, or if a process has ended
        """
        deadline = time.monotonic() + seconds
        while not ready():
            self.processes.check()
            if time.monotonic() > deadline:
                raise StackError(f"{what}: not within {seconds:g} s. Logs: {self.processes.logs}")
            time.sleep(0.3)

    def _start(self) -> None:
        self.place.new_folders(self.services)
        self.report("starting PostgreSQL, Redis, the simulator; the services init and rehearsal")
        for instance in ("postgres", "redis", "simulator"):
            self.start(instance)
        for name in ("postgres", "redis", "simulator"):
            self.until(f"the health check of {name}", lambda name=name: self._passes(name))  # type: ignore[misc]
        self._create_database()
        for job in JOBS:
            service = self.services[job]
            command, environment = (
                self.place.command(service, service.command),
                self.environment(service, job),
            )
            self.processes.start(job, command, environment, self.root)
            self.processes.wait(job, BOOT_SECONDS)
        rest = [each for each in self.instances() if each not in ("postgres", "redis", "simulator")]
        self.report(f"starting {', '.join(rest)}")
        for instance in rest:
            self.start(instance)
        self.until("Airflow is healthy", self._airflow_is_healthy)

    def _stop(self) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(self._cluster.remove)
            stack.callback(self.processes.stop)

    def _passes(self, name: str) -> bool:
        service = self.services[name]
        command, environment = (
            self.place.command(service, service.check),
            self.environment(service, name),
        )
        return not subprocess.run(command, env=environment, capture_output=True, check=False).returncode

    def _create_database(self) -> None:
        # The image makes it at its first start.
        postgres = self.services["postgres"]
        environment = self.environment(postgres, "postgres")
        told = postgres.environment
        subprocess.run(
            ["createdb", "-w", "-U", told["POSTGRES_USER"], told["POSTGRES_DB"]],
            env=environment | {"PGPASSWORD": told["POSTGRES_PASSWORD"]},
            check=True,
        )

    def _airflow_is_healthy(self) -> bool:
        states = health(self.place.url("api-server"))
        return all(states.get(name) == "healthy" for name in _COMPONENTS)


def new_variables() -> dict[str, str]:
    """Return what the ``.env`` of a rehearsal holds, as its generator prints it."""
    command = [sys.executable, str(REPOSITORY / "docker" / "make_env.py"), "--rehearsal"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in printed.splitlines())
