"""Asking which pre-provisioned instances servers are set to launch into."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from drs_provider.exceptions import DrsError
from drs_provider.hooks.drs_api import DrsApi
from drs_provider.hooks.errors import AWS_ERRORS
from drs_provider.plan.launch_into import into_instance
from drs_provider.preflight.aws import each


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
