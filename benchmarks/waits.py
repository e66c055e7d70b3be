"""A thousand waits in one triggerer: how soon it tells that a job has ended, whether it stalls, what a wait takes.

The scheduler is stopped: the waits are written as if tasks had deferred, so no task has to run before and none runs
after. The triggerer, its database and its API are Airflow's own. Jobs take as long as the recorded ones: simulated time
begins in the past, so that they end minutes after the waits have begun.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import yaml

from benchmarks import conventional, simulated
from benchmarks.figures import Figure, percentiles
from benchmarks.options import Options
from benchmarks.processes import output_of, own_memory
from benchmarks.stacks import PRODUCTION, ask, running
from drs_provider.core.account import AwsTarget
from drs_provider.rules.execution.frozen import FrozenServer
from embedded.environment import PLUGINS, REPOSITORY
from embedded.stack import Stack
from tests.history.world import frozen_wave

DAG_ID = "waits"
DAG_FILE = f'''\
"""A DAG of one task, whose runs wait."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG("{DAG_ID}", schedule=None, is_paused_upon_creation=False):
    EmptyOperator(task_id="wait_for_recovery")
'''
#: A job of one server of the profile sample_drill takes 476 s. The first ends this long after the triggerer started.
JOB_SECONDS = 476.0
UNTIL_FIRST_END = 75.0
SPREAD_SECONDS = 200.0
PATIENCE_SECONDS = 600.0
BATCH = 10
SETTINGS = {
    **PRODUCTION,
    "TRIGGERER__BLOCKED_MAIN_THREAD_WARNING_THRESHOLD": 0.15,
    # By default there is no history table.
    "DRS__HISTORY_CONNECTION": "",
}
_BLOCKED = re.compile(r"(\d{4}-\d\d-\d\dT[\d:.]+)Z? .*blocked for ([\d.]+) seconds")
#: What a task that waits in its worker has loaded: Airflow's task runner and an AWS client.
WORKER = """
import sys, airflow.sdk.execution_time.task_runner, boto3
from drs_provider.plan_tasks.start_wave import PlanStartWaveOperator
boto3.client("drs", region_name="eu-west-1", aws_access_key_id="none", aws_secret_access_key="none")
print("ready", flush=True)
sys.stdin.read()
"""


@dataclass
class Waits:
    """Waits of one kind in the stack's triggerer."""

    stack: Stack
    name: str
    count: int
    _log_from: int = field(init=False)

    def __post_init__(self) -> None:
        self._log_from = self._log.stat().st_size

    def begin(self, waits: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Write the waits."""
        file = self.stack.root / f"{self.name}.json"
        file.write_text(json.dumps({"dag_id": DAG_ID, "name": self.name, "waits": waits}), encoding="utf-8")
        environment = self.stack.environment_of("triggerer")
        environment["PYTHONPATH"] = f"{REPOSITORY}:{PLUGINS}"
        output_of("benchmarks.deferred", str(file), environment=environment)

    def until_loaded(self) -> None:
        """Wait until the triggerer has taken all of them.

        :raises RuntimeError: if that takes too long, or one has ended meanwhile
        """
        sql = "select count(*) from trigger where triggerer_id is not null"
        self._until(lambda: self.ask(sql)[0][0] >= self.count)

    def events(self) -> dict[str, float]:
        """Wait for all events, and return when each took effect, in epoch seconds, by run id.

        An event lets the task go on, which nobody does here, or ends it.
        """
        sql = (
            "select run_id, case state when 'success' then end_date else scheduled_dttm end "
            "from task_instance where dag_id = ? and state in ('scheduled', 'success')"
        )
        self._until(lambda: len(self.ask(sql, DAG_ID)) >= self.count)
        return {
            run_id: datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()
            for run_id, at in self.ask(sql, DAG_ID)
        }

    def stalls(self) -> list[tuple[float, float]]:
        """Return when Airflow's watchdog saw the event loop blocked, and for how many seconds; at least 0.15 s."""
        with self._log.open(encoding="utf-8", errors="replace") as log:
            log.seek(self._log_from)
            return stalls_in(log.read())

    def memory(self) -> float:
        """Return the triggerer's memory in MB, of both its processes."""
        started = next(each for each in reversed(self.stack.processes.started) if each.name == "triggerer")
        return own_memory(started.members())

    def ask(self, sql: str, *arguments: object) -> list[Any]:
        """Read or change Airflow's database."""
        return ask(self.stack, sql, *arguments)

    @property
    def _log(self) -> Path:
        return self.stack.paths.logs / "triggerer.log"

    def _until(self, condition: Any) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name}: not all of {self.count} in time: {self._log}")
            time.sleep(1.0)


def stalls_in(log: str) -> list[tuple[float, float]]:
    """Return when a triggerer's event loop was blocked, and for how many seconds, as its log tells."""
    return [
        (datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp(), float(seconds))
        for at, seconds in _BLOCKED.findall(log)
    ]


def measure(options: Options) -> Iterator[Figure]:
    """Measure waits for jobs against as many waits for a time, in the same triggerer, and against waiting workers."""
    root = options.folder / "waits"
    (root / "dags" / "plans").mkdir(parents=True, exist_ok=True)
    (root / "dags" / "waits.py").write_text(DAG_FILE, encoding="utf-8")
    scenario = root / "scenario.yaml"
    scenario.write_text(yaml.safe_dump(_world(options.waits, time.time())), encoding="utf-8")
    with running(root, scenario, root / "dags", SETTINGS) as stack:
        stack.wait_for_dag(DAG_ID)
        stack.kill_component("scheduler", whole_session=True)
        yield from _measure(stack, options.waits)


def _measure(stack: Stack, count: int) -> Iterator[Figure]:
    plain = Waits(stack, "plain", count)
    empty = plain.memory()
    plain.begin([_plain_wait()] * count)
    plain.until_loaded()
    time.sleep(10)
    if plain.ask("select count(*) from trigger") != [(count,)]:
        raise RuntimeError(f"waits for a time have ended: {stack.paths.logs}")
    plain_kb = (plain.memory() - empty) * 1000 / count
    plain_stall = max((seconds for _, seconds in plain.stalls()), default=0.15)
    stack.kill_component("triggerer", whole_session=True)
    plain.ask("update task_instance set state = 'removed', trigger_id = null")

    first = time.time() + UNTIL_FIRST_END + count * 0.03
    jobs = _start_jobs(stack.simulator_url, count, first)
    ours = Waits(stack, "jobs", count)
    ours.begin([_job_wait(number, job) for number, job in enumerate(jobs)])
    ahead = time.time() - simulated.control(stack.simulator_url, "clock")["epoch"]
    simulated.control(stack.simulator_url, "clock", {"advance_seconds": max(0.0, ahead)})
    began = time.time()
    stack.start_component("triggerer")
    ours.until_loaded()
    time.sleep(max(0.0, first - 10 - time.time()))
    kb = (ours.memory() - empty) * 1000 / count
    events = ours.events()
    yield from _latency(stack, ours, events, began, plain_stall)
    yield Figure("memory of a wait", kb, "kB", plain_kb, "a wait for a time")
    yield Figure("memory of a wait", kb, "kB", _worker_kb(stack), "a worker that waits", most=0.05)


def _latency(
    stack: Stack, waits: Waits, events: Mapping[str, float], began: float, plain_stall: float
) -> Iterator[Figure]:
    ended = {
        job["servers"][0]["server_id"]: (job["created_at"], job["ended_at"])
        for job in simulated.control(stack.simulator_url, "jobs")["jobs"]
    }
    times = [ended[simulated.server_id(number, 1)] for number in range(waits.count)]
    late = [events[f"jobs-{number}"] - end for number, (_, end) in enumerate(times)]
    usual = [conventional.seen_after(start, end) for start, end in times]
    name = f"job end to event, {waits.count:,} waits in one triggerer"
    yield from percentiles(name, late, usual, "looks every 30 s", 50, 99, most=1)
    first, last = min(end for _, end in times), max(events.values())
    stalls = waits.stalls()
    against = f"{waits.count:,} waits for a time"
    for what, begin, until in (("jobs end", first, last), ("the waits begin", began, first)):
        longest = max((seconds for at, seconds in stalls if begin <= at <= until), default=0.15)
        yield Figure(f"longest stall of the event loop while {what}", longest, "s", plain_stall, against)
    calls = [call for call in simulated.calls(stack.simulator_url) if call["at"] >= began]
    looks = conventional.polls_of(last - began)
    for operation, least in (("DescribeJobs", waits.count * looks), ("DescribeJobLogItems", waits.count)):
        made = sum(call["operation"] == operation for call in calls)
        what = "one for each job and look" if operation == "DescribeJobs" else "one for each job"
        yield Figure(f"{operation} in {last - began:.0f} s of it", made, "", least, what)


def _plain_wait() -> tuple[str, dict[str, Any]]:
    from airflow.providers.standard.triggers.temporal import DateTimeTrigger

    path, _ = DateTimeTrigger(datetime.now(UTC)).serialize()
    return path, {"target_time": (datetime.now(UTC) + timedelta(days=1)).isoformat()}


def _job_wait(number: int, job: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    from drs_provider.triggers.recovery import DrsRecoveryTrigger

    server = simulated.server_id(number, 1)
    target = AwsTarget(
        "branch",
        simulated.CONNECTION,
        simulated.BRANCH,
        simulated.REGION,
        role=simulated.ROLE,
        external_id=simulated.EXTERNAL_ID,
    )
    servers = (FrozenServer(source_server_id=server, name=server),)
    wave = frozen_wave(1, 1, target=target).model_copy(update={"servers": servers})
    started = time.time()
    trigger = DrsRecoveryTrigger(
        wave=wave.model_dump(mode="json"),
        started={
            "attempt": 1,
            "jobs": [{"jobId": job["jobID"], "attempt": 1, "servers": [server]}],
            "startedAt": started,
            "deadline": started + 3600,
        },
        memory={},
        execution_id=f"00000000-0000-0000-0000-{number:012d}",
        plan_id="bench",
        execution_type="RECOVERY",
        attempt=1,
        poll_interval_seconds=float(str(PRODUCTION["DRS__POLL_INTERVAL_SECONDS"])),
        may_end_task=True,
    )
    return trigger.serialize()


def _world(count: int, start: float) -> dict[str, Any]:
    servers = [simulated.server_id(number, 1) for number in range(count)]
    return simulated.world(servers, "sample_drill", start_time=datetime.fromtimestamp(start, UTC).isoformat())


def _start_jobs(url: str, count: int, first_end: float) -> list[dict[str, Any]]:
    """Start a job for each wait, so that the first ends at a time and the last a spread later."""
    start = first_end - JOB_SECONDS
    simulated.control(url, "reset", {"scenario": _world(count, start)})
    jobs = []
    for number in range(count):
        servers = [{"sourceServerID": simulated.server_id(number, 1)}]
        started = simulated.drs(url, simulated.BRANCH, "StartRecovery", sourceServers=servers, isDrill=True)
        jobs.append(started["job"])
        if number % BATCH == BATCH - 1:
            due = start + SPREAD_SECONDS * number / count
            behind = due - simulated.control(url, "clock")["epoch"]
            simulated.control(url, "clock", {"advance_seconds": max(0.0, behind)})
    return jobs


def _worker_kb(stack: Stack) -> float:
    command = [sys.executable, "-W", "ignore", "-c", WORKER]
    environment = {**stack.environment, "PYTHONPATH": str(PLUGINS)}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdout is None or process.stdout.readline().strip() != "ready":
            raise RuntimeError("a waiting worker could not be started")
        memory = own_memory([psutil.Process(process.pid)])
        process.communicate("")
    return memory * 1000
