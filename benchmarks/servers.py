"""A thousand servers in one wave: what its tasks ask of AWS, and how their CPU grows with the servers.

On the stage of the tests: operators, channels and AWS calls are real, workers and time are not. The simulator answers
in the same process, so its CPU is in that of the tasks.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from benchmarks import conventional
from benchmarks.figures import Figure
from benchmarks.options import Options

TASKS = ("start_recovery", "wait_for_recovery", "enrich")
FEWER = 10


@dataclass
class Taken:
    """What the tasks of a run took, by the last part of their ids.

    :param job_seconds: of simulated time from the start of the first job to the end of the last
    """

    calls: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    cpu: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    job_seconds: float = 0.0


def measure(options: Options) -> Iterator[Figure]:
    """Measure a drill of one wave, against the fewest calls and against a tenth of the servers."""
    count = options.servers
    _run(FEWER)  # what is loaded and built once is not to be counted
    fewer, taken = _run(count // FEWER), _run(count)
    least = conventional.least_calls(count)
    made = sum((taken.calls[task] for task in TASKS), Counter[str]())
    usual = conventional.conventional_calls(count, taken.job_seconds)
    name = f"calls of a wave of {count:,} servers, without polls"
    without_looks = sum(usual.values()) - usual["drs:DescribeJobs"]
    yield Figure(name, sum(made.values()), "", without_looks, "a look at each server", most=1)
    yield Figure(name, sum(made.values()), "", sum(least.values()), "the fewest possible", most=1.5)
    judging = (
        "drs:DescribeJobs",
        "drs:DescribeJobLogItems",
        "drs:DescribeRecoveryInstances",
        "ec2:DescribeInstances",
    )
    fewest = sum(least[operation] for operation in judging)
    for task in TASKS[1:]:
        yield Figure(
            f"calls of {task}", sum(taken.calls[task].values()), "", fewest, "the fewest that judge it"
        )
    for operation in sorted(made.keys() | least.keys()):
        yield Figure(
            f"of them {operation}", made[operation], "", least.get(operation, 0), "the fewest possible"
        )
    for task in TASKS:
        against = f"{FEWER} times that of {count // FEWER}"
        name, linear = f"CPU of {task} with what answers it", fewer.cpu[task] * FEWER
        yield Figure(name, taken.cpu[task], "s", linear, against, most=3)


def _run(servers: int) -> Taken:
    from tests.harness import worker
    from tests.harness.plans import plan
    from tests.harness.stage import stage
    from tests.harness.worlds import world

    group = {"generate": servers, "name": "farm-{n}", "tags": {"App": "farm"}}
    quotas = {"jobs": 100, "servers_in_jobs": 5000, "vcpus": 1_000_000}
    scenario = world(quotas=quotas) | {"servers": {"all": group}}
    made = plan(
        {"name": "everything", "groups": ["farm"], "timeout_minutes": 1440},
        protection_groups={"farm": {"target": "main", "tags": {"App": "farm"}}},
    )
    taken = Taken()
    with TemporaryDirectory() as folder, stage(scenario, Path(folder), history=False, asks_anew=True) as play:
        start = worker.start

        def counted(run: Any, task_id: str) -> None:
            task = task_id.rpartition(".")[2]
            play.simulator.clear_calls()
            began = time.process_time()
            start(run, task_id)
            taken.cpu[task] += time.process_time() - began
            calls = play.simulator.calls(service="*")
            taken.calls[task].update(f"{call.service}:{call.operation}" for call in calls)

        with patch.object(worker, "start", counted):
            run = play.plan_run(made, {"skip_gates": True, "cleanup": "keep"}, step_seconds=7200)
            if run.approve_everything().go() != "success":
                raise RuntimeError(f"the drill failed: {run.states}")
        jobs = play.jobs()
        taken.job_seconds = max(job.ended_at for job in jobs) - min(job.created_at for job in jobs)
    return taken
