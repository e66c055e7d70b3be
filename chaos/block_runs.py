"""Runs of a DAG of building blocks beside a campaign's executions, on a lane of their own, and what must hold of them.

What is killed for the executions hits them as well, and so do lost answers; their own tasks' processes are killed too.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from chaos.airflow import PatientApi
from chaos.components import Components, TaskScanner
from chaos.facts import Job, Violation, World
from chaos.spec import Place
from embedded.stack import Stack

DAG_ID = "chaos_blocks"
#: Where they launch
BLOCK_PLACES = ("own", "own_late")
_PREFIX = "s-k"
LOOK_SECONDS = 1.0
#: A queued task that nothing becomes of was lost by LocalExecutor.
LOST_SECONDS = 90.0
KILL_CHANCE, MOST_KILLS = 0.12, 4
_OVER = ("success", "failed")


def block_servers(place: Place) -> list[dict[str, Any]]:
    """Return the servers of a place that only the blocks launch."""
    if place.key not in BLOCK_PLACES:
        return []
    region = place.region.replace("-", "")
    return [
        {"id": f"{_PREFIX}{region}{number}".ljust(19, "0"), "name": f"block-{place.key}-{number}"}
        for number in (1, 2)
    ]


@dataclass(frozen=True)
class BlockRun:
    """A run of the DAG.

    :param state: Airflow's, or where it hung
    """

    run_id: str
    state: str


@dataclass
class BlockLane:
    """Runs the DAG again and again until it is told that the campaign is over.

    :param most: how many runs at most
    :param bound_seconds: after which a run counts as hanging
    """

    stack: Stack
    scanner: TaskScanner
    components: Components
    seed: int
    bound_seconds: float
    most: int
    runs: list[BlockRun] = field(default_factory=list)
    kills: int = 0
    errors: list[Exception] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def goes_on(self, *, over: bool) -> bool:
        """Tell whether a run is under way; if the campaign is over, no other one begins."""
        if over:
            self._over.set()
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        number = 0
        try:
            while not self._over.is_set() and number < self.most:
                number += 1
                self.runs.append(self._one(f"blocks-{number}", Random(self.seed + number)))
                if self.runs[-1].state not in _OVER:
                    return  # the next one would wait behind it
        except Exception as error:  # told by the campaign, which raises it
            self.errors.append(error)

    def _one(self, run_id: str, random: Random) -> BlockRun:
        api = PatientApi(self.stack, DAG_ID, run_id)
        began = time.monotonic()
        try:
            while api.dag() is None:
                if time.monotonic() - began > self.bound_seconds:
                    return BlockRun(run_id, "its DAG did not appear")
                time.sleep(LOOK_SECONDS)
            api.trigger({})
            changed, kills = time.monotonic(), 0
            seen: dict[str, str | None] = {}
            while time.monotonic() - began < self.bound_seconds:
                state = str(api.run()["state"])
                if state in _OVER:
                    return BlockRun(run_id, state)
                tasks = {str(task["task_id"]): task for task in api.tasks()}
                states = {name: task["state"] for name, task in tasks.items()}
                if states != seen:
                    changed, seen = time.monotonic(), states
                elif "queued" in states.values() and time.monotonic() - changed > LOST_SECONDS:
                    self.components.start_scheduler_anew()
                    changed = time.monotonic()
                if kills < MOST_KILLS and random.random() < KILL_CHANCE:
                    kills += self._kill(tasks, random)
                time.sleep(LOOK_SECONDS)
            return BlockRun(run_id, f"{seen}")
        finally:
            api.close()

    def _kill(self, tasks: Mapping[str, Mapping[str, Any]], random: Random) -> int:
        running = [str(task["id"]) for task in tasks.values() if task["state"] == "running"]
        found = self.scanner.find(random.choice(running)) if running else None
        killed = found is not None and found.kill(worker=random.random() < 0.5, whole=random.random() < 0.5)
        self.kills += killed
        return int(killed)


def of_plans(world: World) -> World:
    """Return a world without what the blocks did: the rules of executions know nothing of it."""
    return replace(world, jobs=tuple(job for job in world.jobs if not _of_blocks(job)))


def check_blocks(runs: Sequence[BlockRun], world: World) -> list[Violation]:
    """Return everything that is wrong with the blocks' runs and jobs."""
    mine = World(tuple(job for job in world.jobs if _of_blocks(job)), (), world.instances)
    found = (*_ends(runs), *_launches(mine), *_terminations(mine), *_left(runs, mine))
    return [Violation("", rule, text) for rule, text in found]


Found = Iterator[tuple[str, str]]


def _ends(runs: Sequence[BlockRun]) -> Found:
    for run in runs:
        if run.state not in _OVER:
            yield "every_block_run_ends", f"{run.run_id} of {DAG_ID} never ended: {run.state}"


def _launches(mine: World) -> Found:
    counts = Counter(
        (job.execution_id, job.attempt, part.server_id) for job in mine.launches() for part in job.parts
    )
    for (execution_id, attempt, server), count in counts.items():
        if count > 1:
            text = f"{server} was launched {count} times in attempt {attempt} of the block {execution_id}"
            yield "one_launch_per_block", text
    for job in mine.launches():
        if not job.tags.get("AirflowTask", "").startswith(f"{DAG_ID}.start_") or not job.is_drill:
            yield "block_jobs_say_whose_they_are", f"job {job.job_id} has the tags {dict(job.tags)}"


def _terminations(mine: World) -> Found:
    launched = _instances(mine)
    for job in mine.terminations():
        for part in job.parts:
            if part.instance_id not in launched:
                yield "blocks_terminate_their_own", f"job {job.job_id} terminated {part.instance_id}"


def _left(runs: Sequence[BlockRun], mine: World) -> Found:
    left = [each for each in _instances(mine) if mine.instances.get(each, "terminated") != "terminated"]
    if left and all(run.state == "success" for run in runs):
        yield "nothing_of_a_block_left", f"all runs are green, and {', '.join(sorted(left))} is left"


def _instances(mine: World) -> set[str]:
    return {part.instance_id for job in mine.launches() for part in job.parts if part.instance_id}


def _of_blocks(job: Job) -> bool:
    return any(part.server_id.startswith(_PREFIX) for part in job.parts)
