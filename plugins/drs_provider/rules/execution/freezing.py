"""From a plan, a run configuration and what AWS knows of the servers to the frozen plan of an execution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from drs_provider.core.account import AwsTarget
from drs_provider.core.states import ExecutionType
from drs_provider.plan.conf.parsing import RunConf, clean_conf
from drs_provider.plan.model import Gate, Plan, Wave
from drs_provider.plan.steps.base import DEFAULT_PARALLEL, CheckModel, Place, StepModel
from drs_provider.rules.execution.frozen import (
    FrozenGate,
    FrozenHold,
    FrozenPeople,
    FrozenPlan,
    FrozenServer,
    FrozenStep,
    FrozenWave,
    FrozenWaveRef,
    Origin,
)

SECONDS_PER_MINUTE = 60
SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class ResolvedServer:
    """A source server that a protection group turned out to hold.

    :param lag: replication lag as DRS tells it (ISO 8601 duration), None if unknown
    :param origin: where in AWS its source is; None if it is not, or DRS does not say
    """

    source_server_id: str
    name: str
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    lag: str | None = None
    origin: Origin | None = None


@dataclass(frozen=True)
class RunIdentity:
    """Which run is frozen, and who started it; times are epoch seconds."""

    execution_id: str
    dag_id: str
    dag_run_id: str
    run_after: float
    started_at: float
    initiated_by: str


def selected_names(plan: Plan, conf: RunConf) -> frozenset[str]:
    """Return the waves that the run configuration selects; all of them if it names none."""
    return frozenset(wave.name for wave in conf.selected_waves(plan))


def freeze_waves(
    plan: Plan,
    conf: RunConf,
    servers: Mapping[str, Sequence[ResolvedServer]],
    snapshots: Mapping[str, str] | None = None,
    networks: Mapping[str, Sequence[str]] | None = None,
) -> tuple[FrozenWave, ...]:
    """Return every wave of the plan, frozen.

    :param servers: the resolved servers of each protection group; groups of waves left out may be missing
    :param snapshots: point in time (``pit-…``) to launch a server from, for those not launched from the latest
    :param networks: target → CIDR blocks of the subnets that a drill may launch into
    """
    return tuple(
        _freeze_wave(
            plan, conf, wave, servers, snapshots or {}, (networks or {}).get(plan.target_of(wave).name, ())
        )
        for wave in plan.waves
    )


def _freeze_wave(
    plan: Plan,
    conf: RunConf,
    wave: Wave,
    servers: Mapping[str, Sequence[ResolvedServer]],
    snapshots: Mapping[str, str],
    networks: Sequence[str],
) -> FrozenWave:
    members = [server for group in wave.groups for server in servers.get(group, ())]
    kind = conf.execution_type
    return FrozenWave(
        number=plan.wave_number(wave.name),
        name=wave.name,
        selected=wave.name in selected_names(plan, conf),
        depends_on=tuple(plan.wave_number(name) for name in plan.dependencies(wave.name)),
        groups=wave.groups,
        target=plan.target_of(wave),
        servers=tuple(
            FrozenServer(
                source_server_id=server.source_server_id,
                name=server.name,
                critical=wave.is_critical(server.source_server_id, server.tags),
                snapshot_id=snapshots.get(server.source_server_id),
                lag_at_start=server.lag,
                origin=server.origin,
            )
            for server in members
        ),
        min_launched=min(wave.min_launched_of(len(members)), len(members)),
        post_launch_required=wave.post_launch.required(kind),
        post_launch_timeout_seconds=wave.post_launch.timeout_minutes * SECONDS_PER_MINUTE,
        timeout_seconds=wave.timeout_minutes * SECONDS_PER_MINUTE,
        queue_timeout_seconds=wave.queue_timeout_minutes * SECONDS_PER_MINUTE,
        gate=freeze_gate(plan, conf, wave, replaces=replaces_live(conf, members)),
        before=freeze_steps(wave.before, "before", kind, plan.target_of(wave), networks),
        after=freeze_steps(wave.after, "after", kind, plan.target_of(wave), networks),
    )


def freeze_steps(
    steps: Sequence[StepModel],
    place: Place,
    execution_type: str,
    target: AwsTarget | None,
    networks: Sequence[str],
) -> tuple[FrozenStep, ...]:
    """Return the steps of a place, as they are for this type of execution.

    :param networks: CIDR blocks that a drill's checks may look into
    """
    return tuple(
        FrozenStep(
            place=place,
            name=step.label,
            kind=step.kind,
            is_check=isinstance(step, CheckModel),
            settings=step.settings(),
            together=step.together,
            each=step.each_at(place),
            parallel=step.parallel or DEFAULT_PARALLEL,
            timeout_seconds=step.timeout_minutes * SECONDS_PER_MINUTE,
            retries=step.retries,
            required=step.required,
            repeatable=step.repeatable,
            on_failure=step.on_failure_in(execution_type),
            selected=step.runs_in(execution_type),
            networks=tuple(networks) if execution_type == ExecutionType.DRILL else None,
            target=target if step.needs_target else None,
            approvers=step.approvers,
        )
        for step in steps
    )


def replaces_live(conf: RunConf, members: Sequence[ResolvedServer]) -> bool:
    """Whether the run may destroy a live instance in this wave: never without a person's approval of it."""
    return any(server.source_server_id in conf.replace_live_instances for server in members)


