"""Post-launch actions: SSM commands and automations that run one after another on a launched server."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from drs_provider.simulator.engine.entities import ActionRun, Job, JobServer, RegionState, SourceServer
from drs_provider.simulator.engine.ids import digest_uuid
from drs_provider.simulator.server_spec import LaunchActionSpec, happens

if TYPE_CHECKING:
    from drs_provider.simulator.engine.world import World

_AGENT_FOUND_SECONDS = 5.0
"""How long after the launch the SSM agent reports (assumed)."""


def action_id(server: SourceServer, action: LaunchActionSpec) -> str:
    """The id of a server's post-launch action."""
    return digest_uuid(server.arn, action.order, action.name)


def plan_actions(
    world: World, state: RegionState, job: Job, part: JobServer, server: SourceServer, at: float
) -> None:
    """Put a launched server's active actions on the agenda, in their order.

    Assumed: they run one after another, and one that fails without being optional stops the rest.
    """
    actions = sorted((a for a in server.spec.launch_actions if a.active), key=lambda a: a.order)
    if not server.launch.post_launch or not actions:
        return
    rng = world.rng("actions", state.place.account_id, state.place.region, job.number, server.server_id)
    begin = at + _AGENT_FOUND_SECONDS
    world.agenda.at(begin, partial(_agent_found, job, part))
    for action in actions:
        run = ActionRun(action, action_id(server, action), digest_uuid(job.job_id, server.arn, action.name))
        fails = happens(action.fails, rng)
        lasts = world.scenario.profile.post_launch.sample(rng) if action.duration is None else action.duration
        world.agenda.at(begin, partial(_run_begins, job, part, run))
        begin += lasts
        world.agenda.at(begin, partial(_run_ends, job, run, fails))
        if fails and not action.optional:
            break


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
