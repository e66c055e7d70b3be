"""Many plans in one Airflow: what the DAG processor does again and again, and every task once."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.figures import Figure
from benchmarks.options import Options
from benchmarks.processes import airflow_environment, cpu_of, output_of
from embedded.environment import DAGS, PLUGINS, REPOSITORY

PLAN = """\
name: plan_{number}
targets: {{main: {{account_id: "111122223333", region: eu-west-1, connection: aws_dr, own_account: true}}}}
protection_groups:
  a: {{target: main, tags: {{App: app{number}, Tier: a}}}}
  b: {{target: main, tags: {{App: app{number}, Tier: b}}}}
  c: {{target: main, tags: {{App: app{number}, Tier: c}}}}
  d: {{target: main, tags: {{App: app{number}, Tier: d}}}}
  e: {{target: main, tags: {{App: app{number}, Tier: e}}}}
waves:
  - {{name: wave_a, groups: [a]}}
  - {{name: wave_b, groups: [b]}}
  - {{name: wave_c, groups: [c]}}
  - {{name: wave_d, groups: [d]}}
  - {{name: wave_e, groups: [e]}}
"""
BARE = '''\
"""Bare DAGs: a chain of operators that do nothing."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, chain

for number in range({dags}):
    with DAG(f"bare_{{number}}", schedule=None) as dag:
        chain(*(EmptyOperator(task_id=f"task_{{task}}") for task in range({tasks})))
    globals()[dag.dag_id] = dag
'''
TASK = "wave_1_wave_a.start_recovery"


@dataclass(frozen=True)
class Cycle:
    """One look of the DAG processor at all files, on a core that does nothing else: it takes as long as its CPU.

    :param cpu: seconds of a whole look
    :param interval: seconds between two of them, as the compose file sets it or Airflow's default is
    """

    cpu: float
    interval: float

    @property
    def core_share(self) -> float:
        """The share of one core that the looks take in the long run."""
        return self.cpu / (self.interval + self.cpu)

    @property
    def edit_seconds(self) -> float:
        """The longest time until an edited plan is seen: a look has just passed its file."""
        return self.interval + self.cpu


def measure(options: Options) -> Iterator[Figure]:
    """Measure with so many plans of five waves, against as many DAGs with as many operators that do nothing."""
    count = options.plans
    ours, bare = _folder(options.folder / "plans"), _folder(options.folder / "bare")
    for file in DAGS.glob("*.py"):
        shutil.copy(file, ours)
    (ours / "plans").mkdir()
    for number in range(count):
        (ours / "plans" / f"plan_{number}.yaml").write_text(PLAN.format(number=number), encoding="utf-8")
    figures = [*_in_process(ours / "plans", count)]
    tasks = int(figures[-1].value)
    (bare / "bare.py").write_text(BARE.format(dags=count, tasks=tasks), encoding="utf-8")
    against = f"{count} bare DAGs"
    with_plans, without = _cycle(ours, PLUGINS), _cycle(bare, None)
    name = f"DAG processor, CPU of one cycle, {count} plans"
    yield Figure(name, with_plans.cpu, "s", without.cpu, against, most=3)
    yield Figure(
        "its share of a core as compose ships it", with_plans.core_share, "", without.core_share, against
    )
    yield Figure(
        "an edited plan is seen after at most", with_plans.edit_seconds, "s", without.edit_seconds, against
    )
    parsed = _task_parse(ours / "recovery_plans.py", PLUGINS, "drs_plan_0", TASK)
    plain = _task_parse(bare / "bare.py", None, "bare_0", "task_0")
    yield Figure(f"a task's process finds its DAG among {count}, CPU", parsed, "s", plain, against, most=1)
    yield from figures[:-1]


def _folder(home: Path) -> Path:
    """Return a new folder for DAGs; it lies in an AIRFLOW_HOME of its own."""
    shutil.rmtree(home, ignore_errors=True)
    (home / "dags").mkdir(parents=True)
    return home / "dags"


def _cycle(dags: Path, plugins: Path | None) -> Cycle:
    """Return the cost of a cycle: that of three without that of one, halved; the first one of all does not count."""
    environment = airflow_environment(dags.parent, dags, plugins)
    airflow = [sys.executable, "-m", "airflow"]
    cpu_of([*airflow, "db", "migrate"], environment, dags.parent / "migrate.log")
    first, one, three = (
        cpu_of([*airflow, "dag-processor", "--num-runs", runs], environment, dags.parent / f"cycles-{n}.log")
        for n, runs in enumerate(("1", "1", "3"))
    )
    del first
    return Cycle((three - one) / 2, compose_interval())


def compose_interval() -> float:
    """Return the seconds between two parses of a file that docker-compose.yaml asks for, or Airflow's default."""
    from airflow.configuration import conf

    content = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text(encoding="utf-8"))
    settings: Mapping[str, Any] = content["x-airflow"]["environment"]
    given = settings.get("AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL")
    default = conf.get_default_value("dag_processor", "min_file_process_interval")
    return float(given if given is not None else default)


def _task_parse(file: Path, plugins: Path | None, dag_id: str, task_id: str) -> float:
    environment = airflow_environment(file.parents[1], file.parent, plugins)
    seconds = [
        float(
            output_of("benchmarks.task_parse", str(file), dag_id, task_id, environment=environment).split()[
                -1
            ]
        )
        for _ in range(3)
    ]
    return min(seconds)


def _in_process(folder: Path, count: int) -> Iterator[Figure]:
    """Yield what the steps of a parse take by themselves, and at last the number of a plan's tasks."""
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.sdk import DAG, chain
    from airflow.serialization.serialized_objects import DagSerialization

    from drs_provider.dag_factory.build import build_dag
    from drs_provider.plan.files.folder import load_catalog

    def bare(number: int) -> DAG:
        with DAG(f"bare_{number}", schedule=None) as dag:
            chain(*(EmptyOperator(task_id=f"task_{task}") for task in range(tasks)))
        return dag

    def plain() -> list[Any]:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        return [yaml.load(file.read_bytes(), loader) for file in folder.glob("*.yaml")]

    catalog = load_catalog(folder)
    tasks = len(build_dag(next(iter(catalog.plans.values())).plan).tasks)
    bare(0)
    read, _ = _cpu(lambda: load_catalog(folder))
    parsed, _ = _cpu(plain)
    built, dags = _cpu(lambda: [build_dag(entry.plan) for entry in catalog.plans.values()])
    bare_built, bares = _cpu(lambda: [bare(number) for number in range(count)])
    written, ours = _cpu(lambda: [DagSerialization.to_dict(dag) for dag in dags])
    bare_written, theirs = _cpu(lambda: [DagSerialization.to_dict(dag) for dag in bares])
    yield Figure(f"{count} plan files read and checked, CPU", read, "s", parsed, "their YAML parsed")
    yield Figure(f"{count} DAGs built, CPU", built, "s", bare_built, f"{count} bare DAGs")
    yield Figure(f"{count} DAGs serialized, CPU", written, "s", bare_written, f"{count} bare DAGs")
    yield Figure("a serialized plan", _kb(ours), "kB", _kb(theirs), "a bare DAG", most=3)
    yield Figure("tasks of a plan", tasks, "", tasks, "tasks of a bare DAG")


def _cpu(act: Callable[[], list[Any] | Any]) -> tuple[float, Any]:
    begin = time.process_time()
    result = act()
    return time.process_time() - begin, result


def _kb(serialized: list[Any]) -> float:
    return max(len(json.dumps(each)) for each in serialized) / 1000
