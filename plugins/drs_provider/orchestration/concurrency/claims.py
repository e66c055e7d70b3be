"""Refusing an execution while another one is at work on its servers, without a lock service.

Each execution registers its DAG and publishes its claim first, then reads those of the others: of two that start at the
same moment at least one sees the other and refuses. A claim ends with its run's `finalize`, with its run, or when its
time is over.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from drs_provider import keys, settings
from drs_provider.airflow_api import dag_register
from drs_provider.airflow_api.run import RunView
from drs_provider.core.identity import dag_id_of
from drs_provider.core.task_states import TASK_OVER
from drs_provider.exceptions import EvidenceError, ExecutionRefusedError
from drs_provider.orchestration.concurrency.preemption import preempt
from drs_provider.plan.files.folder import plan_names
from drs_provider.plan.files.last_good import LastGoodPlans
from drs_provider.rules.concurrency.claims import PREPARING, Claim, Conflict, claim_of
from drs_provider.rules.concurrency.preemption import Override, override_of
from drs_provider.rules.execution.frozen import FrozenPlan, FrozenWave
from drs_provider.runtime.channels.channel import Channel
from drs_provider.runtime.channels.declared import CLAIM, FROZEN_PLAN, FROZEN_WAVE, OVERRIDES
from drs_provider.runtime.channels.party import OtherRun, Run
from drs_provider.runtime.execution import Execution

log = logging.getLogger(__name__)

C = TypeVar("C", Claim, FrozenPlan)

#: Of a claim that was made again from the frozen plan, which does not say which attempt runs.
ANY_ATTEMPT = 1_000_000


def claim_servers(
    view: RunView,
    claim: Claim,
    dag_ids: Callable[[], Collection[str]],
    *,
    what: str = "the execution",
    may_preempt: bool = False,
    reason: str | None = None,
) -> list[Conflict]:
    """Publish a claim, and refuse if another execution holds one of the servers.

    :param dag_ids: gives the DAGs whose runs may hold them; asked for when the claim can be seen by others
    :param what: what is refused
    :param may_preempt: cancel drills that hold them, unless something else holds some too
    :param reason: why the execution was started, for the drill's people
    :return: the drills that were cancelled
    :raises ExecutionRefusedError: naming every execution that is in the way, and the way out
    :raises RunUnknownError: if Airflow does not tell which executions run, or others would not see this one
    """
    publish(view, claim)
    found = conflicts(view, claim, dag_ids())
    in_the_way = [item for item in found if not (may_preempt and item.may_be_preempted_by(claim))]
    if not in_the_way:
        for item in found:
            preempt(view, claim, item, reason=reason)
        return found
    lines = [item.text(claim) for item in found]
    if may_preempt:
        lines.append(
            "preempt_drill cancels drills only, and only if nothing else is in the way; it cancelled none."
        )
    raise ExecutionRefusedError(f"{what} is refused, nothing was started:\n" + "\n".join(lines))


def claim_again(execution: Execution, dag_ids: Callable[[], Collection[str]]) -> None:
    """Claim the servers anew: others may have begun since the execution's end, or while its DAG was not registered.

    :raises ExecutionRefusedError: naming every execution that is in the way, and the way out
    """
    plan, view = execution.plan, execution.view
    claim = claim_of(plan, execution.waves(), attempt=execution.attempt, now=execution.now())
    cancelled = claim_servers(
        view,
        claim,
        dag_ids,
        what=f"attempt {execution.attempt}",
        may_preempt=bool(plan.conf.get("preempt_drill")),
        reason=plan.reason,
    )
    if cancelled:
        told = overrides(cancelled, by=execution.run.initiated_by, why=plan.reason)
        OVERRIDES.publish(execution, told)


def overrides(cancelled: Iterable[Conflict], *, by: str, why: str | None) -> list[Override]:
    """Return the record's entries about the drills that were cancelled."""
    return [override_of(item.claim, item.names, by=by, why=why) for item in cancelled]


def publish(view: RunView, claim: Claim) -> None:
    """Let other executions see the claim.

    :raises RunUnknownError: if Airflow does not take or list the DAG's registration, without which nobody looks here
    """
    dag_register.register(claim.dag_id)
    CLAIM.publish(Run(view, claim.execution_id), claim)


