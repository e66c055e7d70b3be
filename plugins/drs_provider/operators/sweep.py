"""Close orphaned records, find drill instances that have outlived their time, and terminate them if wanted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from drs_provider import keys, settings
from drs_provider.airflow_api.run import RunFacts, RunView
from drs_provider.airflow_api.state_store import TaskState
from drs_provider.core.texts import message
from drs_provider.exceptions import DrsConfigurationError, SweepIncompleteError
from drs_provider.rules.sweep.conf import SweepConf, SweepConfError, parse_sweep_conf
from drs_provider.rules.sweep.report import report_text
from drs_provider.runtime.channels.failures import tells_failure
from drs_provider.runtime.outages import pause

if TYPE_CHECKING:
    from drs_provider.orchestration.sweep.sweep import Sweep, SweepState

#: A terminate job takes minutes; the next sweep looks again anyway.
MAX_SECONDS = 2 * 3600


class DrsSweepOperator(BaseOperator):
    """Sweeps behind executions that nobody ends any more; its report is the XCom ``sweep_report``.

    It is safe to run at any time and beside itself: records are closed by conditional writes, instances are terminated
    by the rules of their own drill's cleanup.

    :param plans_folder: where the plan files are
    :raises SweepIncompleteError: if something could not be looked at, or was begun and is not done
    """

    ui_color = "#e6e0d4"

    def __init__(self, *, plans_folder: Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._plans_folder = plans_folder

    @tells_failure
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Sweep; a retry goes on with the terminations that were begun."""
        stored = self._under_way(context)
        if stored is not None:
            return self._resume(context, stored)
        now = time.time()
        return self._go_on(context, self._sweep(context).look(now), since=now)

    @tells_failure
    def look_again(self, context: Mapping[str, Any], event: Any = None) -> dict[str, Any]:
        """Go on after a wait for terminations."""
        return self._resume(context, self._under_way(context) or {})

    def _resume(self, context: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
        from drs_provider.orchestration.sweep.sweep import SweepState  # boto3 stays out of DAG parsing

        return self._go_on(context, SweepState.from_dict(stored["swept"]), since=stored["since"])

    def _go_on(self, context: Mapping[str, Any], state: SweepState, *, since: float) -> dict[str, Any]:
        if state.terminations:
            # Kept before the first call that terminates: a retry must go on with it, and prove its end.
            self._keep(context, state, since=since)
            self._sweep(context).step(state, last=time.time() - since > MAX_SECONDS)
            self._keep(context, state, since=since)
        report = state.report.to_dict()
        RunView(context).push(keys.SWEEP_REPORT, report)
        if state.terminations:
            pause(self, settings.get_seconds("poll_interval_seconds"))
        TaskState(context).forget(keys.SWEEP_UNDER_WAY)
        self.log.info("%s", report_text(report))
        if not report["ok"]:
            raise SweepIncompleteError(
                message(
                    "the sweep is not complete; its other findings stand in its report:\n"
                    + "\n".join(report["failures"])
                )
            )
        return {"ok": True, "findings": len(report["findings"]) + report["findingsLeftOut"]}

    def _sweep(self, context: Mapping[str, Any]) -> Sweep:
        from drs_provider.orchestration.sweep.sweep import Sweep  # boto3 stays out of DAG parsing

        return Sweep(context, self._plans_folder, _conf(context))

    @staticmethod
    def _under_way(context: Mapping[str, Any]) -> dict[str, Any] | None:
        stored: dict[str, Any] | None = TaskState(context).get(keys.SWEEP_UNDER_WAY)
        # One that was cleared begins anew.
        return stored if stored and stored["attempt"] == RunFacts.of(context).attempt else None

    @staticmethod
    def _keep(context: Mapping[str, Any], state: SweepState, *, since: float) -> None:
        state.report.complete = not state.terminations
        stored = {"attempt": RunFacts.of(context).attempt, "since": since, "swept": state.to_dict()}
        TaskState(context).set(keys.SWEEP_UNDER_WAY, stored)


def _conf(context: Mapping[str, Any]) -> SweepConf:
    try:
        return parse_sweep_conf(RunFacts.of(context).conf)
    except SweepConfError as error:
        raise DrsConfigurationError(f"run configuration of the sweep: {error}") from error
