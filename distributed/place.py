"""Where services are when they are processes of one machine: ports, hosts, folders, host names."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from distributed.compose import Service
from embedded.environment import REPOSITORY, inherited, no_real_aws
from embedded.processes import free_ports

#: Port inside the container, by service
_PORTS = {"api-server": 8080, "simulator": 5100, "redis": 6379, "postgres": 5432}
#: Settings by which containers do not differ and processes must: each has a network of its own there.
_LOG_SERVERS = ("AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT", "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT")
_AIRFLOW_HOME = "/opt/airflow"
_DAGS = "./dags"
#: What other people have in the same Airflow
OTHER_DAGS = Path(__file__).parent / "dags"
#: A host name of its own for each process, as containers have: jobs, workers and health checks go by it.
_NAMED = ("unshare", "--uts", "/bin/sh", "-c", 'hostname "$HOSTNAME" && exec "$@"', "named")


@dataclass(frozen=True)
class Place:
    """All that is changed of what the compose file says; nothing else is.

    :param root: folder of the stack; volumes and AIRFLOW_HOME are below it
    :param ports: TCP port on the loopback interface, by service
    :param programs: folders of programs that are not on the path
    """

    root: Path
    ports: Mapping[str, int]
    programs: tuple[str, ...] = ()

    @classmethod
    def free(cls, root: Path, programs: Sequence[str]) -> Place:
        """Return a place with ports that nothing listens on."""
        return cls(root, dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True)), tuple(programs))

    def url(self, service: str) -> str:
        """Return the address of a service."""
        return f"http://127.0.0.1:{self.ports[service]}"

    def folder(self, service: Service, target: str) -> Path:
        """Return the folder that a service has mounted at a path; that of DAGs is a copy, which has more in it."""
        source = service.mounts[target]
        if source == _DAGS:
            return self.root / "dags"
        return REPOSITORY / source if source.startswith(".") else self.root / "volumes" / source

    def text(self, service: Service, text: str) -> str:
        """Return a text of a service with the addresses and folders of this machine."""
        for name, port in _PORTS.items():
            text = re.sub(rf"\b({name}|localhost):{port}\b", f"127.0.0.1:{self.ports[name]}", text)
            text = text.replace(f"--port={port}", f"--port={self.ports[name]}")
        text = text.replace("--host=0.0.0.0", "--host=127.0.0.1")
        text = text.replace("@postgres/", f"@127.0.0.1:{self.ports['postgres']}/")
        if service.name == "redis":
            data = self.folder(service, "/data")
            text = text.replace("redis-server ", f"redis-server --port {self.ports['redis']} --dir {data} ")
            text = text.replace("redis-cli ", f"redis-cli -p {self.ports['redis']} ")
        for target in sorted(service.mounts, key=len, reverse=True):
            text = re.sub(rf"{re.escape(target)}(?![\w-])", str(self.folder(service, target)), text)
        return text.replace(_AIRFLOW_HOME, str(self.airflow_home))

    @property
    def airflow_home(self) -> Path:
        """What is ``/opt/airflow`` in the containers."""
        return self.root / "airflow"

    def environment(self, service: Service, instance: str) -> dict[str, str]:
        """Return the environment of one of a service's processes."""
        told = {name: self.text(service, value) for name, value in service.environment.items()}
        own = {
            "AIRFLOW_HOME": str(self.airflow_home),
            "AIRFLOW__API__PORT": str(self.ports["api-server"]),
            "HOSTNAME": instance,
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.ports["postgres"]),
        }
        own |= {name: str(port) for name, port in zip(_LOG_SERVERS, free_ports(2), strict=True)}
        kept = inherited()
        kept["PATH"] = ":".join([str(REPOSITORY / ".venv" / "bin"), *self.programs, kept.get("PATH", "")])
        return kept | no_real_aws() | own | told

    def command(self, service: Service, words: Sequence[str]) -> list[str]:
        """Return a command of a service, to be run under its host name."""
        return [*_NAMED, *(self.text(service, word) for word in words)]

    def new_folders(self, services: Mapping[str, Service]) -> None:
        """Make the folders of this place anew, empty."""
        for folder in (self.airflow_home, self.root / "volumes", self.root / "logs", self.root / "dags"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        for dags in (REPOSITORY / _DAGS, OTHER_DAGS):
            shutil.copytree(
                dags, self.root / "dags", dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
            )
        for service in services.values():
            for target in service.mounts:
                self.folder(service, target).mkdir(parents=True, exist_ok=True)
