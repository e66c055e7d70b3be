"""Post-launch actions: SSM commands and automations that run one after another on a launched server."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from drs_simulator.engine.entities import ActionRun, Job, JobServer, RegionState, SourceServer
from drs_simulator.engine.ids import digest_uuid
from drs_simulator.server_spec import LaunchActionSpec, happens

if TYPE_CHECKING:
    from drs_simulator.engine.world import World

_AGENT_FOUND_SECONDS = 5.0
"""How long after the launch the SSM agent reports (assumed)."""


def action_id(server: SourceServer, action: LaunchActionSpec) -> str:
    """The id of a server's post-launch action."""
    return digest_uuid(server.arn, action.order, action.name)


@dataclass(frozen=True, slots=True)
class _Planned:
    """An action with its time after the launch, in seconds."""

    action: LaunchActionSpec
    begins: float
    ends: float
    fails: bool


def _plan(world: World, state: RegionState, job: Job, server: SourceServer) -> list[_Planned]:
    # Assumed: they run one after another, and one that fails without being optional stops the rest.
    if not server.launch.post_launch:
        return []
    rng = world.rng("actions", state.place.account_id, state.place.region, job.number, server.server_id)
    planned: list[_Planned] = []
    at = _AGENT_FOUND_SECONDS
    for action in sorted((a for a in server.spec.launch_actions if a.active), key=lambda a: a.order):
        fails = happens(action.fails, rng)
        lasts = world.scenario.profile.post_launch.sample(rng) if action.duration is None else action.duration
        planned.append(_Planned(action, at, at + lasts, fails))
        at += lasts
        if fails and not action.optional:
            break
    return planned


def seconds_of_actions(world: World, state: RegionState, job: Job, server: SourceServer) -> float:
    """How long after a server's launch its actions are over; 0 if it has none."""
    planned = _plan(world, state, job, server)
    return planned[-1].ends if planned else 0.0


def plan_actions(
    world: World, state: RegionState, job: Job, part: JobServer, server: SourceServer, at: float
) -> None:
    """Put the active actions of a server that was launched at ``at`` on the agenda."""
    planned = _plan(world, state, job, server)
    if planned:
        world.agenda.at(at + _AGENT_FOUND_SECONDS, partial(_agent_found, job, part))
    for item in planned:
        action = item.action
        run = ActionRun(action, action_id(server, action), digest_uuid(job.job_id, server.arn, action.name))
        world.agenda.at(at + item.begins, partial(_run_begins, job, part, run))
        world.agenda.at(at + item.ends, partial(_run_ends, job, run, item.fails))


def _agent_found(job: Job, part: JobServer, at: float) -> None:
    part.agent_found_at = at
    job.touch()


def _run_begins(job: Job, part: JobServer, run: ActionRun, at: float) -> None:
    del at
    part.runs.append(run)
    job.touch()


def _run_ends(job: Job, run: ActionRun, fails: bool, at: float) -> None:
    del at
    run.status = "FAILED" if fails else "SUCCEEDED"
    run.failure_reason = run.action.failure_reason if fails else None
    job.touch()
