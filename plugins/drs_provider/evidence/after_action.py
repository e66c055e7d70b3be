"""The after-action timeline: what people, the product and AWS did, in one order, from the documents of the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from drs_provider.core.identity import role_session_name
from drs_provider.core.times import format_time
from drs_provider.evidence.links import FINDING, FINDING_CLOSED, NOTE
from drs_provider.rules.record.schema import without_empty

PEOPLE, PRODUCT, AWS = "people", "product", "AWS"
_TOLD = {NOTE: "note", FINDING: "finding", FINDING_CLOSED: "closed finding"}


@dataclass(frozen=True, order=True)
class Moment:
    """Something that happened.

    :param at: epoch seconds
    :param by: ``people``, ``product`` or ``AWS``
    :param who: login of a person, or the role session that an AWS call was made in
    """

    at: float
    by: str
    what: str
    who: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return without_empty(
            {
                "at": self.at,
                "time": format_time(self.at),
                "by": self.by,
                "who": self.who or None,
                "what": self.what,
            }
        )


def after_action(record: Mapping[str, Any], statements: Iterable[Mapping[str, Any]] = ()) -> list[Moment]:
    """Return the moments of an execution, first to last, of all its attempts.

    :param record: of the newest report
    :param statements: what people have added to its evidence
    """
    found = [*_run(record), *_stated(statements)]
    for wave in record["waves"]:
        found += _wave(record, wave)
    for step in record.get("steps", ()):
        found += _step(step, "around the waves")
    return sorted(dict.fromkeys(found))


def _run(record: Mapping[str, Any]) -> Iterator[Moment]:
    kind, who = record["executionType"], str(record.get("initiatedBy") or "")
    if "incidentTime" in record:
        yield Moment(record["incidentTime"], PEOPLE, "the incident began, as they say", who)
    if "triggerTime" in record:
        why = ", ".join(str(record[name]) for name in ("ticket", "reason") if record.get(name))
        by = PRODUCT if who in ("", "scheduler") else PEOPLE
        yield Moment(record["triggerTime"], by, f"{kind} triggered{f' ({why})' if why else ''}", who)
    for row in record["attempts"]:
        number = row["attempt"]
        yield Moment(row["startTime"], PRODUCT, f"attempt {number} begins")
        if "endTime" in row:
            error = f": {row['errorMessage']}" if row.get("errorMessage") else ""
            yield Moment(row["endTime"], PRODUCT, f"attempt {number} ends {row['status']}{error}")
        if "hold" in row:
            yield from _gate(row["hold"], "hold before cleanup")
    if "hold" in record:
        yield from _gate(record["hold"], "hold before cleanup")
    if "cleanup" in record and "endTime" in record:
        done = record["cleanup"]
        count = len(done.get("terminated", ()))
        jobs = ", ".join(done.get("jobs", ()))
        text = (
            f"cleanup: {done.get('action')}, {count} instances terminated{f' (jobs {jobs})' if jobs else ''}"
        )
        yield Moment(record["endTime"], AWS if jobs else PRODUCT, text, session_of(record) if jobs else "")


def session_of(record: Mapping[str, Any]) -> str:
    """Return the role session of the execution's calls, under which CloudTrail has them."""
    return role_session_name(record["executionId"])


def _wave(record: Mapping[str, Any], wave: Mapping[str, Any]) -> Iterator[Moment]:
    name = f"wave {wave['waveNumber']} {wave['waveName']}"
    for part in (*wave.get("earlierAttempts", ()), wave):
        if "gate" in part:
            yield from _gate(part["gate"], f"gate before {name}")
        if "endTime" in part:
            error = f": {part['errorMessage']}" if part.get("errorMessage") else ""
            yield Moment(part["endTime"], PRODUCT, f"{name} ends {part['status']}{error}")
        if "readyTime" in part:
            yield Moment(part["readyTime"], PRODUCT, f"{name} is ready: its steps have ended")
        for step in part.get("steps", ()):
            yield from _step(step, name)
    yield from _jobs(record, wave, name)
    yield from _servers(wave, name)


def _jobs(record: Mapping[str, Any], wave: Mapping[str, Any], name: str) -> Iterator[Moment]:
    for job in wave.get("jobs", ()):
        if "startTime" in job:
            yield Moment(
                job["startTime"], AWS, f"{name}: StartRecovery, job {job['jobId']}", session_of(record)
            )
        if "endTime" in job:
            yield Moment(job["endTime"], AWS, f"{name}: job {job['jobId']} is {job['status']}")


def _servers(wave: Mapping[str, Any], name: str) -> Iterator[Moment]:
    for row in wave.get("serverStatuses", ()):
        server = row.get("serverName") or row["sourceServerId"]
        for change in row.get("transitionHistory", ()):
            if change["status"] in ("LAUNCHED", "FAILED", "TERMINATED"):
                detail = row.get("error") if change["status"] == "FAILED" else row.get("instanceId")
                yield Moment(
                    change["timestamp"],
                    AWS,
                    f"{name}: {server} is {change['status']}{f' ({detail})' if detail else ''}",
                )


def _gate(gate: Mapping[str, Any], what: str) -> Iterator[Moment]:
    if "openedAt" in gate:
        yield Moment(gate["openedAt"], PRODUCT, f"{what} opens")
    for answer in gate.get("responses", ()):
        refused = f"; refused: {answer['refused']}" if "refused" in answer else ""
        said = ", ".join(str(answer[name]) for name in ("comment", "ticket") if answer.get(name))
        text = f"{what}: {answer['decision']}{f' ({said})' if said else ''}{refused}"
        yield Moment(answer["respondedAt"], PEOPLE, text, answer["respondedBy"])
    if "closedAt" in gate:
        yield Moment(gate["closedAt"], PRODUCT, f"{what} closes: {gate.get('outcome', 'closed')}")


def _step(step: Mapping[str, Any], where: str) -> Iterator[Moment]:
    what = f"step {step['name']} ({where})"
    if "startTime" in step:
        yield Moment(step["startTime"], PRODUCT, f"{what} begins")
    for ask in step.get("asks", ()):
        yield from _gate(ask, what)
    if "endTime" in step:
        output = f": {step['output']}" if step.get("output") else ""
        yield Moment(step["endTime"], PRODUCT, f"{what} ends {step['status']}{output}")


def _stated(statements: Iterable[Mapping[str, Any]]) -> Iterator[Moment]:
    for said in statements:
        what = _TOLD.get(said["kind"], f"sign-off {said.get('result', '')}".strip())
        more = f" (owner {said['owner']}, due {said['due']})" if said["kind"] == FINDING else ""
        yield Moment(said["at"], PEOPLE, f"{what}{more}: {said['text']}", said["by"])
