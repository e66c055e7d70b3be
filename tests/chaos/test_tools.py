"""The harness's hands: finding and killing a task's processes, plan files, counts, the simulated AWS's control."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from chaos.aws import TABLE_OPERATIONS, SimulatedAws
from chaos.components import Components, TaskScanner
from chaos.draw import draw
from chaos.spec import Fault
from chaos.stack import Plans, chaos_stack
from chaos.tally import Outages, Tally
from chaos.world import scenario_of
from drs_provider.history.store import DynamoDbHistory
from drs_provider.history.table import ensure_table
from drs_provider.plan.files.folder import load_catalog
from drs_simulator.testing import simulator
from embedded import simulated_aws
from embedded.environment import HISTORY_REGION, HISTORY_TABLE
from embedded.processes import StackError
from tests.embedded.conftest import lives, wait_until
from tests.history.world import record_of

# Its own in each process of tests: processes are found by it on the whole machine.
TI_ID = f"01975a4e-0000-7000-8000-{os.getpid():012d}"
# As Airflow's processes look: the worker's title names the task instance, and so does the task's.
WORKER = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "airflow worker -- {TI_ID}"])
time.sleep(600)
"""


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", WORKER, f"airflow worker -- LocalExecutor: {TI_ID}"]
    process = subprocess.Popen(command, start_new_session=True)
    yield process
    for each in psutil.process_iter():
        if TI_ID in " ".join(_arguments(each)):
            each.kill()
    process.wait()


def _arguments(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture
def scanner() -> Iterator[TaskScanner]:
    made = TaskScanner()
    made.start()
    yield made
    made.stop()


def _task_of(scanner: TaskScanner) -> int:
    def ready() -> bool:
        found = scanner.find(TI_ID)
        return found is not None and len(found.children) == 1

    assert wait_until(ready)
    found = scanner.find(TI_ID)
    assert found is not None
    return found.children[0].pid


def test_a_task_is_killed_without_its_worker(worker: subprocess.Popen[bytes], scanner: TaskScanner) -> None:
    task = _task_of(scanner)
    found = scanner.find(TI_ID)
    assert found is not None

    assert found.kill(worker=False, whole=False)

    assert wait_until(lambda: not lives(task))
    assert lives(worker.pid)


@pytest.mark.parametrize("whole", [False, True])
def test_a_worker_is_killed_with_or_without_its_task(
    worker: subprocess.Popen[bytes], scanner: TaskScanner, whole: bool
) -> None:
    task = _task_of(scanner)
    found = scanner.find(TI_ID)
    assert found is not None

    assert found.kill(worker=True, whole=whole)
    worker.wait()

    assert wait_until(lambda: lives(task) is not whole)


def test_a_task_without_processes_is_not_found(scanner: TaskScanner) -> None:
    assert scanner.find(TI_ID) is None
    assert scanner.find("") is None


def test_plans_come_break_and_go(tmp_path: Path) -> None:
    spec = draw(1)
    plans = Plans(tmp_path / "dags", tmp_path / "state")
    plans.write(spec)
    folder = tmp_path / "dags" / "plans"
    assert list(load_catalog(folder).plans) == [spec.plan]
    assert (tmp_path / "dags" / "recovery_plans.py").is_file()

    plans.spoil(spec)
    assert not load_catalog(folder).plans
    assert load_catalog(folder).problems

    plans.delete(spec)
    assert not list(folder.iterdir())

    plans.write(spec)
    kept = tmp_path / "state" / "plans" / f"{spec.plan}.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("{}")
    plans.retire(spec)
    assert not list(folder.iterdir())
    assert not kept.exists()


def test_a_component_is_killed_by_one_execution_only(tmp_path: Path) -> None:
    stack, _ = chaos_stack(tmp_path / "chaos", [draw(1)], 1, report=lambda _: None)
    components = Components(stack, lambda _: None)
    components._busy["triggerer"].acquire()

    assert components.strike("triggerer", whole=False, pause_seconds=0) is False
    assert stack.secrets.passwords.keys() >= {"dr-operator", "dr-approver-1", "dr-approver-2"}


def test_a_component_that_ended_by_itself_is_told_and_counted(tmp_path: Path) -> None:
    stack, _ = chaos_stack(tmp_path / "chaos", [draw(1)], 1, report=lambda _: None)
    said: list[str] = []
    components = Components(stack, said.append)
    stack.processes.start("brief", [sys.executable, "-c", "raise SystemExit(3)"], {}, tmp_path)
    assert wait_until(lambda: stack.processes.exit_code("brief") is not None)

    components.revive()

    assert dict(components.deaths) == {"brief": 1}
    assert "brief ended by itself with exit code 3" in said[0]
    with pytest.raises(KeyError, match="brief"):
        stack.processes.exit_code("brief")
    stack.stop()


def test_counts_are_kept_by_many_threads() -> None:
    tally = Tally()

    def count() -> None:
        for _ in range(200):
            tally.inject(Fault.EC2_DOWN)
            tally.strike(Fault.EC2_DOWN, 2)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert tally.injected[Fault.EC2_DOWN] == 800
    assert tally.struck[Fault.EC2_DOWN] == 1600


def test_outages_overlap_as_long_as_they_last() -> None:
    outages = Outages()
    assert not outages.overlap(0.0, float("inf"))
    outages.begin("a")
    assert outages.overlap(0.0, float("inf"))
    outages.end("a")
    (begin, end), *_ = outages._spans.values()
    assert outages.overlap(end, end + 10)
    assert not outages.overlap(end + 1, end + 10)
    assert not outages.overlap(begin - 10, begin - 1)


def test_the_harness_reads_the_table_that_is_down_for_all_others(tmp_path: Path) -> None:
    with simulator(scenario_of([draw(1)], 1)) as running:
        aws = SimulatedAws(str(running.url))
        client = simulated_aws.client("dynamodb", aws.url, "111122223333", HISTORY_REGION)
        ensure_table(client, HISTORY_TABLE)
        record = record_of()
        DynamoDbHistory(client, HISTORY_TABLE).start(record)
        rule = aws.inject(service="dynamodb", operation=TABLE_OPERATIONS, kind="raw", status=503)

        with pytest.raises(Exception, match="503"):
            DynamoDbHistory(client, HISTORY_TABLE).read(record["executionId"])
        stored = aws.record(record["executionId"])

        assert stored is not None
        assert stored["planId"] == record["planId"]
        assert aws.withdraw(rule) > 0
        assert aws.struck().keys() == {"fault-1", "fault-2", "fault-3"}
        assert aws.end_sessions() == 0
        assert aws.record("another") is None
        assert aws.world().jobs == ()
        aws.close()


def test_a_stack_is_refused_where_one_runs(tmp_path: Path) -> None:
    stack, _ = chaos_stack(tmp_path / "chaos", [draw(1)], 1, report=lambda _: None)
    stack._write_state()

    with pytest.raises(StackError, match="runs this stack already"):
        stack.start()
