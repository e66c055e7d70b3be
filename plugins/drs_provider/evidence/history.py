"""What was tested when, and what was not: from the store alone, whatever became of Airflow's database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drs_provider.core.states import ExecutionStatus, ExecutionType, WaveStatus
from drs_provider.evidence.links import FOLDER, REPORT
from drs_provider.evidence.store import EvidenceStore
from drs_provider.plan.model import Plan
from drs_provider.rules.record.schema import without_empty

_DAY = 86_400


@dataclass(frozen=True)
class PastRun:
    """An attempt that has a report, as its link in the chain tells it.

    :param report: path of its JSON file below the store
    :param facts: see :func:`drs_provider.evidence.facts.report_facts`
    """

    plan_id: str
    execution_id: str
    report: str
    link: int
    facts: Mapping[str, Any]

    @property
    def is_rehearsal(self) -> bool:
        """Whether a simulator answered in AWS's place: such a run proves nothing."""
        return bool(self.facts.get("simulatedBy"))

    @property
    def is_drill(self) -> bool:
        """Whether it was a drill in AWS."""
        return self.facts["executionType"] == ExecutionType.DRILL and not self.is_rehearsal

    @property
    def has_passed(self) -> bool:
        """Whether everything was recovered, and people said that it works."""
        return self.facts["status"] == ExecutionStatus.COMPLETED and self.facts.get("drillResult") == "passed"

    @property
    def at(self) -> float:
        """When it began, epoch seconds."""
        return float(self.facts["startTime"])

    def to_dict(self) -> dict[str, Any]:
        """Return it as a row."""
        return without_empty(
            {
                "planId": self.plan_id,
                "executionId": self.execution_id,
                "rehearsal": self.is_rehearsal,
                **{name: self.facts.get(name) for name in _SHOWN},
                "report": self.report,
                "link": self.link,
            }
        )


_SHOWN = (
    "executionType",
    "attempt",
    "status",
    "drillResult",
    "startTime",
    "endTime",
    "rtoSeconds",
    "rtoMet",
    "planHash",
)


def past_runs(store: EvidenceStore) -> list[PastRun]:
    """Return every attempt of the chain, oldest first; of one that was reported again, the newest report.

    :raises EvidenceStoreError: if the store cannot be read
    :raises ValueError: if a link is none: ``verify`` names it
    """
    contents = store.read_all(store.paths(FOLDER))
    links = sorted((json.loads(content) for content in contents.values()), key=lambda link: link["number"])
    runs = {}
    for link in links:
        if link["kind"] == REPORT:
            report = next(path for path in link["documents"] if path.endswith(".json"))
            key = (link["planId"], link["executionId"], link["facts"]["attempt"])
            runs[key] = PastRun(link["planId"], link["executionId"], report, link["number"], link["facts"])
    return sorted(runs.values(), key=lambda run: (run.at, run.link))


def coverage(
    plans: Mapping[str, Plan],
    runs: Sequence[PastRun],
    report_of: Callable[[PastRun], Mapping[str, Any]],
    *,
    now: float,
    servers: Mapping[str, Sequence[str]] | None = None,
) -> list[dict[str, Any]]:
    """Return a row for each plan: its last drills, what changed since, what no drill has ever tried.

    :param plans: name → plan as its file is now
    :param report_of: reads a run's report
    :param servers: plan → source servers that it holds now; None if DRS was not asked
    """
    return [
        _row(plan, [run for run in runs if run.plan_id == name], report_of, now, (servers or {}).get(name))
        for name, plan in sorted(plans.items())
    ]


def _row(
    plan: Plan,
    runs: Sequence[PastRun],
    report_of: Callable[[PastRun], Mapping[str, Any]],
    now: float,
    servers: Sequence[str] | None,
) -> dict[str, Any]:
    drills = [run for run in runs if run.is_drill]
    passed = [run for run in drills if run.has_passed]
    records = [report_of(run)["record"] for run in drills]
    every = plan.objectives.drill_every_days
    days = int((now - passed[-1].at) // _DAY) if passed else None
    drilled = {wave["waveName"] for record in records for wave in record["waves"] if _was_run(wave)}
    row: dict[str, Any] = {
        "planId": plan.name,
        "drills": len(drills),
        "rehearsals": sum(run.is_rehearsal for run in runs),
        "lastDrill": drills[-1].at if drills else None,
        "lastResult": _result(drills[-1]) if drills else None,
        "lastPassed": passed[-1].at if passed else None,
        "daysSincePassed": days,
        "drillEveryDays": every,
        "overdue": every is not None and (days is None or days >= every),
        "wavesNeverDrilled": [wave.name for wave in plan.waves if wave.name not in drilled],
    }
    if passed:
        row["planChanged"] = passed[-1].facts.get("planHash") != plan.content_hash
    if passed and servers is not None:
        was = _servers(report_of(passed[-1])["record"])
        row["serversNotDrilled"] = sorted(set(servers) - was)
        row["serversNoLongerPlanned"] = sorted(was - set(servers))
    return without_empty(row)


def _result(run: PastRun) -> str:
    return f"{run.facts['status']}, {run.facts.get('drillResult', 'not verified')}"


def _was_run(wave: Mapping[str, Any]) -> bool:
    return bool(wave["status"] == WaveStatus.COMPLETED)


def _servers(record: Mapping[str, Any]) -> set[str]:
    return {row["sourceServerId"] for wave in record["waves"] for row in wave.get("serverStatuses", ())}


def unplanned(
    known: Mapping[str, Iterable[str]], planned: Mapping[str, Iterable[str]]
) -> dict[str, list[str]]:
    """Return the servers of each target that no plan holds.

    :param known: account and Region → source servers that DRS has there
    :param planned: account and Region → source servers that plans hold
    """
    left = {place: sorted(set(ids) - set(planned.get(place, ()))) for place, ids in known.items()}
    return {place: ids for place, ids in left.items() if ids}
