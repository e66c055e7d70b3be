"""The start of one wave: what the reconciling start asks the plan's execution."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from drs_provider.core.events import Event
from drs_provider.core.identity import job_tags
from drs_provider.orchestration.launch.request import StartRequest
from drs_provider.orchestration.launch.start import Started, reconciled_start
from drs_provider.rules.concurrency.claims import QuotaWait
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.rules.wave.ownership import OwnedJob, StartIntent
from drs_provider.runtime.channels.declared import CLEANUP, START_INTENTS, TERMINATED
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.jobs import start_intents


def start_wave(execution: Execution, wave: FrozenWave, ahead: Callable[[], Sequence[QuotaWait]]) -> Started:
    """Start what a wave lacks.

    :param ahead: gives the starts that go first when a quota is short
    :raises ExecutionRefusedError: if a server must not be launched; then none of the wave is
    """
    plan = execution.plan
    request = StartRequest(
        name=f"wave {wave.number} ({wave.name})",
        target=wave.target,
        servers=wave.servers,
        is_drill=plan.is_drill,
        execution_id=plan.execution_id,
        wave_number=wave.number,
        attempt=execution.attempt,
        since=plan.started_at,
        tags=job_tags(
            plan.execution_id,
            plan.execution_type,
            plan.plan_name,
            wave.number,
            execution.attempt,
            plan.tags,
        ),
        replaceable=plan.conf.get("replace_live_instances") or (),
    )
    return reconciled_start(request, WaveGuards(execution, wave, ahead))


class WaveGuards:
    """The guards of a wave's start: signed intents, the run's state, a RECOVERY that takes the drill's servers."""

    def __init__(
        self, execution: Execution, wave: FrozenWave, ahead: Callable[[], Sequence[QuotaWait]]
    ) -> None:
        self._execution = execution
        self._wave = wave
        self.ahead = ahead

    def intents(self) -> list[StartIntent]:
        """Return the wave's intents.

        :raises EvidenceError: if they do not verify
        """
        return start_intents(self._execution, self._wave)

    def keep(self, intents: list[StartIntent]) -> None:
        """Store them, signed."""
        START_INTENTS.publish(self._execution, intents, wave=self._wave.number)

    def before_call(self) -> None:
        """Go on only if the task still runs, and no RECOVERY has cancelled the drill.

        From the moment at which a RECOVERY has published its notice, no new launch of a drill begins. One that is under
        way then shows as a busy server, which the RECOVERY waits for.

        :raises TaskStoppedError: if the task was stopped
        :raises PreemptedError: naming the RECOVERY
        :raises EvidenceError: if there is a notice that does not verify
        """
        self._execution.view.require_running()
        self._execution.require_not_preempted()

    def another_goes_on(self, dag_id: str, run_id: str) -> bool:
        """Return whether another run has not ended."""
        return self._execution.view.another_goes_on(dag_id, run_id)

    def cleaned_up(self, owned: Iterable[OwnedJob]) -> frozenset[str]:
        """Return the jobs of which a complete cleanup of their attempt told that their instances are gone."""
        report = CLEANUP.believed(self._execution, "What the cleanup told proves nothing") or {}
        if report.get("action") != TERMINATED:
            return frozenset()
        return frozenset(own.job.job_id for own in owned if own.attempt <= report["attempt"])

    def job_started(self, job_id: str, servers: Sequence[str]) -> None:
        """Tell the timeline."""
        self._execution.emit(
            Event.JOB_STARTED, waveNumber=self._wave.number, jobId=job_id, servers=len(servers)
        )
