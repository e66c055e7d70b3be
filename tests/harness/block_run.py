"""A run of a DAG of building blocks: no plan, the same stage."""

from __future__ import annotations

from dataclasses import dataclass

from airflow.sdk import DAG

from tests.harness.plan_run import PlanRun


@dataclass
class BlockRun(PlanRun):
    """A run of any DAG.

    :param blocks: the DAG
    """

    blocks: DAG | None = None

    def made_dag(self) -> DAG:
        """Return the run's DAG."""
        assert self.blocks is not None
        return self.blocks
