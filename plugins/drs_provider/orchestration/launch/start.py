"""The reconciling start: look, decide, store the intent, call, look again. Whoever launches servers comes here."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from drs_provider.core.quotas import DrsQuotas
from drs_provider.core.texts import cause, grouped, named
from drs_provider.exceptions import (
    DrsError,
    DrsFailError,
    DrsIncompleteAnswerError,
    ExecutionRefusedError,
)
from drs_provider.hooks.aws.errors import (
    AWS_ERRORS,
    is_conflict,
    is_outcome_unknown,
    is_quota_exceeded,
    is_transient,
)
from drs_provider.hooks.ec2.ec2_rows import instance_exists
from drs_provider.orchestration.launch.launch_into import require_new_instances
from drs_provider.orchestration.launch.own_launches import require_servers, with_instances
from drs_provider.orchestration.launch.request import StartGuards, StartRequest
from drs_provider.rules.concurrency.claims import QuotaWait
from drs_provider.rules.drs.graces import START_AGAIN_AFTER_SECONDS
from drs_provider.rules.drs.jobs import JobView, parse_jobs
from drs_provider.rules.drs.owners import block_holds, holders_text, job_owner
from drs_provider.rules.drs.recovery_instances import RecoveryInstanceView, instance_ids, instances_by_server
from drs_provider.rules.wave.ownership import OwnedJob, StartIntent, own_jobs, unsettled_servers
from drs_provider.rules.wave.reconcile import (
    StartDecision,
    busy_servers,
    decide_start,
    quota_usage,
    room_for,
)
from drs_provider.runtime.execution import AwsAccess
from drs_provider.runtime.jobs import jobs_around

log = logging.getLogger(__name__)

# A round ends with a look at what is there. More than a few means that DRS and we keep disagreeing: better wait.
MAX_ROUNDS = 4


@dataclass(frozen=True)
class Started:
    """What became of a start.

    :param jobs: jobs of this execution to follow
    :param waiting: server -> why it cannot be launched yet
    :param quota_limited: those of the waiting servers that wait for quota
    """

    jobs: tuple[OwnedJob, ...]
    waiting: Mapping[str, str] = field(default_factory=dict)
    quota_limited: frozenset[str] = frozenset()

    def waiting_text(self) -> str:
        """Tell how many servers wait, and for what."""
        reasons = Counter(self.waiting.values())
        return "; ".join(f"{count} servers: {reason}" for reason, count in reasons.most_common(5))


def reconciled_start(request: StartRequest, guards: StartGuards) -> Started:
    """Start what is missing, or find that it is started; no path of it starts a second job for a server.

    :raises ExecutionRefusedError: if a server must not be launched; then none of the request is
    """
    return Start(request, guards).run()


class Start:
    """One run of :func:`reconciled_start`."""

    def __init__(self, request: StartRequest, guards: StartGuards) -> None:
        self._request = request
        self._guards = guards
        self._aws = AwsAccess(request.execution_id)
        self._drs = self._aws.drs(request.target)
        self._refused_for_quota: dict[str, str] = {}

    def run(self) -> Started:
        """Start what is missing; raises what :func:`reconciled_start` raises."""
        decision = self._decide()
        for _ in range(MAX_ROUNDS):
            if decision.refused:
                raise ExecutionRefusedError(self._refusal(decision.refused))
            if not decision.launch:
                break
            chosen = [server for batch in decision.launch for server in batch]
            require_new_instances(self._request, self._drs, chosen)
            for batch in decision.launch:
                self._launch(batch)
            decision = self._decide()
        waiting = dict(decision.waiting)
        refused = {server for batch in decision.launch for server in batch}
        for server in refused:
            waiting[server] = self._refused_for_quota.get(server, "DRS refused the start again and again")
        quota_limited = decision.quota_limited | (refused & self._refused_for_quota.keys())
        return Started(decision.adopted, waiting, quota_limited)

    def _decide(self) -> StartDecision:
        request, now = self._request, time.time()
        intents = self._guards.intents()
        # Ours since the first attempt's start, and whatever of others may still run: busy servers, quotas.
        jobs = jobs_around(self._drs, request.since)
        owned = own_jobs(
            jobs, execution_id=request.execution_id, wave_number=request.wave_number, intents=intents
        )
        require_servers(request, owned)
        owners = {job.job_id: job_owner(job) for job in jobs}
        rows = self._drs.recovery_instances(source_server_ids=request.server_ids)
        live = instances_by_server(rows, request.server_ids)
        cleaned_up = self._guards.cleaned_up(owned)
        owned = with_instances(request, self._aws, owned, live.values(), cleaned_up)
        launched = instance_ids(live.values()).union(*(own.job.instance_ids for own in owned))
        usage, quotas = quota_usage([*jobs, *_unseen(owned, now)]), self._quotas
        decide = partial(
            decide_start,
            wave_servers=request.server_ids,
            attempt=request.attempt,
            owned_jobs=owned,
            busy=_with_owners(busy_servers(jobs, owned), owners),
            owners=owners,
            live_instances=live,
            existing_instance_ids=self._existing(launched),
            replace_allowed=request.replaceable,
            quotas=quotas,
            usage=usage,
            now=now,
            not_before=unsettled_servers(intents, owned, after_seconds=START_AGAIN_AFTER_SECONDS),
            cleaned_up=cleaned_up,
            held=self._held(live.values(), jobs),
        )
        decision = decide()
        # Where no job has run for hours, nobody waits for quota.
        ahead = self._guards.ahead() if decision.launch and jobs else ()
        if ahead:
            decision = decide(reserved=room_for((wait.servers for wait in ahead), quotas))
        return _naming_blockers(decision, jobs, ahead)

    def _held(self, live: Iterable[RecoveryInstanceView], jobs: Iterable[JobView]) -> dict[str, str]:
        """Return the servers with drill instances of building blocks whose runs go on; a RECOVERY goes first."""
        views = [view for view in live if view.job_id and view.exists and view.replaceable]
        if not self._request.is_drill or not views:
            return {}
        known = {job.job_id: job for job in jobs}
        earlier = {view.job_id for view in views if view.job_id} - known.keys()
        known |= {job.job_id: job for job in parse_jobs(self._drs.jobs(sorted(earlier)))}
        return block_holds(views, known, self._guards.another_goes_on)

    @cached_property
    def _quotas(self) -> DrsQuotas:
        return self._drs.quotas()

    def _existing(self, ids: set[str]) -> set[str] | None:
        try:
            instances = self._aws.ec2(self._request.target).instances(ids)
        except (*AWS_ERRORS, DrsFailError) as error:
            log.warning("EC2 could not be asked; instances that DRS names count as existing: %s", error)
            return None
        return {key for key, row in instances.items() if instance_exists(row)}

    def _launch(self, servers: tuple[str, ...]) -> None:
        intent = self._intend(servers)
        try:
            # After the intent was published: a cleanup that began before it must not miss the job.
            self._guards.before_call()
        except DrsError:
            self._forget(intent)
            raise
        request = self._request
        snapshots = {server.source_server_id: server.snapshot_id for server in request.servers}
        try:
            job = self._drs.start_recovery(
                {server: snapshots[server] for server in servers},
                is_drill=request.is_drill,
                tags=request.tags,
            )
        except (*AWS_ERRORS, DrsIncompleteAnswerError) as error:
            self._not_answered(intent, error)
        except DrsFailError:
            self._forget(intent)
            raise
        else:
            self._learn(intent, JobView.from_api(job))

    def _not_answered(self, intent: StartIntent, error: Exception) -> None:
        """Keep the intent only if a job may exist; the next look then finds it, or waits for it to show."""
        if is_outcome_unknown(error):
            log.warning("StartRecovery's outcome is unknown, looking for its job: %s", error)
            return
        self._forget(intent)
        if is_quota_exceeded(error):
            self._refused_for_quota |= dict.fromkeys(
                intent.servers, f"DRS says that a quota is used up: {cause(str(error))}"
            )
        if not (is_conflict(error) or is_quota_exceeded(error) or is_transient(error)):
            raise error
        log.warning("StartRecovery was refused, nothing was started: %s", error)

    def _learn(self, intent: StartIntent, job: JobView) -> None:
        answered = replace(intent, job_id=job.job_id)
        self._guards.keep([answered if stored == intent else stored for stored in self._guards.intents()])
        self._guards.job_started(job.job_id, intent.servers)

    def _intend(self, servers: tuple[str, ...]) -> StartIntent:
        request = self._request
        intent = StartIntent(
            execution_id=request.execution_id,
            wave_number=request.wave_number,
            attempt=request.attempt,
            account_id=request.target.account_id,
            region=request.target.region,
            is_drill=request.is_drill,
            servers=servers,
            created_at=time.time(),
        )
        self._guards.keep([*self._guards.intents(), intent])
        return intent

    def _forget(self, intent: StartIntent) -> None:
        self._guards.keep([stored for stored in self._guards.intents() if stored != intent])

    def _refusal(self, refused: Mapping[str, str]) -> str:
        causes = grouped((self._request.named(server), reason) for server, reason in sorted(refused.items()))
        lines = [f"{named(servers)} {reason}" for reason, servers in causes.items()]
        return f"{self._request.name} starts nothing: " + "; ".join(lines)


def _unseen(owned: Iterable[OwnedJob], now: float) -> list[JobView]:
    """Return jobs that were started just now and that DescribeJobs does not show yet: they count, too."""
    since = now - START_AGAIN_AFTER_SECONDS
    return [own.job for own in owned if not own.visible and (own.job.created_at or 0.0) > since]


def _with_owners(busy: Mapping[str, str], owners: Mapping[str, str]) -> dict[str, str]:
    """Return server -> the job that keeps it busy, and whose that is."""
    return {server: f"{job_id} of {owners[job_id]}" for server, job_id in busy.items()}


def _naming_blockers(
    decision: StartDecision, jobs: Sequence[JobView], ahead: Sequence[QuotaWait]
) -> StartDecision:
    """Return the decision with what fills the quota, and who goes first, in its reasons."""
    if not decision.quota_limited:
        return decision
    first = f"; first goes {ahead[0].name}" if ahead else ""
    told = f" (jobs that run: {holders_text(jobs) or 'none'}{first})"
    waiting = {
        server: f"{reason}{told}" if server in decision.quota_limited else reason
        for server, reason in decision.waiting.items()
    }
    return replace(decision, waiting=waiting)
