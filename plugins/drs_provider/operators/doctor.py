"""Look whether this installation is fit for an execution: on a worker, then in a triggerer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.configuration import conf

from drs_provider import keys, settings
from drs_provider.airflow_api.run import RunFacts, RunView
from drs_provider.exceptions import InstallationUnfitError
from drs_provider.rules.doctor import distinct, finding, judge_components, name, report, report_text
from drs_provider.runtime.channels.failures import tells_failure
from drs_provider.runtime.component import component_facts

#: How long a triggerer may take to take the trigger and look.
TRIGGERER_SECONDS = 120.0
#: Each round sees one worker and one triggerer more, by chance.
ROUNDS = 3


class DrsDoctorOperator(BaseOperator):
    """Looks at what only workers and triggerers see; changes nothing. Its report is the XCom ``doctor_report``.

    :param plans_folder: where the plan files are
    :raises InstallationUnfitError: if it finds what stops executions
    """

    ui_color = "#dfe8e4"

    def __init__(self, *, plans_folder: Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._plans_folder = plans_folder

    @tells_failure
    def execute(self, context: Mapping[str, Any]) -> None:
        """Look as this worker sees it, then ask a triggerer."""
        from drs_provider.orchestration.doctor import SESSION, Looks  # boto3 stays out of DAG parsing

        looks = Looks(self._plans_folder, RunFacts.of(context).conf.get("notify") is True, context)
        state = {
            "findings": [each.to_dict() for each in looks.findings()],
            "components": [looks.component],
            "targets": [target.to_dict() for target in looks.targets],
            "logins": {login: sorted(plans) for login, plans in looks.logins.items()},
            "plans": len(looks.scope.plans),
        }
        self._ask(context, state, session=SESSION, targets=state["targets"])

    @tells_failure
    def heard(
        self, context: Mapping[str, Any], event: Mapping[str, Any], state: dict[str, Any], asked: float
    ) -> None:
        """Take in what a triggerer told; look again, perhaps at others, or end."""
        triggerer = dict(event)
        now = time.time()
        # It told its time between the question and now: only what lies outside of that is skew.
        told = triggerer["time"]
        triggerer["skewSeconds"] = max(told - now, 0.0) or min(told - asked, 0.0)
        triggerer["skewTo"] = name(state["components"][0])
        for target, why in triggerer.pop("refused").items():
            from drs_provider.orchestration.doctor import identity_refused

            state["findings"].append(identity_refused(name(triggerer), target, why).to_dict())
        # Who comes back may be another worker than the one that asked.
        state["components"] += [triggerer, component_facts("worker")]
        if len(state["components"]) < 2 * ROUNDS:
            self._ask(context, state, session="", targets=[])
        self._end(context, state)

    def _ask(self, context: Mapping[str, Any], state: dict[str, Any], *, session: str, targets: Any) -> None:
        from drs_provider.triggers.doctor import DrsDoctorTrigger

        # What is true if nobody takes the trigger: then Airflow ends the task, and the report is as it stands now.
        silent = finding(
            "triggerer_silent",
            "triggerer",
            f"no triggerer has answered within {TRIGGERER_SECONDS:g} seconds",
            "Start a triggerer (airflow triggerer), or see why it does not take triggers: its log, its capacity.",
        )
        self._publish(context, state, complete=False, also=[silent.to_dict()])
        self.defer(
            trigger=DrsDoctorTrigger(targets=targets, session_name=session),
            method_name="heard",
            kwargs={"state": state, "asked": time.time()},
            timeout=timedelta(seconds=TRIGGERER_SECONDS),
        )

    def _end(self, context: Mapping[str, Any], state: dict[str, Any]) -> None:
        state["findings"] += [each.to_dict() for each in judge_components(state["components"])]
        made = self._publish(context, state, complete=True)
        self.log.info("%s", report_text(made))
        if not made["ok"]:
            raise InstallationUnfitError(report_text(made))

    @staticmethod
    def _publish(
        context: Mapping[str, Any],
        state: Mapping[str, Any],
        *,
        complete: bool,
        also: list[dict[str, str]] | None = None,
    ) -> dict[str, Any]:
        made = report(
            [*state["findings"], *(also or [])],
            checkedAt=time.time(),
            deploymentId=settings.get("deployment_id"),
            authManager=conf.get("core", "auth_manager", fallback=""),
            parallelism=conf.getint("core", "parallelism"),
            complete=complete,
            plans=state["plans"],
            targets=len(state["targets"]),
            components=distinct(state["components"]),
            logins=state["logins"],
        )
        RunView(context).push(keys.DOCTOR_REPORT, made)
        return made
