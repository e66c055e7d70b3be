"""Refusing an execution while another one is at work on its servers, without a lock service.

Each execution publishes its claim first, then reads those of the others: of two that start at the same moment at
least one sees the other and refuses. A claim ends with its run's `finalize`, or when its time is over.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from drs_provider import keys
from drs_provider.exceptions import ExecutionRefusedError
from drs_provider.plan.catalog import load_catalog
from drs_provider.plan.claims import Claim, conflict_text
from drs_provider.plan.identity import dag_id_of
from drs_provider.plan.last_good import LastGoodPlans
from drs_provider.runtime.run import OVER, RunView

log = logging.getLogger(__name__)


def claim_servers(view: RunView, claim: Claim, dag_ids: Collection[str]) -> None:
    """Publish a claim, and refuse if another execution holds one of the servers.

    :param dag_ids: the DAGs whose runs may hold them
    :raises ExecutionRefusedError: naming every execution that is in the way, and the way out
    """
    view.push(keys.CLAIM, claim.to_dict())
    conflicts = []
    for other in running_claims(view, dag_ids, own=claim):
        if servers := claim.conflict_with(other, now=time.time()):
            conflicts.append(conflict_text(other, servers))
    if conflicts:
        raise ExecutionRefusedError("the execution is refused, nothing was started:\n" + "\n".join(conflicts))


def running_claims(view: RunView, dag_ids: Collection[str], *, own: Claim) -> Iterator[Claim]:
    """Yield the claims of runs that have not come to their end."""
    for dag_id in sorted(dag_ids):
        for run_id, states in view.states_of(dag_id, [keys.PREPARE, keys.FINALIZE]).items():
            if (dag_id, run_id) == (own.dag_id, own.run_id) or states.get(keys.FINALIZE) in OVER:
                continue
            data = view.pull_from(dag_id, run_id, keys.PREPARE, keys.CLAIM)
            if data:
                yield Claim.from_dict(data)


def plan_dag_ids(folder: Path, state_path: Path) -> set[str]:
    """Return the DAGs of all plans: of the folder, and of plans that were withdrawn but may still run."""
    names = {*load_catalog(folder).plans, *LastGoodPlans(state_path).names()}
    return {dag_id_of(name) for name in names}
