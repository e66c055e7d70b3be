"""Constructed facts: an execution of two waves that went well, to be spoilt by tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chaos.facts import ATTEMPT, EXECUTION, WAVE, Attempt, Job, Part, RunFacts, World
from chaos.spec import Behaviour, RunSpec, Server, Wave

EXECUTION_ID = "e-1"
DB, APP_1, APP_2 = "s-db", "s-app-1", "s-app-2"


def spec(execution_type: str = "DRILL", **fields: Any) -> RunSpec:
    """A database, and behind it an application of two servers, the second of which is optional."""
    waves = (
        Wave(1, "database", "own", (Server(DB, "db"),)),
        Wave(
            2,
            "application",
            "own",
            (Server(APP_1, "app-1"), Server(APP_2, "app-2", critical=False)),
            depends_on=(1,),
        ),
    )
    return RunSpec(7, execution_type, waves, **fields)


def changed(given: RunSpec, server_id: str, **fields: Any) -> RunSpec:
    """Return a spec with a server that is different."""
    waves = tuple(
        replace(
            wave,
            servers=tuple(replace(each, **fields) if each.id == server_id else each for each in wave.servers),
        )
        for wave in given.waves
    )
    return replace(given, waves=waves)


def job(number: int, wave: int, *server_ids: str, at: float, **fields: Any) -> Job:
    """A LAUNCH job that took ten seconds; instance ``i-<server>-<job>`` for each server."""
    parts = tuple(Part(each, "LAUNCHED", f"i-{each}-{number}") for each in server_ids)
    tags = {EXECUTION: EXECUTION_ID, WAVE: str(wave), ATTEMPT: str(fields.pop("attempt", 1))}
    made = Job(f"job-{number}", "LAUNCH", "111122223333", "eu-west-1", True, at, at + 10, tags, parts)
    return replace(made, **fields)


def failed(given: Job, server_id: str, status: str = "FAILED") -> Job:
    """Return a job in which a server failed."""
    parts = tuple(Part(p.server_id, status) if p.server_id == server_id else p for p in given.parts)
    return replace(given, parts=parts)


def terminate(number: int, *instance_ids: str, at: float = 100.0) -> Job:
    """A TERMINATE job."""
    parts = tuple(
        Part(each.rpartition("-")[0].removeprefix("i-"), "TERMINATED", each) for each in instance_ids
    )
    return Job(f"job-{number}", "TERMINATE", "111122223333", "eu-west-1", False, at, at + 5, {}, parts)


LAUNCHES = (job(1, 1, DB, at=10), job(2, 2, APP_1, APP_2, at=30))
CLEANED_UP = terminate(3, f"i-{DB}-1", f"i-{APP_1}-2", f"i-{APP_2}-2")


def world(*jobs: Job, **fields: Any) -> World:
    """A world with these jobs; by default of an execution that went well and was cleaned up."""
    return World(jobs or (*LAUNCHES, CLEANED_UP), **fields)


def row(server_id: str, number: int, status: str = "LAUNCHED") -> dict[str, Any]:
    """A server row of the record."""
    instance = {"instanceId": f"i-{server_id}-{number}"} if status == "LAUNCHED" else {}
    return {"sourceServerId": server_id, "launchStatus": status, **instance}


def end(attempt: int, status: str = "COMPLETED") -> dict[str, Any]:
    """An attempt's row of the record."""
    times = {"startTime": 5.0, "endTime": 200.0 + attempt}
    return {"attempt": attempt, "status": status, **times, "reportSha256": f"sha-{attempt}"}


def record(status: str = "COMPLETED", **fields: Any) -> dict[str, Any]:
    """The record of an execution that went well."""
    waves = [
        {"waveNumber": 1, "status": "COMPLETED", "serverStatuses": [row(DB, 1)]},
        {"waveNumber": 2, "status": "COMPLETED", "serverStatuses": [row(APP_1, 2), row(APP_2, 2)]},
    ]
    return {"status": status, "waves": waves, "attempts": [end(1, status)], **fields}


def attempt(number: int = 1, run_state: str = "success", **fields: Any) -> Attempt:
    """An attempt that went well."""
    given = {"record": record(), "cleanup_not_before": 60.0, **fields}
    return Attempt(number, run_state, {}, **given)


def run(*attempts: Attempt, of: RunSpec | None = None, **fields: Any) -> RunFacts:
    """An execution that went well, or of these attempts."""
    told = attempts or (attempt(),)
    numbers = [each.number for each in told if each.record is not None]
    given: dict[str, Any] = {
        "stored": told[-1].record,
        "end_times": {number: frozenset({200.0 + number}) for number in numbers},
        "reports": frozenset(f"report-{number}.{kind}" for number in numbers for kind in ("json", "html")),
        **fields,
    }
    return RunFacts(of or spec(), "chaos-7", EXECUTION_ID, told, **given)


def ghost(given: RunSpec, server_id: str) -> RunSpec:
    """Return a spec in which EC2 never knows a server's instance."""
    return changed(given, server_id, behaviour=Behaviour.NO_INSTANCE)
