"""A quota that is short: each start that waits says so in its run, and leaves room for those that go before it.

So a slot that becomes free is not taken by who happens to look first. A wait is part of a claim: that says who waits,
and which waves it has where; the wait itself says only how many servers of a wave, and since when.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from drs_provider import keys, settings
from drs_provider.airflow_api.run import RunView
from drs_provider.core.account import AwsTarget
from drs_provider.core.task_states import TASK_ACTIVE
from drs_provider.orchestration.concurrency.claims import running_claims
from drs_provider.rules.concurrency.claims import Claim, QuotaWait, Rank, place_of
from drs_provider.runtime.channels.declared import QUOTA_WAIT
from drs_provider.runtime.channels.party import OtherRun, Run

#: A waiting start looks every ``queue_poll_seconds``; after so many looks that it missed, it counts as stuck.
MISSED_LOOKS = 4
SLOW_LOOK_SECONDS = 60.0


def waits_ahead(
    view: RunView, own: Rank, target: AwsTarget, dag_ids: Collection[str], *, now: float
) -> list[QuotaWait]:
    """Return what goes before a start in its account and Region, the first one first.

    :param dag_ids: the DAGs whose runs may wait as well
    :param now: epoch seconds
    """
    stale = MISSED_LOOKS * settings.get_seconds("queue_poll_seconds") + SLOW_LOOK_SECONDS
    place = place_of(target.account_id, target.region)
    ahead = [
        wait
        for claim, _ in running_claims(view, dag_ids)
        for wait in _waits_of(view, claim, place)
        if wait.goes_before(own, now=now, stale_seconds=stale)
    ]
    return sorted(ahead, key=lambda wait: wait.rank)


def _waits_of(view: RunView, claim: Claim, place: str) -> Iterator[QuotaWait]:
    """Yield the waits of starts that have begun and are not over; a run that is over waits for nothing."""
    waves = claim.waves.get(place, {})
    states = view.states_in(claim.dag_id, claim.run_id) if waves else {}
    run = Run(OtherRun(view, claim.dag_id, claim.run_id), claim.execution_id)
    for number, name in waves.items():
        task_id = keys.wave_task_id(int(number), name, keys.START_RECOVERY)
        if states.get(task_id) not in TASK_ACTIVE:
            continue
        doubt = f"What wave {number} of {claim.name} waits for is ignored"
        wait = QUOTA_WAIT.believed(run, doubt, wave=int(number), task_id=task_id)
        if wait is not None and not view.run_is_over(claim.dag_id, claim.run_id):
            yield QuotaWait(claim, Rank.of(claim, int(number), wait.since), wait.servers, wait.seen_at)
