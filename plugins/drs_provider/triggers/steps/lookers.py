"""Which looker a step has."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from drs_provider.triggers.steps.commands import command_looker
from drs_provider.triggers.steps.ends import automation_end, command_end, dag_end, dns_end
from drs_provider.triggers.steps.instances import ec2_status_looker
from drs_provider.triggers.steps.looks import alarm_looker, probe_looker, worker_looker
from drs_provider.triggers.steps.scene import Looker, Scene

Opener = Callable[[Scene], AbstractAsyncContextManager[Looker]]

_FROM: Final[dict[str, Opener]] = {
    "worker": worker_looker,
    "server": command_looker,
    "probe": probe_looker,
}
_CHECKS: Final[dict[str, Opener]] = {
    "ec2_status": ec2_status_looker,
    "ssm_command": command_looker,
    "cloudwatch_alarm": alarm_looker,
}
_ENDS: Final[dict[str, Opener]] = {
    "ssm_automation": automation_end,
    "ssm_command": command_end,
    "dns_change": dns_end,
    "trigger_dag": dag_end,
}


def open_looker(scene: Scene) -> AbstractAsyncContextManager[Looker]:
    """Return what looks for a step, as a context.

    :raises KeyError: if there is nothing to wait for in steps of its kind
    """
    if not scene.step["is_check"]:
        return _ENDS[scene.kind](scene)
    if scene.kind in ("tcp", "http"):
        return _FROM[scene.step["settings"]["from"]](scene)
    return _CHECKS[scene.kind](scene)