def freeze_gate(plan: Plan, conf: RunConf, wave: Wave, *, replaces: bool) -> FrozenGate:
    """Return the gate before a wave, as it is for this execution.

    :param replaces: whether the run may destroy a live instance in the wave
    """
    gate = wave.gate or Gate()
    recovery = conf.execution_type == ExecutionType.RECOVERY
    first = recovery and _is_first(plan, conf, wave)
    people = gate.people(conf.execution_type)
    approvers = gate.approvers or (plan.recovery.approvers if recovery or replaces else ())
    if people > 1 and gate.approvers:
        approvers = tuple(dict.fromkeys([*gate.approvers, *plan.recovery.approvers]))
    policy = gate.timeout_policy(conf.execution_type)
    if replaces and policy == "approve":
        policy = "reject"
    later = gate.escalate_to or (plan.recovery.escalate_to if recovery else ())
    return FrozenGate(
        armed_by=_armed_by(conf, wave, first=first, replaces=replaces),
        message=gate.message or "",
        approvers=approvers,
        exclude_initiator=first or replaces,
        people=people,
        timeout_seconds=gate.timeout_minutes * SECONDS_PER_MINUTE,
        on_timeout=policy,
        remind_after_seconds=gate.reminds_after_minutes * SECONDS_PER_MINUTE,
        # Without approvers everybody may answer from the beginning.
        escalate_to=tuple(name for name in later if name not in approvers)
        if approvers and policy == "escalate"
        else (),
        emergency_approvers=plan.recovery.emergency_approvers if recovery else (),
    )


def _is_first(plan: Plan, conf: RunConf, wave: Wave) -> bool:
    """Whether nothing that is selected runs before the wave: then its gate is what stands before the RECOVERY."""
    selected = selected_names(plan, conf)
    waiting, seen = list(plan.dependencies(wave.name)), set()
    while waiting:
        name = waiting.pop()
        if name in selected:
            return False
        if name not in seen:
            seen.add(name)
            waiting.extend(plan.dependencies(name))
    return True


def _armed_by(
    conf: RunConf, wave: Wave, *, first: bool, replaces: bool
) -> Literal["plan", "conf", "default"] | None:
    if conf.skip_gates:
        return None
    if wave.name in conf.pause_before or replaces:
        return "conf"
    if wave.gate is not None:
        return "plan"
    return "default" if first else None


def freeze_header(
    plan: Plan,
    conf: RunConf,
    identity: RunIdentity,
    *,
    given_conf: Mapping[str, Any],
    preflight: Mapping[str, Any] | None = None,
    overrides: Sequence[Mapping[str, Any]] = (),
    networks: Mapping[str, Sequence[str]] | None = None,
    simulated_by: Sequence[str] = (),
    people: FrozenPeople | None = None,
    initiated_as: str | None = None,
) -> FrozenPlan:
    """Return the header of the frozen plan.

    :param given_conf: the run configuration as the caller gave it; its texts are cleaned
    :param preflight: summary of the preflight report
    :param overrides: what the run configuration loosened, and findings that were overridden: what, who, why
    :param networks: as for :func:`freeze_waves`
    :param simulated_by: hosts that answer in AWS's place
    :param people: the teams that the plan names, and persons
    :param initiated_as: the team as which the initiator may start it
    """
    targets = plan.aws_targets()
    # A plan with several has no step around its waves that acts in one.
    target = targets[0] if len(targets) == 1 else None
    blocks = (networks or {}).get(target.name, ()) if target else ()
    hold = plan.drill.hold
    selected = selected_names(plan, conf)
    return FrozenPlan(
        execution_id=identity.execution_id,
        execution_type=ExecutionType(conf.execution_type),
        plan_name=plan.name,
        plan_title=plan.display_title,
        plan_hash=plan.content_hash,
        dag_id=identity.dag_id,
        dag_run_id=identity.dag_run_id,
        run_after=identity.run_after,
        conf=clean_conf(given_conf),
        initiated_by=identity.initiated_by,
        initiated_as=initiated_as,
        people=people,
        requested_by=conf.initiated_by,
        reason=conf.reason,
        ticket=conf.ticket,
        incident_time=conf.incident_time,
        started_at=identity.started_at,
        owner=plan.owner,
        business_function=plan.business_function,
        criticality=plan.criticality,
        priority=plan.priority,
        tags=dict(plan.tags),
        objectives=plan.objectives.model_dump(exclude_none=True),
        hold=FrozenHold(
            enabled=hold is not None and not conf.skip_gates,
            timeout_seconds=(hold.timeout_minutes if hold else 1) * SECONDS_PER_MINUTE,
            on_timeout=hold.on_timeout if hold else "cleanup",
        ),
        cleanup=conf.cleanup,
        max_age_seconds=plan.drill.max_age_hours * SECONDS_PER_HOUR,
        notifications=tuple(item.model_dump(mode="json") for item in plan.notifications),
        waves=tuple(
            FrozenWaveRef(
                number=plan.wave_number(wave.name),
                name=wave.name,
                selected=wave.name in selected,
                depends_on=tuple(plan.wave_number(name) for name in plan.dependencies(wave.name)),
                decided_by_steps=bool(wave.after),
                has_steps=bool(wave.before or wave.after),
            )
            for wave in plan.waves
        ),
        preflight=dict(preflight or {}),
        overrides=tuple(dict(item) for item in overrides),
        before_first=freeze_steps(plan.before_first, "before_first", conf.execution_type, target, blocks),
        after_last=freeze_steps(plan.after_last, "after_last", conf.execution_type, target, blocks),
        simulated_by=tuple(simulated_by),
    )
