"""How fast plan files become DAGs: what the DAG processor does again and again, and every task once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figures import Figure

PLANS = 200
PLAN = """\
name: plan_{number}
targets: {{main: {{account_id: "111122223333", region: eu-west-1, connection: aws_dr, own_account: true}}}}
protection_groups:
  db: {{target: main, tags: {{App: app{number}, Tier: db}}}}
  app: {{target: main, tags: {{App: app{number}, Tier: app}}}}
  web: {{target: main, tags: {{App: app{number}, Tier: web}}}}
waves: [{{name: database, groups: [db]}}, {{name: application, groups: [app]}}, {{name: web, groups: [web]}}]
"""


def figures() -> Iterator[Figure]:
    """Name, figure, limit and unit of each measurement."""
    from airflow.serialization.serialized_objects import DagSerialization

    from drs_provider.dag_factory.build import build_dag
    from drs_provider.plan.files.folder import load_catalog, load_plan

    with TemporaryDirectory() as folder:
        for number in range(PLANS):
            (Path(folder) / f"plan_{number}.yaml").write_text(PLAN.format(number=number), encoding="utf-8")
        begin = time.perf_counter()
        catalog = load_catalog(Path(folder))
        loaded = time.perf_counter()
        dags = [build_dag(entry.plan) for entry in catalog.plans.values()]
        built = time.perf_counter()
        sizes = [len(str(DagSerialization.to_dict(dag))) for dag in dags]
        serialized = time.perf_counter()
        load_plan(Path(folder), "plan_0")
        one = time.perf_counter()
    yield f"{PLANS} plan files read and checked", loaded - begin, 2.0, "s"
    yield f"{PLANS} DAGs built", built - loaded, 4.0, "s"
    yield f"{PLANS} DAGs serialized", serialized - built, 20.0, "s"
    yield "a serialized DAG of three waves", max(sizes) / 1000, 40.0, "kB"
    yield f"one plan of {PLANS}, as a task reads it", one - serialized, 0.5, "s"
