"""What building blocks tell each other: which jobs a start launched, for whom, and where."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypedDict, cast

from drs_provider.core.account import AwsTarget
from drs_provider.core.states import ExecutionType
from drs_provider.rules.drs.jobs import JobView
from drs_provider.rules.execution.frozen import FrozenGate, FrozenServer, FrozenWave
from drs_provider.rules.wave.ownership import OwnedJob, StartIntent
from drs_provider.rules.wave.watch import FollowedJob, JobsToFollow, JobToFollow

_JOB_ID = re.compile(r"drsjob-[0-9a-zA-Z]{17}")
#: A block is one wave.
WAVE_NUMBER = 1


class LaunchedServer(TypedDict):
    """A source server of a start."""

    sourceServerId: str
    serverName: str


class Launched(TypedDict):
    """What a start block tells, from before its first call on; times are epoch seconds.

    :param jobs: that run, or ran, so far
    :param intents: what was asked for: a job whose tags never come is known by them
    :param since: before which the start was not asked for, in whatever attempt
    :param deadline: until when the sensor waits
    """

    executionId: str
    executionType: str
    attempt: int
    accountId: str
    region: str
    servers: list[LaunchedServer]
    jobs: list[JobToFollow]
    intents: list[dict[str, Any]]
    since: float
    deadline: float


class LaunchesError(ValueError):
    """What a block is given as jobs is none, or is somewhere else."""


@dataclass(frozen=True)
class Launches:
    """The jobs that a block is given.

    :param told: what start blocks told
    :param job_ids: jobs that are given by their ids alone
    """

    told: tuple[Launched, ...] = ()
    job_ids: tuple[str, ...] = ()

    @property
    def since(self) -> float | None:
        """When the first start was asked for, None if only ids are given."""
        return min((launched["since"] for launched in self.told), default=None)

    @property
    def deadline(self) -> float | None:
        """Until when to wait, None if only ids are given."""
        return max((launched["deadline"] for launched in self.told), default=None)

    @property
    def all_job_ids(self) -> tuple[str, ...]:
        """Every job that is known by id."""
        told = [job["jobId"] for launched in self.told for job in launched["jobs"]]
        return tuple(dict.fromkeys([*told, *self.job_ids]))


def read_launches(value: Any, target: AwsTarget | None = None) -> Launches:
    """Read a block's argument: a job's id, what a start told, or several of either.

    :param target: where the jobs must be; None: not known yet
    :raises LaunchesError: if there is none, or if it is of another account or Region
    """
    told: list[Launched] = []
    ids: list[str] = []
    for item in _items(value):
        if isinstance(item, Mapping):
            told.append(_launched(item, target))
        elif isinstance(item, str) and _JOB_ID.fullmatch(item):
            ids.append(item)
        else:
            raise LaunchesError(
                f"{item!r} is neither the id of a DRS job nor what a start told; give `drsjob-…` or start.output"
            )
    if not told and not ids:
        raise LaunchesError(
            "no jobs are given: give `drsjob-…` or start.output; a start that has not begun told nothing"
        )
    return Launches(tuple(told), tuple(dict.fromkeys(ids)))


def _items(value: Any) -> Iterable[Any]:
    if value is None:
        return ()
    if isinstance(value, str):
        return [part for part in re.split(r"[\s,]+", value) if part]
    if isinstance(value, Mapping):
        return _items(value["launches"]) if "launches" in value else [value]
    if not isinstance(value, Iterable):
        return [value]
    # Of a mapped task, Airflow gives a sequence of its own; an instance that told nothing leaves a None.
    return [part for item in value if item is not None for part in _items(item)]


def _launched(item: Mapping[str, Any], target: AwsTarget | None) -> Launched:
    missing = sorted(Launched.__required_keys__ - item.keys())
    if missing:
        raise LaunchesError(f"what is given as a start's output lacks {', '.join(missing)}")
    place = (item["accountId"], item["region"])
    if target is not None and place != (target.account_id, target.region):
        raise LaunchesError(
            f"the jobs are in account {place[0]}, Region {place[1]}, and the block looks in account "
            f"{target.account_id}, Region {target.region}; use one block for each"
        )
    return cast("Launched", {key: item[key] for key in Launched.__required_keys__})


def untold_launches(execution_ids: Iterable[str], target: AwsTarget, since: float) -> Launches:
    """Return what starts launched that told nothing: their jobs are known by their tags.

    :param since: epoch seconds before which none of them began
    """
    return Launches(tuple(nothing_launched(execution_id, target, since) for execution_id in execution_ids))


def nothing_launched(execution_id: str, target: AwsTarget, since: float) -> Launched:
    """Return what a start tells before it has asked for launches."""
    return {
        "executionId": execution_id,
        "executionType": ExecutionType.DRILL.value,
        "attempt": 1,
        "accountId": target.account_id,
        "region": target.region,
        "servers": [],
        "jobs": [],
        "intents": [],
        "since": since,
        "deadline": since,
    }


def launched(
    *,
    execution_id: str,
    wave: FrozenWave,
    is_drill: bool,
    attempt: int,
    since: float,
    deadline: float,
    intents: Iterable[StartIntent],
    jobs: Iterable[OwnedJob] = (),
) -> Launched:
    """Return what a start tells."""
    followed = [FollowedJob(own.job.job_id, own.attempt, tuple(sorted(own.job.server_ids))) for own in jobs]
    stored = list(intents)
    known = {job.job_id for job in followed}
    followed += [
        FollowedJob(intent.job_id, intent.attempt, intent.servers)
        for intent in stored
        if intent.job_id and intent.job_id not in known and intent.attempt == attempt
    ]
    return {
        "executionId": execution_id,
        "executionType": (ExecutionType.DRILL if is_drill else ExecutionType.RECOVERY).value,
        "attempt": attempt,
        "accountId": wave.target.account_id,
        "region": wave.target.region,
        "servers": [
            {"sourceServerId": server.source_server_id, "serverName": server.name} for server in wave.servers
        ],
        "jobs": [job.to_dict() for job in followed],
        "intents": [{**asdict(intent), "servers": list(intent.servers)} for intent in stored],
        "since": since,
        "deadline": deadline,
    }


def intents_of(stored: Iterable[Mapping[str, Any]]) -> list[StartIntent]:
    """Read stored intents.

    :raises TypeError: if they have another form
    """
    return [StartIntent(**{**item, "servers": tuple(item["servers"])}) for item in stored]


def followed_wave(
    launches: Launches,
    shown: Mapping[str, JobView],
    target: AwsTarget,
    *,
    started_at: float,
    timeout_seconds: int,
    post_launch_required: bool = False,
    post_launch_timeout_seconds: int = 1_800,
) -> tuple[FrozenWave, JobsToFollow]:
    """Return the wave that the jobs make up, and its jobs, as a watch needs them.

    :param shown: the jobs that DRS shows of those given by id alone; they must all be there
    :param started_at: epoch seconds from which the timeout counts where no start told a deadline
    """
    names: dict[str, str] = {}
    jobs: dict[str, JobToFollow] = {}
    for told in launches.told:
        names |= {server["sourceServerId"]: server["serverName"] for server in told["servers"]}
        jobs |= {job["jobId"]: job for job in told["jobs"]}
    for job_id in launches.job_ids:
        servers = sorted(shown[job_id].server_ids)
        names = {**{server: server for server in servers}, **names}
        jobs.setdefault(job_id, {"jobId": job_id, "attempt": 1, "servers": servers})
    wave = FrozenWave(
        number=WAVE_NUMBER,
        name="servers",
        groups=(),
        target=target,
        servers=tuple(FrozenServer(source_server_id=key, name=name) for key, name in names.items()),
        post_launch_required=post_launch_required,
        post_launch_timeout_seconds=post_launch_timeout_seconds,
        timeout_seconds=timeout_seconds,
        queue_timeout_seconds=1,
        gate=FrozenGate(timeout_seconds=1),
    )
    deadline = launches.deadline or started_at + timeout_seconds
    attempt = max((job["attempt"] for job in jobs.values()), default=1)
    return wave, {
        "attempt": attempt,
        "jobs": list(jobs.values()),
        "startedAt": started_at,
        "deadline": deadline,
    }


def is_drill_of(launches: Launches, shown: Mapping[str, JobView]) -> Mapping[str, bool]:
    """Return what kind each given job, or start, is: its name -> whether it is a drill's."""
    kinds = {told["executionId"]: told["executionType"] == ExecutionType.DRILL for told in launches.told}
    return {
        **kinds,
        **{
            job_id: job.initiated_by == ExecutionType.DRILL.initiated_by
            for job_id, job in shown.items()
            if job_id in launches.job_ids
        },
    }


def recoveries(kinds: Mapping[str, bool]) -> Sequence[str]:
    """Return the names of those that are no drill's."""
    return sorted(name for name, is_drill in kinds.items() if not is_drill)
