"""The steps of a drill's cleanup in every account and Region that the drill launched in."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from drs_provider import keys
from drs_provider.airflow_api.state_store import TaskState
from drs_provider.core.account import AwsTarget
from drs_provider.core.events import Event
from drs_provider.exceptions import (
    DrsError,
    EvidenceError,
    TaskStoppedError,
)
from drs_provider.hooks.aws.errors import AWS_ERRORS
from drs_provider.orchestration.cleanup.target import TargetState
from drs_provider.orchestration.cleanup.target_step import OwnLaunches, TargetCleanup
from drs_provider.orchestration.launch.instances import Told
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.rules.wave.ownership import StartIntent
from drs_provider.runtime.execution import AwsAccess, FrozenExecution
from drs_provider.runtime.jobs import recent_jobs, start_intents, unsettled, wave_jobs

log = logging.getLogger(__name__)


class DrillCleanup:
    """One look at every target, and the termination of what may be terminated now.

    :param recorded: target name -> job -> server -> EC2 instance that the waves' results name
    :param terminates: False: only look
    """

    def __init__(
        self,
        execution: FrozenExecution,
        state: TaskState,
        *,
        recorded: Mapping[str, Told] | None = None,
        terminates: bool = True,
    ) -> None:
        self._execution = execution
        self._state = state
        self._recorded = recorded or {}
        self._target = TargetCleanup(
            AwsAccess(execution.execution_id),
            save=self._save,
            before_call=execution.view.require_running,
            told=self._tell_terminating,
            terminates=terminates,
        )

    def step(self) -> list[TargetState]:
        """Take the next step in every target, and return where each stands.

        What a wave that does not verify launched is left alone: only a frozen plan says where that is.
        """
        waves: dict[AwsTarget, list[FrozenWave]] = {}
        for wave in self._execution.intact_waves()[0]:
            if wave.selected and wave.servers:
                waves.setdefault(wave.target, []).append(wave)
        return [self._look(target, members) for target, members in waves.items()]

    def _look(self, target: AwsTarget, waves: Sequence[FrozenWave]) -> TargetState:
        state = self._load(target)
        try:
            self._step(state, waves)
        except TaskStoppedError:
            raise
        except (*AWS_ERRORS, DrsError) as error:
            # What is wrong in one account must not leave the instances of another one alive.
            log.warning("Cleanup in account %s, Region %s: %s", target.account_id, target.region, error)
            state.problem = error
        return state

    def _step(self, state: TargetState, waves: Sequence[FrozenWave]) -> None:
        execution = self._execution
        jobs = recent_jobs(execution, state.target)
        intents, state.unproven = self._intents(waves)
        owned = {wave.number: wave_jobs(execution, wave, jobs, intents[wave.number]) for wave in waves}
        self._target.step(
            state,
            OwnLaunches(
                jobs=jobs,
                launches=[own.job for of_wave in owned.values() for own in of_wave],
                servers=[server for wave in waves for server in wave.server_ids],
                started={server for wave in waves if owned[wave.number] for server in wave.server_ids},
                unsettled={
                    server
                    for wave in waves
                    for server in unsettled(execution, intents[wave.number], owned[wave.number])
                },
            ),
        )

    def _intents(self, waves: Sequence[FrozenWave]) -> tuple[dict[int, list[StartIntent]], list[str]]:
        """Return the start intents of waves, and which do not verify: that wave's jobs are known by their tags then."""
        intents: dict[int, list[StartIntent]] = {}
        problems = []
        for wave in waves:
            try:
                intents[wave.number] = start_intents(self._execution, wave)
            except EvidenceError as error:
                intents[wave.number] = []
                problems.append(
                    f"wave {wave.number} ({wave.name}): {error} Jobs of it that bear no tags were not looked for"
                )
        return intents, problems

    def _tell_terminating(self, state: TargetState, jobs: list[str]) -> None:
        self._execution.emit(
            Event.INSTANCES_TERMINATING,
            accountId=state.target.account_id,
            region=state.target.region,
            instances=sorted(state.step.terminate),
            jobs=jobs,
        )

    def _key(self, target: AwsTarget) -> str:
        return f"{keys.CLEANUP_TARGETS}_{target.name}"

    def _load(self, target: AwsTarget) -> TargetState:
        stored = self._state.get(self._key(target)) or {}
        return TargetState.of(target, stored, recorded=self._recorded.get(target.name, {}))

    def _save(self, state: TargetState) -> None:
        self._state.set(self._key(state.target), state.stored())
