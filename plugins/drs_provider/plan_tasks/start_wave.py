"""Start the recovery of a wave: reconcile what should be launched with what is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from drs_provider import keys, settings
from drs_provider.airflow_api.dag_register import register
from drs_provider.airflow_api.state_store import KeptState, TaskState
from drs_provider.core.events import Event
from drs_provider.exceptions import WaveFailedError
from drs_provider.links import DrsJobsLink
from drs_provider.orchestration.wave.preconditions import check_preconditions
from drs_provider.rules.concurrency.claims import Rank, Wait
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.rules.record.schema import WaveResult
from drs_provider.rules.wave.watch import JobsToFollow
from drs_provider.runtime.channels.declared import QUOTA_WAIT, RECOVERY_JOBS, START_INTENTS, WAVE_RESULT
from drs_provider.runtime.channels.failures import tells_failure
from drs_provider.runtime.decisions import gate_decision
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.outages import pause, waits_out_outages
from drs_provider.runtime.rto_risk import warn_of_rto
from drs_provider.runtime.watch import jobs_to_follow

if TYPE_CHECKING:
    from drs_provider.orchestration.launch.start import Started
    from drs_provider.rules.concurrency.claims import QuotaWait


class PlanStartWaveOperator(BaseOperator):
    """Launch what a wave lacks, in as few DRS jobs as the quota allows, and tell which jobs to follow.

    A retry, a crash between call and answer, a cleared task and a retry of failed servers all come here and
    reconcile: jobs of this execution are adopted, only the difference is launched. Servers busy in somebody else's
    job, and what the quotas have no room for, are waited for, deferred, within the wave's queue timeout.

    When a quota is short, a RECOVERY goes before every DRILL, then the smaller plan priority, then who waits longer.

    :param wave_number: 1-based number of the wave
    :param plans_folder: where other plans are, whose executions may be at work on the same servers, or wait for quota
    :raises EvidenceError: if the frozen plan, an intent or the gate's decision does not verify
    :raises GateClosedError: if the gate was rejected
    :raises WaveFailedError: if the queue timeout passes; the message names the blocker
    :raises ExecutionRefusedError: if a server's live instance would be destroyed, if the wave is not where its
        frozen plan puts it, or if another execution has begun with its servers since an earlier attempt
    :raises PreemptedError: if a RECOVERY has cancelled this drill
    """

    ui_color = "#bfe3c0"
    operator_extra_links = (DrsJobsLink(),)

    def __init__(self, *, wave_number: int, plans_folder: Path | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.wave_number = wave_number
        self._plans_folder = plans_folder
        self.link_address: str | None = None

    @tells_failure
    @waits_out_outages
    def execute(self, context: Mapping[str, Any]) -> JobsToFollow:
        """Start the wave, or adopt what runs already."""
        return self._start(Execution.open(context), begins=True)

    @tells_failure
    @waits_out_outages
    def look_again(self, context: Mapping[str, Any], event: Any = None) -> JobsToFollow:
        """Try again after a wait for busy servers or quota."""
        return self._start(Execution.open(context))

    def _start(self, execution: Execution, *, begins: bool = False) -> JobsToFollow:
        from drs_provider.orchestration.concurrency.claims import (
            claim_again,  # boto3 stays out of DAG parsing
        )
        from drs_provider.orchestration.wave.start import start_wave

        state = KeptState(execution.context)
        # In whatever attempt, a retry begins without XComs, and may find its jobs without storing anything anew.
        START_INTENTS.publish_again(execution, wave=self.wave_number)
        wave = execution.wave(self.wave_number)
        check_preconditions(execution, wave)
        self._check_gate(execution, wave)
        # Registered anew: somebody deleted the Variable, and others may have begun meanwhile without looking here.
        if begins and (register(execution.plan.dag_id) or execution.attempt > 1):
            claim_again(execution, partial(self._dag_ids, execution))
        self.link_address = DrsJobsLink.address(wave.target)
        execution.history.wave_launching(wave.number)
        started = start_wave(execution, wave, partial(self._ahead, execution, wave, state))
        if started.waiting:
            self._wait(execution, wave, state, started)
        return self._tell(execution, wave, state, started)

    def _dag_ids(self, execution: Execution) -> set[str]:
        from drs_provider.orchestration.concurrency.claims import known_dag_ids

        return known_dag_ids(execution.plan.dag_id, self._plans_folder)

    def _ahead(self, execution: Execution, wave: FrozenWave, state: TaskState) -> list[QuotaWait]:
        from drs_provider.orchestration.concurrency.quota_waits import waits_ahead

        since = state.get(_queued_since(execution), execution.now())
        own = Rank.of(execution.plan, wave.number, since)
        return waits_ahead(execution.view, own, wave.target, self._dag_ids(execution), now=execution.now())

    def _check_gate(self, execution: Execution, wave: FrozenWave) -> None:
        decision = gate_decision(execution, wave)
        if not wave.selected:
            self._skip(execution, "not selected for this run")
        if decision == "skip":
            self._skip(execution, "skipped by decision at its gate", by_decision=True)

    def _skip(self, execution: Execution, reason: str, *, by_decision: bool = False) -> None:
        result: WaveResult = {
            "waveNumber": self.wave_number,
            "attempt": execution.attempt,
            "status": "SKIPPED",
            "skipReason": reason,
            "skippedByDecision": by_decision,
        }
        WAVE_RESULT.publish(execution, result, wave=self.wave_number)
        execution.emit(Event.WAVE_SKIPPED, waveNumber=self.wave_number, reason=reason)
        execution.history.wave_skipped(self.wave_number, reason)
        raise AirflowSkipException(f"wave {self.wave_number}: {reason}")

    def _wait(self, execution: Execution, wave: FrozenWave, state: TaskState, started: Started) -> None:
        if started.jobs:
            # Part of the wave runs: if the wait ends badly, or the run is stopped, the record must name these jobs.
            self._publish_jobs(execution, wave, started, execution.now())
        since = state.once(_queued_since(execution), execution.now())
        waited = execution.now() - since
        if waited > wave.queue_timeout_seconds:
            raise WaveFailedError(
                f"wave {wave.number} ({wave.name}) waited {round(waited / 60)} minutes and could not start: "
                f"{started.waiting_text()}. See to what blocks it, then clear the wave's group."
            )
        # Other starts leave room for it until this one looks again, or is over.
        wait = Wait(len(started.quota_limited), since, execution.now())
        QUOTA_WAIT.publish(execution, wait, wave=wave.number)
        self.log.info("Waiting: %s", started.waiting_text())
        execution.emit(Event.WAVE_QUEUED, waveNumber=wave.number, waitingServers=len(started.waiting))
        warn_of_rto(execution)
        pause(self, settings.get_seconds("queue_poll_seconds"))

    def _tell(
        self, execution: Execution, wave: FrozenWave, state: TaskState, started: Started
    ) -> JobsToFollow:
        first = state.once(f"{keys.FIRST_STARTED}_{execution.attempt}", execution.now())
        jobs = self._publish_jobs(execution, wave, started, first)
        execution.emit(
            Event.WAVE_STARTED,
            waveNumber=wave.number,
            waveName=wave.name,
            jobs=[job["jobId"] for job in jobs["jobs"]],
            servers=len(wave.servers),
            deadline=jobs["deadline"],
        )
        execution.history.wave_polling(wave.number, started.jobs)
        warn_of_rto(execution)
        return jobs

    @staticmethod
    def _publish_jobs(
        execution: Execution, wave: FrozenWave, started: Started, started_at: float
    ) -> JobsToFollow:
        jobs = jobs_to_follow(wave, started.jobs, attempt=execution.attempt, started_at=started_at)
        RECOVERY_JOBS.publish(execution, jobs, wave=wave.number)
        return jobs


def _queued_since(execution: Execution) -> str:
    return f"{keys.QUEUED_SINCE}_{execution.attempt}"
