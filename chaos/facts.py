"""What is known of a campaign when it is over: what the simulated AWS did, and what each execution told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from chaos.spec import RunSpec

EXECUTION, WAVE, ATTEMPT = "ExecutionId", "WaveNumber", "Attempt"


@dataclass(frozen=True)
class Part:
    """A server's part in a job.

    :param status: DRS's launchStatus
    """

    server_id: str
    status: str
    instance_id: str | None = None


@dataclass(frozen=True)
class Job:
    """A job of the simulated DRS as it really was, whatever DescribeJobs showed of it. Times: epoch seconds."""

    job_id: str
    kind: str
    account: str
    region: str
    is_drill: bool
    created_at: float
    ended_at: float | None
    tags: Mapping[str, str]
    parts: tuple[Part, ...]

    @classmethod
    def from_simulator(cls, data: Mapping[str, Any]) -> Self:
        """Read a job of the simulator's control interface."""
        return cls(
            job_id=data["job_id"],
            kind=data["kind"],
            account=data["account"],
            region=data["region"],
            is_drill=data["initiated_by"] == "START_DRILL",
            created_at=data["created_at"],
            ended_at=data["ended_at"],
            tags=data["tags"],
            parts=tuple(
                Part(item["server_id"], item["launch_status"], item["instance_id"])
                for item in data["servers"]
            ),
        )

    @property
    def execution_id(self) -> str:
        """The execution that started it; empty for jobs without one."""
        return self.tags.get(EXECUTION, "")

    @property
    def wave(self) -> int:
        """The wave that it launches, 0 if it does not say."""
        return int(self.tags.get(WAVE, 0))

    @property
    def attempt(self) -> int:
        """The attempt that started it, 0 if it does not say."""
        return int(self.tags.get(ATTEMPT, 0))


@dataclass(frozen=True)
class Call:
    """A call that the simulated AWS got.

    :param session_name: of an assumed role, or None
    :param params: of calls to DRS
    """

    service: str
    operation: str
    at: float
    account: str
    region: str
    session_name: str | None = None
    status: int | None = None
    fault: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class World:
    """What the simulated AWS did in a campaign.

    :param instances: EC2 state by instance id, at the end
    :param runbooks: how often each SSM Automation document was begun
    """

    jobs: tuple[Job, ...]
    calls: tuple[Call, ...] = ()
    instances: Mapping[str, str] = field(default_factory=dict)
    runbooks: Mapping[str, int] = field(default_factory=dict)

    def launches(self, execution_id: str | None = None) -> list[Job]:
        """Return the LAUNCH jobs, of all or of one execution, oldest first."""
        found = (job for job in self.jobs if job.kind == "LAUNCH")
        mine = (job for job in found if execution_id is None or job.execution_id == execution_id)
        return sorted(mine, key=lambda job: job.created_at)

    def terminations(self) -> list[Job]:
        """Return the TERMINATE jobs, oldest first."""
        return sorted((job for job in self.jobs if job.kind == "TERMINATE"), key=lambda job: job.created_at)


@dataclass(frozen=True)
class Attempt:
    """An attempt of an execution that came to its end.

    :param run_state: Airflow's colour of the run: "success" or "failed"
    :param tasks: Airflow's state of each task
    :param record: what `finalize` published; None if nothing
    :param stopped: whether people rejected a gate, or marked the run failed in the middle of a wave
    :param cleanup_not_before: the last time at which `cleanup_drill` was seen not begun, epoch seconds
    :param table_down: whether the history table could not be reached at the end of the attempt
    """

    number: int
    run_state: str
    tasks: Mapping[str, str | None]
    record: Mapping[str, Any] | None
    stopped: bool = False
    cleanup_not_before: float = 0.0
    table_down: bool = False


@dataclass(frozen=True)
class RunFacts:
    """What is known of one execution.

    :param hangs: where it hung, if it never ended; empty if it ended
    :param stored: the record in the history table at the end of the last attempt
    :param end_times: end times that the history table was seen to hold for each attempt
    :param reports: names of its report files
    """

    spec: RunSpec
    run_id: str
    execution_id: str
    attempts: tuple[Attempt, ...]
    hangs: str = ""
    stored: Mapping[str, Any] | None = None
    end_times: Mapping[int, frozenset[float]] = field(default_factory=dict)
    reports: frozenset[str] = frozenset()

    @property
    def last(self) -> Attempt | None:
        """The latest attempt that ended."""
        return self.attempts[-1] if self.attempts else None


@dataclass(frozen=True)
class Violation:
    """Something that must never happen, and did.

    :param plan: the plan whose execution it concerns; its seed repeats it
    """

    plan: str
    rule: str
    message: str

    def to_dict(self) -> dict[str, str]:
        """Return plain data."""
        return {"plan": self.plan, "rule": self.rule, "message": self.message}


def violation(run: RunFacts, rule: Callable[..., Any], message: str) -> Violation:
    """Return a violation of a rule by an execution."""
    return Violation(run.spec.plan, rule.__name__, message)


def by_execution(runs: Iterable[RunFacts]) -> dict[str, RunFacts]:
    """Return executions by their ids."""
    return {run.execution_id: run for run in runs if run.execution_id}


def owners_of_servers(runs: Sequence[RunFacts]) -> dict[str, RunFacts]:
    """Return the only execution that may launch a server, by server id."""
    return {server.id: run for run in runs for server in run.spec.servers}
