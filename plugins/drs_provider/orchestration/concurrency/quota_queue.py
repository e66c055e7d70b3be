"""The queue for a quota that is short: tickets that waiting starts leave for those of other executions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace

from drs_provider import keys, settings
from drs_provider.airflow_api.state_store import TaskState
from drs_provider.core.evidence import QUEUE_TICKET, binding, seal
from drs_provider.core.task_states import TASK_OVER
from drs_provider.exceptions import EvidenceError
from drs_provider.orchestration.concurrency.claims import running_claims
from drs_provider.rules.concurrency.claims import Claim, place_of
from drs_provider.rules.concurrency.queueing import Ticket, ahead_of
from drs_provider.rules.drs.jobs import JobView
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.runtime.execution import Execution, unseal

log = logging.getLogger(__name__)

#: A waiting start looks every ``queue_poll_seconds``; after so many looks that it missed, it keeps no room.
MISSED_LOOKS = 4
SLOW_LOOK_SECONDS = 60.0


def _ticket_seconds() -> float:
    return MISSED_LOOKS * settings.get_seconds("queue_poll_seconds") + SLOW_LOOK_SECONDS


class QuotaQueue:
    """A wave's place among the starts that wait for quota in its account and Region.

    :param dag_ids: gives the DAGs whose runs may wait as well; asked for only when there is a queue
    """

    def __init__(
        self, execution: Execution, wave: FrozenWave, state: TaskState, dag_ids: Callable[[], Collection[str]]
    ) -> None:
        self._execution = execution
        self._wave = wave
        self._state = state
        self._dag_ids = dag_ids

    def may_exist(self, jobs: Iterable[JobView]) -> bool:
        """Whether anybody can be waiting for quota: where no job runs, or ran while tickets last, nobody is."""
        since = self._execution.now() - _ticket_seconds()
        return any(not job.completed or (job.ended_at or since) >= since for job in jobs)

    def ahead(self) -> tuple[Ticket, ...]:
        """Return the tickets of others that go first."""
        now = self._execution.now()
        return ahead_of(self._ticket(0), self._others(), now=now, stale_seconds=_ticket_seconds())

    def wait(self, servers: int) -> None:
        """Leave a ticket, or renew it; none if no server waits for quota."""
        if not servers:
            self.leave()
            return
        ticket = seal(
            self._ticket(servers).to_dict(),
            key=settings.signing_key(),
            purpose=QUEUE_TICKET,
            binding=binding(self._execution.plan.execution_id, wave=self._wave.number),
        )
        self._execution.view.push(keys.QUEUE_TICKET, ticket)

    def leave(self) -> None:
        """Take the ticket back, if there is one."""
        if self._since() is not None:
            self._execution.view.push(keys.QUEUE_TICKET, None)

    def _since(self) -> float | None:
        since = self._state.get(f"{keys.QUEUED_SINCE}_{self._execution.attempt}")
        return None if since is None else float(since)

    def _ticket(self, servers: int) -> Ticket:
        plan, now = self._execution.plan, self._execution.now()
        target = self._wave.target
        return Ticket(
            execution_id=plan.execution_id,
            execution_type=plan.execution_type.value,
            plan_name=plan.plan_name,
            run_id=plan.dag_run_id,
            priority=plan.priority,
            place=place_of(target.account_id, target.region),
            wave_number=self._wave.number,
            servers=servers,
            since=self._since() or now,
            seen_at=now,
        )

    def _others(self) -> Iterator[Ticket]:
        target = self._wave.target
        place = place_of(target.account_id, target.region)
        for claim, _ in running_claims(self._execution.view, self._dag_ids()):
            for number, name in claim.waves.get(place, {}).items():
                ticket = self._ticket_of(claim, int(number), name)
                if ticket is not None:
                    yield ticket

    def _ticket_of(self, claim: Claim, number: int, name: str) -> Ticket | None:
        view = self._execution.view
        task_id = keys.wave_task_id(number, name, keys.START_RECOVERY)
        sealed = view.pull_from(claim.dag_id, claim.run_id, task_id, keys.QUEUE_TICKET)
        if sealed is None or view.states_in(claim.dag_id, claim.run_id).get(task_id) in TASK_OVER:
            return None
        try:
            payload = unseal(sealed, QUEUE_TICKET, binding(claim.execution_id, wave=number))
            return replace(Ticket.from_dict(payload), priority=claim.priority)
        except (EvidenceError, TypeError) as error:
            log.warning("The queue ticket of %s is ignored: %s", claim.name, error)
            return None
