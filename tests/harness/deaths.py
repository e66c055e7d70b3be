"""Every death of a task's worker from one drill: before each of its effects the process forks, the worker dies there.

The fork has a copy of everything, of the simulated world, Airflow's side and the run, and plays it to its end. Here
the drill goes on undisturbed, to the next effect. So no drill is begun anew to come to where its worker is to die.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import threading
import traceback
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from asgiref.sync import SyncToAsync

from drs_provider.hooks.aws.clients import forget_clients
from drs_provider.triggers import publishing
from drs_simulator.adapter.server import SimulatorServer
from tests.harness.plan_run import PlanRun
from tests.harness.stage import Stage

CONNECTION = "AIRFLOW_CONN_AWS_DR"


@dataclass
class Deaths:
    """The deaths of a task's worker.

    :param forked: whether this process is a fork, whose worker was killed
    :param died: how often a worker died in a fork
    :param remaining: numbers of effects of other threads than the first, which alone would survive a fork: for a
        death at these the test begins anew
    """

    play: Stage
    run: PlanRun
    folder: Path
    forked: bool = False
    died: int = 0
    remaining: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def before(self, number: int) -> bool:
        """Tell whether the worker dies before this effect: in a fork, which this makes."""
        if self.forked:
            return False
        if threading.current_thread() is not threading.main_thread():
            self.remaining.append(number)
            return False
        kept, told = self._path("kept"), self._path("told")
        shutil.copytree(self.folder, kept)
        child = self._fork()
        if child == 0:
            self.forked = True
            self._begin()
            return True
        _, status = os.waitpid(child, 0)
        self.died += 1
        if status:
            self.failures.append(told.read_text() if told.exists() else f"fork {number} ended: {status}")
        shutil.rmtree(self.folder)
        kept.rename(self.folder)
        return False

    def failed(self) -> None:
        """Tell the test what went wrong in this fork."""
        text = f"killed before: {self.play.effects.died}\n{traceback.format_exc()}"
        self._path("told").write_text(text)

    def _path(self, name: str) -> Path:
        return self.folder.with_name(f"{self.folder.name}-{name}")

    def _fork(self) -> int:
        gc.freeze()  # else the fork's collector would write to, and so copy, all memory
        try:
            # The server's threads change the world only with the lock.
            with self.play.simulator.lock, warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12: there are other threads
                return os.fork()
        finally:
            gc.unfreeze()

    def _begin(self) -> None:
        """Give the fork what a process has for itself: a server, connections, an event loop."""
        server = SimulatorServer(self.play.simulator.simulation)
        server.start()
        self.play.simulator.url = server.url
        connection = json.loads(os.environ[CONNECTION])
        endpoint = {"endpoint_url": server.url}
        connection["extra"] |= {**endpoint, "service_config": {"sts": endpoint}}
        os.environ[CONNECTION] = json.dumps(connection)
        forget_clients()
        # No thread is in the fork: not asgiref's only one, in which Airflow reads connections, nor the history's.
        SyncToAsync.single_thread_executor = ThreadPoolExecutor(max_workers=1)
        publishing._history_threads = ThreadPoolExecutor(publishing.AT_ONCE)
        self.run.triggerer.forked()


@contextmanager
def killed_before_each_effect(play: Stage, run: PlanRun, task_id: str, folder: Path) -> Iterator[Deaths]:
    """Play what is inside once undisturbed, and once for each effect of a task, before which its worker dies.

    :param folder: what the run writes; each fork finds it as it was
    :raises AssertionError: with everything that failed in forks
    """
    folder.mkdir(exist_ok=True)
    deaths = Deaths(play, run, folder)
    play.effects.dies[task_id] = deaths.before
    try:
        yield deaths
    except BaseException:
        if not deaths.forked:
            raise
        deaths.failed()
        os._exit(1)
    if deaths.forked:
        os._exit(0)
    assert not deaths.failures, "\n".join(deaths.failures)
