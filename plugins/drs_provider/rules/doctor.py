"""What the doctor finds in an installation: every kind of finding, the report, and what is judged from plain data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import combinations
from typing import Any

from drs_provider.core.texts import cause
from drs_provider.core.times import format_time

VERSION = 1
MAX_FINDINGS = 100
#: AWS refuses requests that are signed five minutes off.
CLOCK_BLOCKS_SECONDS = 240.0
CLOCK_WARNS_SECONDS = 30.0
_MAX_TEXT = 1_200


class Severity(StrEnum):
    """What a finding means: BLOCK: executions fail, or do not start. WARN: something that they rest on is missing."""

    BLOCK = "BLOCK"
    WARN = "WARN"
    INFO = "INFO"


BLOCK, WARN, INFO = Severity.BLOCK, Severity.WARN, Severity.INFO

#: code → how severe it is, and what it means
KINDS: dict[str, tuple[Severity, str]] = {
    "component_unhealthy": (
        BLOCK,
        "Airflow says that its scheduler, triggerer or DAG processor is not alive",
    ),
    "triggerer_silent": (BLOCK, "no triggerer took the doctor's trigger: nothing that waits goes on"),
    "worker_silent": (
        BLOCK,
        "no worker ran the doctor's task to its end in time, so that its looks are missing",
    ),
    "doctor_missing": (
        BLOCK,
        "the DAG drs_doctor is not there or cannot run: what only a worker sees was not looked at",
    ),
    "pool_missing": (BLOCK, "a pool of this provider's tasks does not exist: they would wait for ever"),
    "pool_without_slots": (BLOCK, "a pool of this provider's tasks has no slot"),
    "pool_full": (WARN, "a pool of this provider's tasks is full now: new tasks wait"),
    "pool_counts_waits": (WARN, "the pool counts deferred tasks, so that waves which wait hold its slots"),
    "slots_not_reserved": (
        WARN,
        "the pools have more slots than `[core] parallelism`: other people's tasks can use it up, and nothing starts",
    ),
    "plan_paused": (
        BLOCK,
        "a plan's DAG is paused: an execution would wait in the queue, and running ones stand still",
    ),
    "plan_not_startable": (BLOCK, "a plan's DAG is stale, withdrawn, or its file has import errors"),
    "import_error": (
        WARN,
        "Airflow cannot import a file of this provider's DAGs, or plan files have problems",
    ),
    "no_plans": (BLOCK, "there is no plan, in Airflow or in the worker's folder of plans"),
    "plan_does_not_load": (WARN, "a plan file does not load on the worker"),
    "configuration_wrong": (BLOCK, "an option of `[drs]` cannot be used"),
    "deployment_id_default": (
        WARN,
        "`[drs] deployment_id` is the default, so that two Airflows cannot be told apart",
    ),
    "signing_keys_differ": (
        BLOCK,
        "two components have other signing keys: what one signs does not verify at the other",
    ),
    "deployment_ids_differ": (
        BLOCK,
        "two components have other deployment ids: they compute other execution ids",
    ),
    "versions_differ": (WARN, "two components have other versions of this provider or of Airflow"),
    "clock_skew": (
        BLOCK,
        "a component's clock is off by 30 seconds (WARN), or by 4 minutes: AWS refuses at 5",
    ),
    "airflow_api_missing": (
        BLOCK,
        "this Airflow lacks a semi-private API; the message says what stops (WARN where executions still start)",
    ),
    "identity_not_proven": (BLOCK, "a target's identity cannot be proven, on a worker or a triggerer"),
    "history_off": (INFO, "there is no history table"),
    "history_unreachable": (WARN, "the history table cannot be read"),
    "reports_unusable": (WARN, "reports cannot be written, or their bucket cannot be asked"),
    "reports_not_locked": (WARN, "the bucket of reports has no Object Lock with a default retention"),
    "reports_in_a_folder": (INFO, "reports go to a folder of the worker, where they can be changed"),
    "unknown_login": (WARN, "a plan's list names somebody whom Airflow does not know"),
    "logins_not_checked": (INFO, "Airflow's auth manager cannot be asked who there is"),
    "notification_failed": (WARN, "the test message of a notification was not delivered"),
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or worth knowing.

    :param code: one of :data:`KINDS`
    :param subject: what it is about: ``triggerer``, ``pool default_pool``, ``target main (…)``
    :param remedy: what to do about it; may be empty for an INFO
    """

    code: str
    severity: Severity
    subject: str
    message: str
    remedy: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return plain data."""
        return {name: str(value) for name, value in asdict(self).items()}


def finding(
    code: str, subject: str, message: str, remedy: str = "", *, severity: Severity | None = None
) -> Finding:
    """Return a finding of a kind.

    :param severity: where it is another one than the kind's own
    :raises KeyError: if there is no such kind
    """
    return Finding(code, severity or KINDS[code][0], subject, cause(message, _MAX_TEXT), remedy)


def report(findings: Iterable[Mapping[str, Any]], **facts: Any) -> dict[str, Any]:
    """Return the doctor's report: the findings, the worst first, each once; and what was looked at."""
    rows = sorted(
        {tuple(sorted(row.items())): dict(row) for row in findings}.values(),
        key=lambda row: list(Severity).index(Severity(row["severity"])),
    )
    counts = {each.value.lower(): sum(row["severity"] == each for row in rows) for each in Severity}
    return {
        "version": VERSION,
        "ok": not counts["block"],
        "counts": counts,
        **facts,
        "findings": rows[:MAX_FINDINGS],
        "findingsLeftOut": max(0, len(rows) - MAX_FINDINGS),
    }


