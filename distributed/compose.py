"""What a compose file says of its services, with the variables of its ``.env`` filled in."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?:(?P<kind>:[-?])(?P<rest>[^}]*))?\})")
#: What the official Airflow image puts before a command that names none of these programs.
_PROGRAMS = ("airflow", "bash", "/bin/bash", "python")


class ComposeError(Exception):
    """The compose file cannot be used as it is; the message says which part."""


@dataclass(frozen=True)
class Service:
    """A service of the compose file.

    :param command: program and arguments
    :param check: program and arguments of its health check; empty if it has none
    :param mounts: folder of this checkout, or name of a volume, by path in the container
    :param replicas: how many run unless somebody scales it
    :param restarts: whether one that has ended is started again
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    check: tuple[str, ...]
    mounts: Mapping[str, str]
    replicas: int
    restarts: bool
    profiles: tuple[str, ...]

    def instances(self) -> tuple[str, ...]:
        """Return a name for each that runs: the service's own, numbered if there are several."""
        if self.replicas == 1:
            return (self.name,)
        return tuple(f"{self.name}-{number}" for number in range(1, self.replicas + 1))


def read(file: Path, variables: Mapping[str, str]) -> dict[str, Service]:
    """Return the services of a compose file.

    :raises ComposeError: if it needs a variable that is not given
    """
    content = fill_in(yaml.safe_load(file.read_text(encoding="utf-8")), variables)
    return {name: _service(name, data) for name, data in content["services"].items()}


def fill_in(value: Any, variables: Mapping[str, str]) -> Any:
    """Return what the file means by a value: ``${NAME:-default}``, ``${NAME:?message}``, ``$$`` for a dollar.

    :raises ComposeError: if a required variable is not given
    """
    if isinstance(value, Mapping):
        return {key: fill_in(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [fill_in(item, variables) for item in value]
    if not isinstance(value, str):
        return value
    return _VARIABLE.sub(lambda found: _value_of(found, variables), value)


def _value_of(found: re.Match[str], variables: Mapping[str, str]) -> str:
    if found["dollar"]:
        return "$"
    value = variables.get(found["name"], "")
    if value or found["kind"] is None:
        return value
    if found["kind"] == ":?":
        raise ComposeError(f"{found['name']} is not set: {found['rest']}")
    return found["rest"]


def _service(name: str, data: Mapping[str, Any]) -> Service:
    entrypoint, command = _words(data.get("entrypoint")), _words(data.get("command"))
    whole = (*entrypoint, *command)
    if "build" in data and whole and whole[0] not in _PROGRAMS:
        whole = ("airflow", *whole)
    mounts = (each.split(":") for each in data.get("volumes", ()))
    return Service(
        name=name,
        command=whole,
        environment={key: str(value) for key, value in (data.get("environment") or {}).items()},
        check=_check(name, (data.get("healthcheck") or {}).get("test", ())),
        mounts={target: source for source, target, *_ in mounts},
        replicas=int(data.get("deploy", {}).get("replicas", 1)),
        restarts=data.get("restart") == "always",
        profiles=tuple(data.get("profiles", ())),
    )


def _words(value: str | Sequence[str] | None) -> tuple[str, ...]:
    return tuple(shlex.split(value)) if isinstance(value, str) else tuple(map(str, value or ()))


def _check(name: str, test: Sequence[str]) -> tuple[str, ...]:
    if not test:
        return ()
    kind, *words = test
    if kind == "CMD":
        return tuple(words)
    if kind == "CMD-SHELL":
        return ("/bin/sh", "-c", *words)
    raise ComposeError(f"the health check of {name} begins with {kind!r} instead of CMD or CMD-SHELL")
