"""The stack of a campaign: Airflow that notices within seconds what died, and plans that come and go."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from chaos.spec import RunSpec
from chaos.world import plan_of, scenario_of
from embedded.environment import DAGS
from embedded.processes import Interrupts
from embedded.stack import Stack

# Defaults suit a cluster in which nothing is killed on purpose: minutes. Not much shorter than these: a component that
# is only slow, on a machine with other work, must not be taken for dead all the time.
_AIRFLOW = {
    "scheduler": {
        "scheduler_heartbeat_sec": 1,
        "job_heartbeat_sec": 1,
        "scheduler_health_check_threshold": 20,
        "orphaned_tasks_check_interval": 5,
        "task_instance_heartbeat_timeout": 25,
        "task_instance_heartbeat_timeout_detection_interval": 3,
        "trigger_timeout_check_interval": 3,
    },
    "triggerer": {"job_heartbeat_sec": 1, "triggerer_health_check_threshold": 20},
    # A worker may bear that the API server is killed and started again.
    "workers": {
        "min_heartbeat_interval": 2,
        "max_failed_heartbeats": 15,
        "missing_dag_retry_delay": 3,
        "execution_api_retries": 10,
        "execution_api_retry_wait_max": 5,
    },
    "dag_processor": {
        "refresh_interval": 3,
        "bundle_refresh_check_interval": 1,
        "min_file_process_interval": 3,
    },
    "core": {"min_serialized_dag_update_interval": 0, "parallelism": 4},
    "drs": {
        "poll_interval_seconds": 1,
        "queue_poll_seconds": 2,
        "pending_grace_seconds": 5,
        # Longer than jobs stay invisible in a campaign.
        "job_visibility_grace_seconds": 40,
    },
}
_SETTINGS = {
    f"AIRFLOW__{section.upper()}__{option.upper()}": str(value)
    for section, options in _AIRFLOW.items()
    for option, value in options.items()
}


class Plans:
    """The plan files of a campaign: those of executions under way and of the next ones.

    :param dags: the campaign's DAGs folder, made anew
    """

    def __init__(self, dags: Path, state: Path) -> None:
        self._plans = dags / "plans"
        self._state = state / "plans"
        shutil.rmtree(dags, ignore_errors=True)
        self._plans.mkdir(parents=True)
        shutil.copy(Path(__file__).parent / "recovery_plans.py", dags)
        shutil.copy(Path(__file__).parent / "chaos_blocks.py", dags)
        shutil.copy(DAGS / "recovery_plan_errors.py", dags)

    def write(self, spec: RunSpec) -> None:
        """Write, or restore, the plan file of an execution."""
        file = self._file(spec)
        unfinished = file.with_suffix(".new")
        unfinished.write_text(yaml.safe_dump(plan_of(spec), sort_keys=False))
        unfinished.replace(file)

    def spoil(self, spec: RunSpec) -> None:
        """Break an execution's plan file, as a bad merge would."""
        self._file(spec).write_text("<<<<<<< HEAD\nname: [\n")

    def delete(self, spec: RunSpec) -> None:
        """Delete an execution's plan file."""
        self._file(spec).unlink(missing_ok=True)

    def retire(self, spec: RunSpec) -> None:
        """Take a plan away for good, with its last good form: what has ended needs no parsing."""
        self.delete(spec)
        with contextlib.suppress(OSError):
            (self._state / f"{spec.plan}.json").unlink(missing_ok=True)

    def _file(self, spec: RunSpec) -> Path:
        return self._plans / f"{spec.plan}.yaml"


def chaos_stack(
    root: Path,
    specs: Sequence[RunSpec],
    seed: int,
    *,
    report: Callable[[str], None],
    interrupts: Interrupts | None = None,
) -> tuple[Stack, Plans]:
    """Return a stack, not started, whose simulated world holds all executions, and its plan files.

    :param specs: executions of the campaign; all plans name the same people and the same connection
    """
    root = root.resolve()
    root.mkdir(parents=True, exist_ok=True)
    plans = Plans(root / "dags", root / "airflow" / "drs_state")
    # A stack gets its users from the plans that it finds.
    plans.write(specs[0])
    scenario = root / "scenario.yaml"
    scenario.write_text(yaml.safe_dump(scenario_of(specs, seed), sort_keys=False))
    stack = Stack(
        root,
        speed=1.0,
        scenario=scenario,
        dags=root / "dags",
        report=report,
        interrupts=interrupts or Interrupts(),
        settings=_SETTINGS,
    )
    return stack, plans