def conflicts(view: RunView, own: Claim, dag_ids: Collection[str]) -> list[Conflict]:
    """Return the executions that hold servers of ours; publishes nothing."""
    now = time.time()
    found = []
    for other, states in running_claims(view, dag_ids):
        if (other.dag_id, other.run_id) == (own.dag_id, own.run_id):
            continue
        servers = own.common_servers(other, now=now)
        # Looked at only here: a run may be over although its finalize never ran.
        if servers and not view.run_is_over(other.dag_id, other.run_id):
            doing = _doing(view, other, states)
            found.append(Conflict(other, servers, doing, paused=view.is_paused(other.dag_id)))
    return found


def _doing(view: RunView, other: Claim, states: Mapping[str, str | None]) -> str:
    if states.get(keys.PREPARE) not in TASK_OVER:
        return PREPARING
    of_tasks = view.states_in(other.dag_id, other.run_id)
    waiting = [task for task, state in of_tasks.items() if _waits_for_people(view, other, task, state)]
    return ", ".join(sorted(waiting))


def _waits_for_people(view: RunView, other: Claim, task_id: str, state: str | None) -> bool:
    if not keys.may_wait_for_people(task_id, state):
        return False
    asking = not keys.is_step(task_id) or view.pull_from(other.dag_id, other.run_id, task_id, keys.ASKING)
    return asking is True


def running_claims(
    view: RunView, dag_ids: Collection[str]
) -> Iterator[tuple[Claim, Mapping[str, str | None]]]:
    """Yield the claims of runs whose `finalize` is not over, with the states of `prepare` and `finalize`."""
    for dag_id in sorted(dag_ids):
        for run_id, states in view.states_of(dag_id, [keys.PREPARE, keys.FINALIZE]).items():
            if states.get(keys.FINALIZE) in TASK_OVER:
                continue
            claim = claim_at(view, dag_id, run_id)
            if claim is not None:
                yield claim, states


def claim_at(view: RunView, dag_id: str, run_id: str) -> Claim | None:
    """Return what a run holds, or None.

    A claim that was removed or changed by hand is made again from the run's frozen plan. If that does not verify
    either, the run can start nothing, and holds nothing.
    """
    run = Run(OtherRun(view, dag_id, run_id))

    def own(claim: Claim | None) -> Claim | None:
        if claim is None or (claim.dag_id, claim.run_id) == (dag_id, run_id):
            return claim
        log.warning("Run %s of %s bears the claim of another run, which is ignored", run_id, dag_id)
        return None

    return own(_of_itself(CLAIM, run)) or own(_frozen(run))


def _frozen(run: Run[OtherRun]) -> Claim | None:
    plan = _of_itself(FROZEN_PLAN, run)
    if plan is None:
        return None
    known = replace(run, execution_id=plan.execution_id, plan_hash=plan.plan_hash)
    waves = [_frozen_wave(known, plan, ref.number) for ref in plan.waves]
    return claim_of(plan, [wave for wave in waves if wave is not None], attempt=ANY_ATTEMPT)


def _frozen_wave(run: Run[OtherRun], plan: FrozenPlan, number: int) -> FrozenWave | None:
    """Return a wave of another run, or None if it does not verify: what the others hold stays held."""
    try:
        return FROZEN_WAVE.read(run, wave=number).required()
    except EvidenceError as error:
        log.warning("Frozen wave %s of %s is ignored: %s", number, plan.dag_run_id, error)
        return None


def _of_itself(channel: Channel[C], run: Run[OtherRun]) -> C | None:
    """Return what another run tells of itself, if it is bound to the execution that it names."""
    try:
        told = channel.read(run)
    except EvidenceError as error:
        log.warning("The %s of another run is ignored: %s", channel.purpose, error)
        return None
    if told.value is not None and told.binding["execution_id"] != told.value.execution_id:
        log.warning("The %s of another run is ignored: it names another execution", channel.purpose)
        return None
    return told.value


def known_dag_ids(own: str, plans_folder: Path | None) -> set[str]:
    """Return the DAGs whose runs may hold servers: all that are registered in Airflow.

    Plan files only add to them: to executions that an earlier version began, which registered nothing.

    :param own: the running task's own DAG
    :param plans_folder: default: ``[drs] plans_folder``, if it is set
    :raises RunUnknownError: if Airflow does not tell
    """
    configured = settings.get("plans_folder")
    folder = plans_folder or (Path(configured) if configured else None)
    of_files = plan_dag_ids(folder, settings.state_path()) if folder else set()
    return {own} | dag_register.registered() | of_files


def plan_dag_ids(folder: Path, state_path: Path) -> set[str]:
    """Return the DAGs of the plans that this machine has files of: in the folder, or withdrawn ones."""
    names = plan_names(folder) | set(LastGoodPlans(state_path).names())
    return {dag_id_of(name) for name in names}
