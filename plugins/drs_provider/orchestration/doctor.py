"""What only a worker sees of an installation: its settings, plans, ways into accounts, table, bucket, notifications."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from airflow.sdk.configuration import conf

from drs_provider import settings
from drs_provider.airflow_api.hitl import SIMPLE_AUTH_MANAGER
from drs_provider.airflow_api.needed import missing
from drs_provider.core.account import AwsTarget
from drs_provider.core.identity import message_key, role_session_name
from drs_provider.core.states import ExecutionStatus
from drs_provider.exceptions import DrsConfigurationError, DrsIdentityError, DrsIdentityUnprovenError
from drs_provider.hooks.aws.clients import aws_clients
from drs_provider.links import page_address
from drs_provider.options import OPTIONS
from drs_provider.orchestration.sweep.records import open_history
from drs_provider.orchestration.sweep.scope import SweepScope, sweep_scope
from drs_provider.plan.files.folder import load_catalog, load_people
from drs_provider.plan.model import Plan
from drs_provider.plan.people import People
from drs_provider.report.place import PlaceState, look_at_place
from drs_provider.rules.doctor import WARN, Finding, finding, judge_logins
from drs_provider.runtime.component import component_facts
from drs_provider.runtime.notifications import send

SESSION = role_session_name("doctor")
_OPTION = "Correct the option in section [drs] of Airflow's configuration, or in AIRFLOW__DRS__<OPTION>."
_READERS: Mapping[str, Callable[[str], object]] = {
    "integer": settings.get_int,
    "float": settings.get_seconds,
    "boolean": settings.get_bool,
}


@dataclass
class Looks:
    """One look of a worker at its installation; nothing is changed.

    :param plans_folder: where the plans are
    :param notify: send each plan's notifications a test message
    :param component: this worker's facts
    :param logins: plans by the logins that their lists name
    """

    plans_folder: Path
    notify: bool = False
    context: Mapping[str, Any] = field(default_factory=dict)
    component: dict[str, Any] = field(default_factory=lambda: component_facts("worker"))
    logins: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.scope: SweepScope = sweep_scope(self.plans_folder, settings.state_path())
        people, _ = load_people(self.plans_folder)  # what is wrong with them is told with the plans
        for name, plan in self.scope.plans.items():
            for login, where in logins_of(plan, people):
                self.logins.setdefault(login, set()).add(f"{name} ({where})" if where else name)

    def findings(self) -> Iterator[Finding]:
        """Yield everything that is wrong; what cannot be looked at is a finding, too."""
        yield from self._options()
        yield from self._apis()
        yield from self._plans()
        for target in self.targets:
            yield from self._identity(target)
        yield from self._history()
        yield from _reports(look_at_place(settings.reports_path()))
        if conf.get("core", "auth_manager", fallback="") == SIMPLE_AUTH_MANAGER:
            users = conf.getlist("core", "simple_auth_manager_users", fallback=[])
            if not conf.getboolean("core", "simple_auth_manager_all_admins", fallback=False):
                yield from judge_logins(self.logins, (user.partition(":")[0] for user in users))
        if self.notify:
            yield from self._notifications()

    @property
    def targets(self) -> list[AwsTarget]:
        """Every way into every account and Region: of the plans, of the history and of the metrics."""
        found = [target for ways in self.scope.places() for target in ways]
        for own in (settings.history_target, settings.metrics_target):
            try:
                found += [target] if (target := own()) else []
            except DrsConfigurationError:
                continue  # told with the options
        # The answers of a triggerer are told apart by name.
        return [replace(target, name=_told(target)) for target in found]

    def _options(self) -> Iterator[Finding]:
        checks: list[Callable[[], object]] = [settings.signing_keys, settings.history_target]
        checks += [settings.metrics_target, lambda: settings.quota_overrides("0" * 12, "eu-west-1")]
        for name, option in OPTIONS.items():
            if reader := _READERS.get(option.type):
                checks.append(lambda reader=reader, name=name: reader(name))  # type: ignore[misc]
        for check in checks:
            try:
                check()
            except DrsConfigurationError as error:
                yield finding("configuration_wrong", "worker", str(error), _OPTION)
        if not settings.has_own_deployment_id():
            yield finding(
                "deployment_id_default",
                "worker",
                "[drs] deployment_id is the default: another Airflow that keeps it computes the same execution ids",
                "Set [drs] deployment_id in every Airflow, best before its first execution.",
            )

    def _apis(self) -> Iterator[Finding]:
        for need, problem in missing():
            yield finding(
                "airflow_api_missing",
                "worker",
                f"{problem}. Without it: {need.lost}",
                "Use a version of Airflow that docs/operations.md lists, or a newer version of this provider.",
                severity=None if need.stops_starts else WARN,
            )

    def _plans(self) -> Iterator[Finding]:
        for problem in load_catalog(self.plans_folder).problems:
            yield finding(
                "plan_does_not_load", f"plan file {Path(problem.file).name}", str(problem), problem.remedy
            )
        if not self.scope.plans:
            yield finding(
                "no_plans",
                "worker",
                f"there is no plan in {self.plans_folder}",
                "Set [drs] plans_folder, and see that workers have the plan files.",
            )

    def _identity(self, target: AwsTarget) -> Iterator[Finding]:
        try:
            sts = aws_clients(target, session_name=SESSION, fail_fast=True).fail_fast_client("sts")
            answer = sts.get_caller_identity()
        except (DrsIdentityError, DrsIdentityUnprovenError) as error:
            yield finding("identity_not_proven", f"worker, {target.name}", error.message, error.remedy)
        except Exception as error:  # of credentials anything may come, and all of it is the answer
            yield identity_refused("worker", target.name, f"{type(error).__name__}: {error}")
        else:
            date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
            if date and "skewSeconds" not in self.component:
                moment = parsedate_to_datetime(date).timestamp()
                self.component |= {"skewSeconds": time.time() - moment, "skewTo": f"AWS ({target.region})"}

    def _history(self) -> Iterator[Finding]:
        try:
            history = open_history()
            if history is None:
                yield finding("history_off", "history table", "[drs] history_connection is not set")
            else:
                history.ids_by_status(ExecutionStatus.POLLING)
                history.read("doctor")
        except DrsConfigurationError:
            return  # told with the options
        except Exception as error:  # whatever it is: executions do without the table, and so does the doctor
            yield finding(
                "history_unreachable",
                "history table",
                f"the table {settings.get('history_table')} cannot be read: {error}",
                "Look at the table, at its Region, and at the [drs] history_* options.",
            )

    def _notifications(self) -> Iterator[Finding]:
        for name, plan in sorted(self.scope.plans.items()):
            rows = [{**item.model_dump(mode="json"), "events": ["test"]} for item in plan.notifications]
            for notifier, error in send(rows, {**self.context, "drs": _test_facts(plan)}).items():
                yield finding(
                    "notification_failed",
                    f"plan {name}, {notifier}",
                    f"the test message was not delivered: {error}",
                    "Look at the notifier's arguments in the plan, at its connection, and at the service behind it.",
                )


def logins_of(plan: Plan, people: People) -> Iterator[tuple[str, str]]:
    """Yield the logins that a plan's lists name, each with its team; empty if a list names the login itself."""
    for name in plan.named_people:
        for login in people.logins((name,)):
            yield login, "" if login == name else name


