"""A sweep: orphaned records, then drill instances that have outlived their time, then their termination if wanted."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from drs_provider import settings
from drs_provider.airflow_api.run import RunView
from drs_provider.exceptions import DrsFailError
from drs_provider.history.store import DynamoDbHistory
from drs_provider.orchestration.sweep.executions import Executions
from drs_provider.orchestration.sweep.instances import InstanceSweep, finding, to_terminate
from drs_provider.orchestration.sweep.records import AWS_ERRORS, RecordSweep, open_history
from drs_provider.orchestration.sweep.scope import SweepScope, sweep_scope
from drs_provider.orchestration.sweep.termination import Doomed, terminate
from drs_provider.rules.sweep.conf import SweepConf
from drs_provider.rules.sweep.instances import Wish
from drs_provider.rules.sweep.report import SweepReport

log = logging.getLogger(__name__)

TERMINATING, TERMINATED = "terminating", "terminated"


@dataclass
class Swept:
    """Where a sweep stands.

    :param doomed: executions whose instances are being terminated
    """

    report: SweepReport
    doomed: dict[str, Doomed] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        doomed = {execution_id: asdict(item) for execution_id, item in self.doomed.items()}
        return {"report": self.report.to_dict(), "doomed": doomed}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Swept:
        """Read :meth:`to_dict`'s data."""
        doomed = {execution_id: Doomed(**item) for execution_id, item in data["doomed"].items()}
        return cls(SweepReport.from_dict(data["report"]), doomed)


class Sweep:
    """The sweep of one task.

    :param plans_folder: where the plans are
    """

    def __init__(self, context: Mapping[str, Any], plans_folder: Path, conf: SweepConf) -> None:
        self._context = context
        self._conf = conf
        self._scope: SweepScope = sweep_scope(plans_folder, settings.state_path())

    def look(self, now: float) -> Swept:
        """Look at everything and close orphaned records; terminate nothing yet.

        :raises DrsFailError: if no target fits the configuration
        """
        self._check_targets()
        wish = Wish(always=settings.get_bool("sweep_terminate"), asked=self._conf.terminate)
        report = SweepReport(
            swept_at=now,
            deployment_id=settings.get("deployment_id"),
            dry_run=self._conf.dry_run,
            terminate=wish.always or wish.asked,
            notes=list(self._scope.notes),
            failures=list(self._scope.failures),
        )
        history = self._history(report)
        if history is not None:
            report.history = True
            RecordSweep(history, self._scope, RunView(self._context), report, now=now).run()
        elif not report.history and not any(self._scope.places()):
            report.failures.append(
                "nothing was looked at: no plan names an account, and there is no history table. Set [drs] "
                "plans_folder or the history_* options, or switch the sweeper off: [drs] sweep_schedule = off"
            )
        executions = Executions(self._context, self._scope, history)
        judged = InstanceSweep(self._scope, self._conf, executions, report, now=now).run()
        doomed = to_terminate(judged, wish)
        action = "would terminate" if self._conf.dry_run else TERMINATING
        for item in judged:
            if item.kind is not None:
                done = action if item.instance.execution_id in doomed else "left"
                report.findings.append(finding(item, item.kind, done, now=now))
        if self._conf.dry_run:
            return Swept(report)
        seen = {
            item.instance.execution_id: Doomed(item.instance.plan_name, item.execution.attempt)
            for item in judged
            if item.execution is not None
        }
        return Swept(report, {execution_id: seen[execution_id] for execution_id in sorted(doomed)})

    def step(self, swept: Swept, *, last: bool) -> None:
        """Take the next step of all terminations; what is done, or cannot be done, is in the report.

        :param last: whether time is over: what is left then is a failure
        """
        executions = Executions(self._context, self._scope, self._history(None))
        for execution_id, item in list(swept.doomed.items()):
            progress = terminate(self._context, executions, self._conf, execution_id, item)
            if progress.done:
                _mark(swept.report, execution_id, TERMINATED)
            elif progress.hopeless or last:
                swept.report.failures.append(
                    f"drill instances of execution {execution_id} ({item.plan_name}) are not all terminated: "
                    f"{progress.left}. Terminate these recovery instances in DRS, or mend the cause and sweep again"
                )
            else:
                log.info("Execution %s: %s", execution_id, progress.left)
                continue
            del swept.doomed[execution_id]
        swept.report.complete = not swept.doomed

    @staticmethod
    def _history(report: SweepReport | None) -> DynamoDbHistory | None:
        try:
            return open_history()
        except AWS_ERRORS as error:
            if report is not None:
                report.history = True
                report.failures.append(f"the history table cannot be reached: {error}")
            return None

    def _check_targets(self) -> None:
        known = ", ".join(f"{ways[0].account_id}/{ways[0].region}" for ways in self._scope.places()) or "none"
        if self._conf.targets and not any(
            self._conf.wants(target) for ways in self._scope.places() for target in ways
        ):
            raise DrsFailError(
                f"no plan has a target that fits {', '.join(self._conf.targets)}; known are {known}"
            )


def _mark(report: SweepReport, execution_id: str, action: str) -> None:
    report.findings = [
        replace(item, action=action)
        if item.execution_id == execution_id and item.action == TERMINATING
        else item
        for item in report.findings
    ]
