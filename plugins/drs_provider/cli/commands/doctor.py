"""The verb that checks an installation: what Airflow's API shows, and what its DAG sees on workers and triggerers."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from typing import Any

from drs_provider import keys
from drs_provider.acts.starting import check_dag
from drs_provider.airflow_rest.client import Api, ApiError, path
from drs_provider.airflow_rest.executions import Execution
from drs_provider.airflow_rest.plans import WITHDRAWN_TAG, Plans, tags_of
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.cli.airflow_api.login import login_of
from drs_provider.cli.display.output import Output
from drs_provider.core.identity import DOCTOR_DAG_ID, SWEEPER_DAG_ID
from drs_provider.core.times import format_time
from drs_provider.rules.doctor import Finding, finding, judge_logins, judge_slots, report

_COLUMNS = {
    "severity": "severity",
    "code": "code",
    "subject": "about",
    "message": "finding",
    "remedy": "remedy",
}
#: How long workers and triggerers are waited for, if nothing else is said
TIMEOUT_SECONDS = 300.0
_STARTS = {
    "scheduler": "airflow scheduler",
    "triggerer": "airflow triggerer",
    "dag_processor": "airflow dag-processor",
}
_RIGHTS = (
    "read DAGs, their tasks, runs and XComs, import errors and pools, and trigger drs_doctor (with FAB: User, Op or "
    "Admin; with the simple auth manager: user, op or admin)"
)


def doctor(arguments: argparse.Namespace) -> ExitCode:
    """Check the installation and print what was found, with remedies.

    :raises RefusedError: with NOT_ALLOWED if the user may not look
    """
    output = Output(arguments.output)
    with Api(login_of(arguments)) as api:
        try:
            found = [each.to_dict() for each in _seen_by_api(api)]
            seen = _seen_by_worker(api, arguments, output)
            both = [*_logins(api, seen), *judge_slots(seen.get("parallelism"), api.pages("/pools", "pools"))]
            seen["findings"] = [*found, *seen["findings"], *(each.to_dict() for each in both)]
        except ApiError as error:
            if error.code is not ExitCode.NOT_ALLOWED:
                raise
            raise RefusedError(
                f"the doctor cannot look: {error.detail or 'not allowed'}",
                f"it needs the right to {_RIGHTS}",
                error.code,
            ) from error
    return _tell(report(**seen), output)


def _seen_by_api(api: Api) -> Iterator[Finding]:
    yield from _health(api)
    dags = Plans(api).dags()
    if not dags:
        yield finding(
            "no_plans",
            "Airflow",
            "there is no plan's DAG that you may see",
            "See that recovery_plans.py is in the DAGs folder, and what `airflow dags list-import-errors` says.",
        )
    for dag in dags:
        yield from _plan(dag)
    yield from _import_errors(api)
    yield from _pools(api, [dag["dag_id"] for dag in dags])


def _health(api: Api) -> Iterator[Finding]:
    health = api.get("/monitor/health")
    for component, start in _STARTS.items():
        state = (health.get(component) or {}).get("status")
        if state != "healthy":
            yield finding(
                "component_unhealthy",
                component,
                f"Airflow says that it is {state or 'not there'}",
                f"Start it ({start}), or see its log.",
            )
    database = (health.get("metadatabase") or {}).get("status")
    if database != "healthy":
        yield finding(
            "component_unhealthy",
            "metadatabase",
            f"Airflow says that it is {database}",
            "See to the database.",
        )


def _plan(dag: Mapping[str, Any]) -> Iterator[Finding]:
    dag_id = dag["dag_id"]
    subject = f"plan {dag_id.removeprefix('drs_')}"
    if dag["is_paused"]:
        yield finding(
            "plan_paused",
            subject,
            f"its DAG {dag_id} is paused",
            f"Unpause it: airflow dags unpause {dag_id}",
        )
    reasons = {
        "withdrawn: its plan file no longer loads or is gone, or Airflow refuses it": WITHDRAWN_TAG
        in tags_of(dag),
        "stale: the DAG processor has not seen it for long": dag["is_stale"],
        "not imported whole: its file has import errors": dag["has_import_errors"],
    }
    for why, is_so in reasons.items():
        if is_so:
            yield finding(
                "plan_not_startable",
                subject,
                f"its DAG is {why}",
                "See airflow drs plans validate, Airflow's import errors, and that the DAG processor runs.",
            )


def _import_errors(api: Api) -> Iterator[Finding]:
    for error in api.pages("/importErrors", "import_errors"):
        # Airflow's other DAGs are none of this provider's business.
        if "drs_provider" in (trace := str(error["stack_trace"])):
            last = next((line for line in reversed(trace.splitlines()) if line.strip()), "")
            yield finding(
                "import_error", f"file {error['filename']}", last.strip(), "Correct what the error names."
            )


def _pools(api: Api, dag_ids: list[str]) -> Iterator[Finding]:
    """Look at the pools of the first plan and of maintenance: all take theirs from the same option."""
    wanted = {
        task["pool"]
        for dag_id in [*dag_ids[:1], SWEEPER_DAG_ID, DOCTOR_DAG_ID]
        for task in (api.find(f"/dags{path(dag_id)}/tasks") or {"tasks": []})["tasks"]
    }
    for name in sorted(wanted):
        pool = api.find(f"/pools{path(name)}")
        subject = f"pool {name}"
        if pool is None:
            yield finding(
                "pool_missing",
                subject,
                "there is no such pool: the tasks of plans would wait for ever",
                f'Create it: airflow pools set {name} 128 "recovery plans", or correct [drs] pool.',
            )
        elif pool["slots"] == 0:
            yield finding("pool_without_slots", subject, "it has no slot", f"airflow pools set {name} 128 …")
        else:
            yield from _pool_in_use(pool, subject)


def _pool_in_use(pool: Mapping[str, Any], subject: str) -> Iterator[Finding]:
    if pool["open_slots"] <= 0 and pool["slots"] > 0:
        yield finding(
            "pool_full",
            subject,
            f"all of its {pool['slots']} slots are taken now",
            "Give this provider's tasks a pool of their own: [drs] pool.",
        )
    if pool.get("include_deferred"):
        yield finding(
            "pool_counts_waits",
            subject,
            "it counts deferred tasks: every waiting wave and gate holds a slot",
            f"airflow pools set {pool['name']} {pool['slots']} … without --include-deferred",
        )


def _seen_by_worker(api: Api, arguments: argparse.Namespace, output: Output) -> dict[str, Any]:
    """Run the doctor's DAG; return the arguments of the report."""
    seen: dict[str, Any] = {"checkedAt": time.time(), "complete": False, "findings": []}
    dag = api.find(f"/dags{path(DOCTOR_DAG_ID)}")
    try:
        if dag is None:
            raise RefusedError(f"Airflow has no DAG {DOCTOR_DAG_ID}", "its file is recovery_sweeper.py")
        check_dag("the doctor", dag)
    except RefusedError as error:
        told = finding(
            "doctor_missing",
            DOCTOR_DAG_ID,
            str(error),
            "See the DAGs folder, and that the DAG is not paused.",
        )
        return {**seen, "findings": [told.to_dict()]}
    execution = Execution.start(api, DOCTOR_DAG_ID, {"notify": True} if arguments.notify else {})
    output.note(f"workers and triggerers are looked at: {execution.link}")
    in_time = _wait(execution, arguments)
    told_by_task = execution.facts(keys.DOCTOR, keys.DOCTOR_REPORT, {"findings", "complete"})
    for name in ("version", "ok", "counts", "findingsLeftOut"):
        told_by_task.pop(name, None)
    seen |= told_by_task
    if not in_time or not told_by_task:
        why = (
            f"run {execution.run_id} of {DOCTOR_DAG_ID} is {execution.run['state']} without the whole report"
        )
        failure = execution.failure(keys.DOCTOR)
        told = finding(
            "worker_silent",
            "worker",
            f"{why}{': ' if failure else ''}{failure}",
            "See the task's state and log in Airflow: a pool, the executor, the queue ([drs] queue), or no worker.",
        )
        seen["findings"] = [*seen["findings"], told.to_dict()]
    return seen


