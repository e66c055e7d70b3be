"""A block's start: preflight and the reconciling start of plans, on a plan of one wave that the arguments make up."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from drs_provider import keys
from drs_provider.airflow_api import dag_register
from drs_provider.core.account import AwsTarget
from drs_provider.core.events import Event
from drs_provider.core.identity import block_job_tags
from drs_provider.core.states import ExecutionType
from drs_provider.exceptions import ExecutionRefusedError, PreflightUnansweredError
from drs_provider.orchestration.concurrency.claims import conflicts
from drs_provider.orchestration.concurrency.quota_waits import waits_ahead
from drs_provider.orchestration.launch.request import StartRequest
from drs_provider.orchestration.launch.start import Started, reconciled_start
from drs_provider.plan.blocks import StartForm
from drs_provider.preflight.findings import PreflightReport
from drs_provider.preflight.run import run_preflight
from drs_provider.rules.blocks import WAVE_NUMBER, Launched, intents_of, launched, nothing_launched
from drs_provider.rules.concurrency.claims import Claim, QuotaWait, Rank, place_of
from drs_provider.rules.execution.freezing import freeze_waves
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.rules.wave.ownership import OwnedJob, StartIntent
from drs_provider.runtime.block import Block
from drs_provider.runtime.timeline import emit

log = logging.getLogger(__name__)

#: Goes behind every plan that says nothing of its own.
PRIORITY = 1000


class BlockStart:
    """The start of one task instance.

    :param form: its arguments, all of them known
    """

    def __init__(self, block: Block, form: StartForm) -> None:
        self._block = block
        self._form = form
        self._is_drill = form.execution_type == ExecutionType.DRILL
        self.wave = self._frozen()

    @property
    def since(self) -> float:
        """Epoch seconds before which it was not asked for, in whatever attempt, and whatever its state has lost."""
        return self._block.run.run_after

    def run(self) -> Started:
        """Start what is missing.

        :raises ExecutionRefusedError: if a server must not be launched, or a plan's execution holds one
        """
        self._publish()
        block = self._block
        request = StartRequest(
            name=f"task {block.name}",
            target=self.wave.target,
            servers=self.wave.servers,
            is_drill=self._is_drill,
            execution_id=block.execution_id,
            wave_number=WAVE_NUMBER,
            attempt=block.attempt,
            since=self.since,
            tags=block_job_tags(
                block.execution_id,
                self._form.execution_type,
                block.name,
                block.attempt,
                self._form.job_tags,
                dag_id=block.run.dag_id,
                run_id=block.run.run_id,
            ),
        )
        started = reconciled_start(request, self)
        self._publish(started.jobs)
        return started

    def told(self, jobs: Iterable[OwnedJob] = ()) -> Launched:
        """Return what other blocks are told."""
        block = self._block
        begun = float(block.state.once(f"{keys.FIRST_STARTED}_{block.attempt}", block.now()))
        return launched(
            execution_id=block.execution_id,
            wave=self.wave,
            is_drill=self._is_drill,
            attempt=block.attempt,
            since=self.since,
            deadline=begun + self.wave.timeout_seconds,
            intents=self.intents(),
            jobs=jobs,
        )

    # -- what the reconciling start asks --------------------------------------------------------------

    def intents(self) -> list[StartIntent]:
        """Return the stored intents of all attempts."""
        return intents_of(self._block.state.get(keys.START_INTENTS) or ())

    def keep(self, intents: list[StartIntent]) -> None:
        """Store them, and tell them: what terminates must know jobs whose tags never come."""
        stored = [{**vars(intent), "servers": list(intent.servers)} for intent in intents]
        self._block.state.set(keys.START_INTENTS, stored)
        self._publish()

    def before_call(self) -> None:
        """Go on only if the task still runs, and no plan's execution holds a server.

        :raises TaskStoppedError: if the task was stopped
        :raises ExecutionRefusedError: naming the plan and its run
        """
        self._block.view.require_running()
        self._require_free()

    def ahead(self) -> Sequence[QuotaWait]:
        """Return the waves of plans that wait for quota and go first."""
        since = self._block.state.get(f"{keys.QUEUED_SINCE}_{self._block.attempt}", self._block.now())
        own = Rank.of(self._claim(), WAVE_NUMBER, since)
        dag_ids = dag_register.registered()
        return waits_ahead(self._block.view, own, self.wave.target, dag_ids, now=self._block.now())

    def another_goes_on(self, dag_id: str, run_id: str) -> bool:
        """Return whether another run has not ended."""
        return self._block.view.another_goes_on(dag_id, run_id)

    def cleaned_up(self, owned: Iterable[OwnedJob]) -> frozenset[str]:
        """Return nothing: nobody proves that to a start block, so EC2 is asked."""
        del owned
        return frozenset()

    def job_started(self, job_id: str, servers: Sequence[str]) -> None:
        """Tell the timeline."""
        block = self._block
        emit(
            block.execution_id,
            Event.JOB_STARTED,
            attempt=block.attempt,
            waveNumber=WAVE_NUMBER,
            jobId=job_id,
            servers=len(servers),
        )

    # -- what is started ------------------------------------------------------------------------------

    def _publish(self, jobs: Iterable[OwnedJob] = ()) -> None:
        """Write the output as it is now: whoever terminates needs it if this task fails, or is killed."""
        self._block.view.push("return_value", self.told(jobs))

    def _frozen(self) -> FrozenWave:
        """Return what this task launches: checked once in an attempt, and the same from the first call on.

        :raises ExecutionRefusedError: if it has asked for launches with other arguments
        """
        block, asked, attempt = self._block, self._asked(), self._block.attempt
        stored = self._block.state.get(keys.BLOCK_WAVE)
        if stored is not None and self.intents():
            self.wave = FrozenWave.model_validate(stored["wave"])
            # Before anything can refuse: whoever terminates must know what was launched, or that nothing was.
            self._publish()
            self._require_same(stored)
            return self.wave
        if stored is not None and stored["attempt"] == attempt and _same(stored, asked):
            return FrozenWave.model_validate(stored["wave"])
        self._block.view.push(
            "return_value", nothing_launched(block.execution_id, self._form.target(), self.since)
        )
        wave = self._checked()
        self._block.state.set(
            keys.BLOCK_WAVE, {**asked, "attempt": attempt, "wave": wave.model_dump(mode="json")}
        )
        return wave

    def _asked(self) -> dict[str, Any]:
        form = self._form
        return {
            "type": form.execution_type,
            "target": form.target().to_dict(),
            "servers": sorted(form.source_servers),
            "tags": dict(form.server_tags or {}),
        }

    def _require_same(self, stored: Mapping[str, Any]) -> None:
        if not _same(stored, self._asked()):
            raise ExecutionRefusedError(
                f"task {self._block.name} has asked for launches with other servers, in another place or of another "
                "kind in this run, and starts nothing more: terminate what it launched, and start a new run"
            )

    def _checked(self) -> FrozenWave:
        """Return the servers, after everything that can be known was checked.

        :raises ExecutionRefusedError: with every finding
        :raises PreflightUnansweredError: if all of them may be gone in a moment
        """
        block, form = self._block, self._form
        self._require_person()
        plan, conf = form.plan(), form.conf()
        aws = block.aws
        result = run_preflight(
            plan,
            conf,
            drs=aws.drs,
            ec2=aws.ec2,
            iam=aws.iam,
            steps=aws.step_resources,
            now=block.now(),
            initiated_by=block.run.initiated_by,
            still_runs=block.view.another_goes_on,
        )
        report = result.report
        log.info("Preflight of task %s:\n%s", block.name, report.text())
        emit(
            block.execution_id,
            Event.PREFLIGHT,
            blocking=len(report.blocking),
            warnings=len(report.warnings),
        )
        if report.blocking:
            refusal = PreflightUnansweredError if report.may_pass else ExecutionRefusedError
            raise refusal(
                f"task {block.name} starts nothing, preflight refuses:\n{report.text()}{_way_out(report)}"
            )
        (wave,) = freeze_waves(plan, conf, result.servers, result.snapshots)
        self._require_free(wave)
        return wave

    def _require_person(self) -> None:
        if not self._is_drill and not self._block.started_by_a_person:
            raise ExecutionRefusedError(
                f"task {self._block.name} starts no RECOVERY: no person is known to have started this run "
                f"({self._block.run.run_type}); trigger the DAG by hand or through REST"
            )

    def _require_free(self, wave: FrozenWave | None = None) -> None:
        """Refuse if an execution of a plan holds one of the servers.

        Plans' executions are known by what they publish, signed: where any ever began, a signing key is set.

        :raises ExecutionRefusedError: naming the plan and its run
        :raises RunUnknownError: if Airflow does not tell which executions run
        """
        claim = self._claim(wave)
        found = conflicts(self._block.view, claim, dag_register.registered())
        if found:
            lines = [
                f"{item.what()}. Wait for its end, or mark that run of {item.claim.dag_id} as failed: it then cleans "
                "up and lets them go."
                for item in found
            ]
            raise ExecutionRefusedError(
                f"task {self._block.name} is refused, it started nothing:\n" + "\n".join(lines)
            )

    def _claim(self, wave: FrozenWave | None = None) -> Claim:
        wave, block = wave or self.wave, self._block
        place = place_of(wave.target.account_id, wave.target.region)
        return Claim(
            execution_id=block.execution_id,
            execution_type=self._form.execution_type,
            plan_name=block.name,
            dag_id=block.run.dag_id,
            run_id=block.run.run_id,
            attempt=block.attempt,
            initiated_by=block.run.initiated_by,
            priority=PRIORITY,
            servers={f"{place}/{server.source_server_id}": server.name for server in wave.servers},
            waves={place: {str(WAVE_NUMBER): wave.name}},
            until=block.now() + wave.timeout_seconds,
        )


def _same(stored: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether what is stored is what the arguments say: the store is not signed."""
    wave = FrozenWave.model_validate(stored["wave"])
    as_listed = not asked["servers"] or sorted(wave.server_ids) == asked["servers"]
    told = all(stored.get(name) == value for name, value in asked.items())
    return told and as_listed and wave.target == AwsTarget.from_dict(asked["target"])


def _way_out(report: PreflightReport) -> str:
    if any(finding.code == "live_instance" for finding in report.blocking):
        return (
            "\nA building block replaces no live instance, since nobody approves it there: terminate it first "
            "(DrsTerminateRecoveryInstancesOperator with drill_only=False), or recover by a plan."
        )
    return ""
