"""Asking which pre-provisioned instances servers are set to launch into."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from drs_provider.core.texts import named
from drs_provider.exceptions import DrsError, ExecutionRefusedError
from drs_provider.hooks.aws.errors import AWS_ERRORS
from drs_provider.hooks.drs.drs_api import DrsApi
from drs_provider.orchestration.launch.request import StartRequest
from drs_provider.preflight.aws import each
from drs_provider.rules.drs.launch_into import into_instance


@dataclass(frozen=True)
class LaunchedInto:
    """What the launch configurations of servers say.

    :param instances: server -> the EC2 instance that it is set to launch into; other servers are absent
    :param unread: server -> why its launch configuration could not be read
    """

    instances: Mapping[str, str]
    unread: Mapping[str, Exception]


def launched_into(drs: DrsApi, server_ids: Iterable[str]) -> LaunchedInto:
    """Ask for each of these servers, a few at a time; one that cannot be read does not hide the others."""

    def ask(server_id: str) -> str | Exception:
        try:
            return into_instance(drs.launch_configuration(server_id))
        except (*AWS_ERRORS, DrsError) as error:
            return error

    answers = each(server_ids, ask)
    return LaunchedInto(
        {server: answer for server, answer in answers.items() if isinstance(answer, str) and answer},
        {server: answer for server, answer in answers.items() if isinstance(answer, Exception)},
    )


def require_new_instances(request: StartRequest, drs: DrsApi, server_ids: Iterable[str]) -> None:
    """Look once more, immediately before a drill's start, that it overwrites no instance.

    Preflight refused that, maybe hours ago. A RECOVERY may launch into instances.

    :raises ExecutionRefusedError: if a server is set to launch into an instance
    :raises Exception: the first reason why a launch configuration could not be read: as in preflight, nobody may
        override that in a drill
    """
    if not request.is_drill:
        return
    asked = launched_into(drs, server_ids)
    if asked.instances:
        told = [f"{request.named(key)} into {instance}" for key, instance in sorted(asked.instances.items())]
        raise ExecutionRefusedError(
            f"{request.name} starts nothing: servers are set to launch into a pre-provisioned "
            f"instance, which a drill would overwrite: {named(told)}. Remove the launch-into instance from the "
            "servers' launch settings, then clear this task, with downstream."
        )
    for error in asked.unread.values():
        raise error
