"""A RECOVERY cancels a drill that holds its servers.

A worker has no right to end another run. It may write an XCom of another run, and the drill's own tasks look there
before they do anything: the notice is signed and names the drill, so nobody can write one by hand. No launch of the
drill begins after the notice is published; what its DRS jobs still do shows as busy servers, which the RECOVERY waits
for anyway. The drill then ends CANCELLED and cleans up after itself.
"""

from __future__ import annotations

import logging
import time
from urllib.parse import quote

from airflow.sdk.exceptions import AirflowRuntimeError

from drs_provider.airflow_api.run import RunView
from drs_provider.core.events import Event
from drs_provider.core.texts import cause
from drs_provider.exceptions import EvidenceError, ExecutionRefusedError, RunUnknownError
from drs_provider.rules.concurrency.claims import PREPARING, Claim, Conflict
from drs_provider.rules.concurrency.preemption import Preemption
from drs_provider.runtime.channels.declared import PREEMPTION
from drs_provider.runtime.channels.party import OtherRun, Run
from drs_provider.runtime.timeline import emit

log = logging.getLogger(__name__)


def preempt(view: RunView, own: Claim, conflict: Conflict, *, reason: str | None) -> None:
    """Publish the notice that cancels a drill, and see that it is there.

    :raises ExecutionRefusedError: if Airflow does not take it
    """
    other = conflict.claim
    notice = Preemption.of(own, other, reason=reason, at=time.time())
    drill = Run(OtherRun(view, other.dag_id, other.run_id), other.execution_id)
    try:
        PREEMPTION.publish(drill, notice)
        arrived = PREEMPTION.read(drill).value == notice
        problem = "it was overwritten at once"
    except (AirflowRuntimeError, RunUnknownError, EvidenceError) as error:
        arrived, problem = False, cause(str(error))
    if not arrived:
        raise ExecutionRefusedError(
            f"{other.name} could not be pre-empted ({problem}); nothing was started. {how_to_end(other)}, then "
            "start this RECOVERY again."
        )
    emit(
        own.execution_id,
        Event.DRILL_PREEMPTED,
        dagId=other.dag_id,
        runId=other.run_id,
        drillExecutionId=other.execution_id,
        servers=len(conflict.servers),
        by=own.initiated_by,
    )
    log.warning("Pre-empted: %s. %s", conflict.what(), _what_follows(conflict))


def how_to_end(other: Claim) -> str:
    """Tell how people end a run."""
    return (
        f"Mark that run as failed in the UI, or PATCH /api/v2/dags/{other.dag_id}/dagRuns/{quote(other.run_id)} with "
        '{"state": "failed"}'
    )


def _what_follows(conflict: Conflict) -> str:
    if conflict.paused:
        return f"Its DAG is paused: it starts nothing, and cleans up once {conflict.claim.dag_id} is unpaused"
    if conflict.doing and conflict.doing != PREPARING:
        return (
            f"It waits for people at {conflict.doing}: whatever they answer, it starts nothing more and ends; until "
            f"then its instances on other servers stay. To end it now: {how_to_end(conflict.claim)}"
        )
    return "It ends by itself within minutes"