def report_text(data: Mapping[str, Any]) -> str:
    """Return a report for people."""
    counts = data["counts"]
    lines = [
        f"Doctor at {format_time(data['checkedAt'])}: {counts['block']} blocking, {counts['warn']} warnings"
    ]
    for row in data["findings"]:
        lines.append(f"{row['severity']} [{row['code']}] {row['subject']}: {row['message']}")
        lines += [f"    Remedy: {row['remedy']}"] if row["remedy"] else []
    return "\n".join(lines)


def judge_components(components: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """Yield what is wrong in components (``runtime.component``) and differs between them, each pair once.

    :param components: the first is the worker whose own settings were looked at
    """
    seen = distinct(components)
    for each in seen:
        yield from _clock(each)
    for each in seen[1:]:
        if "problem" in each:
            yield finding(
                "configuration_wrong",
                name(each),
                each["problem"],
                "Give it the same AIRFLOW__DRS__SIGNING_KEY as the others, and start it anew.",
            )
    for one, other in combinations(seen, 2):
        yield from _differences(one, other)


def distinct(components: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return components without what was seen before: of the same place, with the same settings and versions."""
    seen: dict[Any, Mapping[str, Any]] = {}
    for each in components:
        same = (name(each), tuple(each["keys"]), each["deploymentId"], each["provider"], each["airflow"])
        seen.setdefault(same, each)
    return list(seen.values())


def name(component: Mapping[str, Any]) -> str:
    """Return what people call a component."""
    return f"{component['component']} on {component['host']}"


def _clock(component: Mapping[str, Any]) -> Iterator[Finding]:
    skew = component.get("skewSeconds")
    if skew is None or abs(skew) < CLOCK_WARNS_SECONDS:
        return
    yield finding(
        "clock_skew",
        name(component),
        f"its clock is {abs(skew):.0f} seconds {'ahead of' if skew > 0 else 'behind'} that of {component['skewTo']}",
        "Let its clock be set by NTP (on AWS: Amazon Time Sync).",
        severity=BLOCK if abs(skew) >= CLOCK_BLOCKS_SECONDS else WARN,
    )


def _differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[Finding]:
    both = f"{name(one)}, {name(other)}"
    ours, theirs = one["keys"], other["keys"]
    if ours and theirs and not (ours[0] in theirs and theirs[0] in ours):
        yield finding(
            "signing_keys_differ",
            both,
            f"they sign with other keys (fingerprints {ours[0]} and {theirs[0]})",
            "Give both the same AIRFLOW__DRS__SIGNING_KEY and start them anew. To rotate it: new key, comma, old key, "
            "in every component.",
        )
    if one["deploymentId"] != other["deploymentId"]:
        yield finding(
            "deployment_ids_differ",
            both,
            f"[drs] deployment_id is {one['deploymentId']!r} and {other['deploymentId']!r}",
            "Set the same AIRFLOW__DRS__DEPLOYMENT_ID in every component.",
        )
    for what in ("provider", "airflow"):
        if one[what] != other[what]:
            yield finding(
                "versions_differ",
                both,
                f"versions of {what}: {one[what]} and {other[what]}",
                "Bring both to one version, and start them anew.",
            )


def judge_logins(wanted: Mapping[str, Iterable[str]], known: Iterable[str]) -> Iterator[Finding]:
    """Yield the logins that plans' lists name and Airflow does not know.

    :param wanted: plans by login
    :param known: Airflow's logins
    """
    there = set(known)
    for login, plans in sorted(wanted.items()):
        if login not in there:
            yield finding(
                "unknown_login",
                f"login {login}",
                f"Airflow knows nobody of this login; it stands in lists of {', '.join(sorted(plans))}",
                "Correct the list or team (airflow drs whoami prints one's own name), or create the user.",
            )


def judge_slots(parallelism: int | None, pools: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """Yield that other people's tasks can take what executions need, if they can.

    A scheduler starts nothing while ``[core] parallelism`` tasks of its own run or are queued, whatever pool, queue and
    priority say (source: ``SchedulerJobRunner._critical_section_enqueue_task_instances``). What holds them back before
    is their pools.

    :param parallelism: None if it is not known
    :param pools: as Airflow's API shows them; -1 slots are without a limit
    """
    slots = {pool["name"]: pool["slots"] for pool in pools}
    if parallelism is None or (min(slots.values(), default=0) >= 0 and sum(slots.values()) <= parallelism):
        return
    shown = ", ".join(
        f"{name} {'without a limit' if many < 0 else many}" for name, many in sorted(slots.items())
    )
    yield finding(
        "slots_not_reserved",
        "slots",
        f"[core] parallelism is {parallelism}, and the pools have more slots together ({shown}): other people's tasks "
        "can use it up, and no execution starts until one of them ends",
        "Raise [core] parallelism, and what workers take, to the sum of all pools, or give the others fewer slots: "
        "docs/distributed.md.",
    )