def identity_refused(component: str, target: str, told: str) -> Finding:
    """Return the finding that a component does not get into a target."""
    return finding(
        "identity_not_proven",
        f"{component}, {target}",
        told,
        "Workers and triggerers need the same connections and the same way to AWS: see docs/iam.md.",
    )


def _told(target: AwsTarget) -> str:
    way = f"role {target.role}" if target.role else "own account"
    return f"target {target.name} ({target.account_id}, {target.region}, {target.connection}, {way})"


def _reports(state: PlaceState) -> Iterator[Finding]:
    subject = "reports"
    if state.problem:
        yield finding(
            "reports_unusable",
            subject,
            f"{settings.reports_path()}: {state.problem}",
            "Correct [drs] reports_path, its connection, or the rights of that (docs/iam.md).",
        )
    elif not state.is_bucket:
        yield finding("reports_in_a_folder", subject, f"{settings.reports_path()} is a folder of the worker")
    elif state.retention is None:
        yield finding(
            "reports_not_locked",
            subject,
            f"the bucket of {settings.reports_path()} has no Object Lock with a default retention: who may write to it "
            "can replace evidence",
            "Create the bucket with Object Lock and a default retention.",
        )


def _test_facts(plan: Plan) -> dict[str, Any]:
    """Return what templates of a notifier's arguments see; the values say that nothing has happened."""
    return {
        "event": "test",
        "summary": f"Test message of the doctor for {plan.display_title}: nothing has happened",
        "executionId": "test",
        "planName": plan.name,
        "planTitle": plan.display_title,
        "executionType": "TEST",
        "ticket": "TEST",
        "reason": "test of the notifications",
        "attempt": 1,
        "url": page_address(plan.name),
        "deadline": None,
        "deadlineText": "",
        "dedupKey": message_key("test", plan.name),
        "elapsedSeconds": 0,
        "expectedSeconds": 0,
        "record": {},
    }
