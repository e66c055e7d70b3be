"""Real Airflow processes with many executions, at production's pace: only launches are shorter than real ones."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from benchmarks import simulated
from benchmarks.plans import compose_interval
from benchmarks.timeline import Wave, waves_of
from drs_provider.airflow_rest.executions import Execution
from drs_provider.core.identity import dag_id_of
from embedded.environment import DAGS
from embedded.processes import Interrupts
from embedded.stack import Stack

LOOK_SECONDS = 0.5
#: What Airflow itself needs for as many tasks as stand between two waves.
BARE = '''\
"""A chain of tasks that do nothing, each in a process of its own."""

from airflow.sdk import DAG, chain, task

with DAG("bare", schedule=None, is_paused_upon_creation=False):

    @task
    def nothing() -> None:
        pass

    chain(*(nothing.override(task_id=f"task_{number}")() for number in range(1, 6)))
'''
#: What a DAG file notes each time when the DAG processor, and no task, parses it.
COUNTED = """

from airflow.sdk import get_parsing_context

if get_parsing_context().dag_id is None:
    with open({file!r}, "ab") as _parses:
        _parses.write(b".")
"""
PRODUCTION: Mapping[str, object] = {"DRS__POLL_INTERVAL_SECONDS": 20, "DRS__QUEUE_POLL_SECONDS": 30}
SERVERS = 2
FAILED = "select dag_id, task_id from task_instance where state = 'failed' limit 3"


@dataclass
class Recoveries:
    """Executions in a stack.

    :param triggered: when each was triggered, by its plan
    """

    stack: Stack
    parses_file: Path
    triggered: dict[str, float] = field(default_factory=dict)

    def start(self, execution: int) -> None:
        """Trigger an execution."""
        name = simulated.plan_name(execution)
        with self.stack.api() as api:
            self.triggered[name] = time.time()
            Execution.start(api, dag_id_of(name), {"cleanup": "keep", "reason": "benchmark"}, "bench")

    def wait_for(self, waves: int, executions: Iterable[int], timeout_seconds: float) -> list[Wave]:
        """Return all waves, as soon as so many of each of these executions have started.

        :raises RuntimeError: if that takes too long, a task fails, or a wave was launched in more than one job
        """
        names = {simulated.plan_name(execution) for execution in executions}
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            self.stack.processes.check()
            if failed := ask(self.stack, FAILED):
                raise RuntimeError(
                    f"an execution has failed: {failed}: {self.stack.paths.airflow_home / 'logs'}"
                )
            found = self.waves()
            if len([wave for wave in found if wave.execution in names]) == waves * len(names):
                if any(wave.jobs != 1 for wave in found):
                    raise RuntimeError(f"a wave has more than one job: {found}")
                return found
            time.sleep(LOOK_SECONDS)
        raise RuntimeError(
            f"not all waves have started after {timeout_seconds:.0f} s: {self.stack.paths.logs}"
        )

    def waves(self) -> list[Wave]:
        """Return what has been launched."""
        return waves_of(self._jobs(), simulated.place_of)

    def sessions(self) -> list[Wave]:
        """Return the same, by the role session in which each execution calls AWS."""
        from drs_provider.core.identity import role_session_name

        return waves_of(
            self._jobs(),
            lambda job: (role_session_name(job["tags"]["ExecutionId"]), int(job["tags"]["WaveNumber"])),
        )

    def parses(self) -> int:
        """Return how often the DAG processor has parsed the DAG file of the plans."""
        return self.parses_file.stat().st_size

    def bare_run(self, number: int) -> tuple[float, float]:
        """Return seconds of a bare run: from its trigger to the end of three tasks, and for the last four of five."""
        with self.stack.api() as api:
            began = time.time()
            execution = Execution.start(api, "bare", {}, f"bare-{number}")
            while execution.refresh().run["state"] not in ("success", "failed"):
                self.stack.processes.check()
                time.sleep(LOOK_SECONDS)
            ends = [
                datetime.fromisoformat(execution.tasks()[f"task_{task}"]["end_date"]).timestamp()
                for task in range(1, 6)
            ]
        return ends[2] - began, ends[4] - ends[0]

    def _jobs(self) -> list[dict[str, Any]]:
        return list(simulated.control(self.stack.simulator_url, "jobs")["jobs"])


@contextmanager
def recoveries(
    root: Path, *, executions: int, waves: int, launch_seconds: float, idle_sleep: float
) -> Iterator[Recoveries]:
    """Give a stack with a plan for each execution, whose DAGs can be triggered.

    :param idle_sleep: seconds for which Airflow's scheduler sleeps when it has nothing to do
    """
    root.mkdir(parents=True, exist_ok=True)
    dags = root / "dags"
    parses = root / "parses"
    shutil.rmtree(dags, ignore_errors=True)
    (dags / "plans").mkdir(parents=True)
    parses.write_bytes(b"")
    source = (DAGS / "recovery_plans.py").read_text(encoding="utf-8")
    (dags / "recovery_plans.py").write_text(source + COUNTED.format(file=str(parses)), encoding="utf-8")
    (dags / "bare.py").write_text(BARE, encoding="utf-8")
    for execution in range(executions):
        content = yaml.safe_dump(simulated.plan(execution, waves, SERVERS), sort_keys=False)
        (dags / "plans" / f"{simulated.plan_name(execution)}.yaml").write_text(content, encoding="utf-8")
    servers = [
        simulated.server_id(execution, wave, number)
        for execution in range(executions)
        for wave in range(1, waves + 1)
        for number in range(SERVERS)
    ]
    scenario = root / "scenario.yaml"
    scenario.write_text(yaml.safe_dump(simulated.world(servers, simulated.profile(launch_seconds))))
    settings = {
        **PRODUCTION,
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": idle_sleep,
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": compose_interval(),
    }
    with running(root, scenario, dags, settings) as stack:
        stack.wait_for_dag("bare")
        for execution in range(executions):
            stack.wait_for_dag(dag_id_of(simulated.plan_name(execution)))
        yield Recoveries(stack, parses)


@contextmanager
def running(root: Path, scenario: Path, dags: Path, settings: Mapping[str, object]) -> Iterator[Stack]:
    """Give a stack in which simulated time is real time; it is stopped in any case."""
    interrupts = Interrupts()
    named = {f"AIRFLOW__{name}": str(value) for name, value in settings.items()}
    stack = Stack(root, speed=1.0, scenario=scenario, dags=dags, settings=named, interrupts=interrupts)
    with interrupts.installed(), stack:
        yield stack


def ask(stack: Stack, sql: str, *arguments: object) -> list[Any]:
    """Read or change Airflow's database."""
    with sqlite3.connect(stack.paths.airflow_home / "airflow.db", timeout=60) as database:
        return database.execute(sql, arguments).fetchall()


def first_starts(triggered: Mapping[str, float], waves: Sequence[Wave]) -> list[float]:
    """Return the seconds from each execution's trigger to its first StartRecovery."""
    return [wave.started - triggered[wave.execution] for wave in waves if wave.number == 1]