def _wait(execution: Execution, arguments: argparse.Namespace) -> bool:
    began = time.monotonic()
    while not execution.refresh().ended:
        if time.monotonic() - began >= (arguments.timeout or TIMEOUT_SECONDS):
            return False
        time.sleep(arguments.interval)
    return True


def _logins(api: Api, seen: Mapping[str, Any]) -> Iterator[Finding]:
    wanted = seen.get("logins")
    manager = str(seen.get("authManager", ""))
    if not wanted or manager.endswith(".SimpleAuthManager"):
        return  # the worker has compared them
    users = api.find_users() if manager.endswith(".FabAuthManager") else None
    if users is None:
        yield finding(
            "logins_not_checked",
            "logins",
            f"{manager.rpartition('.')[2] or 'the auth manager'} does not tell who there is, or not to you",
            "Compare the plans' lists yourself with who may log in.",
        )
    else:
        yield from judge_logins(wanted, users)


def _tell(data: Mapping[str, Any], output: Output) -> ExitCode:
    counts = data["counts"]
    if not output.for_people:
        output.data(dict(data))
    else:
        output.say(
            f"{'nothing stops executions' if data['ok'] else 'executions would not start, or not go on'} "
            f"({counts['block']} blocking, {counts['warn']} warnings, checked {format_time(data['checkedAt'])})"
        )
        hosts = ", ".join(f"{each['component']} on {each['host']}" for each in data.get("components", ()))
        if hosts:
            output.say(f"seen: {hosts}")
        if data["findings"]:
            output.rows(_COLUMNS, data["findings"])
    if not data["ok"]:
        return ExitCode.BLOCKED
    return ExitCode.WARNINGS if counts["warn"] else ExitCode.OK
