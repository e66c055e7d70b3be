"""One drill, as people do it: with the command line, one process for each command, each user with an own password."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from drs_provider import keys
from drs_provider.airflow_rest.client import ApiError, UnreachableError
from drs_provider.airflow_rest.executions import Execution
from drs_provider.airflow_rest.refused import ExitCode
from drs_provider.core.identity import dag_id_of
from embedded.environment import PLUGINS, inherited
from embedded.needs import OPERATOR
from embedded.processes import StackError
from embedded.stack import Stack

PROGRAM = (sys.executable, "-m", "drs_provider.cli")
RUN_ID = "make-drill"
START = ("--reason", "drill of the embedded stack", "--watch", "--interval", "1s")
LOOK_SECONDS = 1.0
#: An answer that ended so is tried again while the question is open: nobody knows whether Airflow took it.
_AGAIN = (ExitCode.ERROR, ExitCode.CONFLICT, ExitCode.UNREACHABLE, ExitCode.TIMEOUT)


def approve_everything(task_id: str) -> Sequence[str]:
    """Answer as the people of a drill that goes well: gates are approved, the drill is passed."""
    if task_id == keys.HOLD_DRILL:
        return ("verdict", "passed", "--notes", "Servers were looked at; nothing was wrong.")
    role = keys.role_of(task_id)
    if role.task == keys.STEP:
        # What fails is not accepted here: the drill is to show it.
        return ("answer-step", "confirm", "--step", role.step_name, "--comment", "Looked at it; in order.")
    return ("approve", "--comment", "Looked at it; go on.")


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    :param code: exit code of the program that started and followed it
    :param run_state: Airflow's state of the run: "success" or "failed"
    :param record: the execution record; None if the run left none
    :param failed: logs of tasks that failed, by task id
    :param elapsed_seconds: real seconds from the start of the program to its end
    """

    run_id: str
    code: int
    run_state: str
    record: dict[str, Any] | None
    failed: Mapping[str, str]
    elapsed_seconds: float


@dataclass
class Drill:
    """Runs the program that starts and shows a drill of a plan, and one more for each answer.

    :param say: told of each answer
    :param output: where the program writes; None: where this process does
    :param reply: command and options that answer a task's question; None leaves it to others
    """

    stack: Stack
    plan: str
    say: Callable[[str], None] = print
    output: IO[bytes] | None = None
    reply: Callable[[str], Sequence[str] | None] = approve_everything
    _answering: dict[str, tuple[str, subprocess.Popen[bytes]]] = field(default_factory=dict, repr=False)
    _answered: dict[str, list[str]] = field(default_factory=dict, repr=False)

    def run(
        self, options: Sequence[str] = (), *, run_id: str = RUN_ID, timeout_seconds: float = 900.0
    ) -> Outcome:
        """Start a drill as the operator, and return when the program that follows it has ended.

        :param options: of the command ``drill``, beside the usual ones
        :raises StackError: if it does not end in time, an answer is refused, or the stack cannot go on
        """
        self.stack.wait_for_dag(dag_id_of(self.plan))
        began = time.monotonic()
        program = self._program(
            OPERATOR, self.output, "drill", self.plan, "--run-id", run_id, *START, *options
        )
        with self.stack.api() as api:
            execution = Execution.of(api, dag_id_of(self.plan), run_id)
            while program.poll() is None:
                self._look(execution)
                self.stack.revive()
                if time.monotonic() - began > timeout_seconds:
                    raise StackError(f"The run did not end in {timeout_seconds:g} s: {self.stack.api_url}")
                time.sleep(LOOK_SECONDS)
            for task_id in [*self._answering]:
                self._conclude(task_id)
            return self._outcome(execution, program.returncode, time.monotonic() - began)

    def _program(self, user: str, output: IO[bytes] | int | None, *words: str) -> subprocess.Popen[bytes]:
        """Start a command in the name of a user, who knows Airflow's address and the own password."""
        own = {
            "AIRFLOW_HOME": str(self.stack.paths.airflow_home),
            "AIRFLOW_API_URL": self.stack.api_url,
            "AIRFLOW_API_USERNAME": user,
            "AIRFLOW_API_PASSWORD": self.stack.secrets.passwords[user],
            "PYTHONPATH": str(PLUGINS),
        }
        return self.stack.start_task(words[0], [*PROGRAM, *words], inherited() | own, output)

    def _look(self, execution: Execution) -> None:
        for task_id in [each for each, (_, program) in self._answering.items() if program.poll() is not None]:
            self._conclude(task_id)
        try:
            questions = execution.questions()
        except (ApiError, UnreachableError) as error:
            # Not started yet, or a server that has ended or waits for the database's lock.
            if error.passes or error.code is ExitCode.NOT_FOUND:
                return
            raise
        for question in questions:
            self._answer(execution, question)

    def _answer(self, execution: Execution, question: Mapping[str, Any]) -> None:
        task_id = str(question["task_instance"]["task_id"])
        words = self.reply(task_id)
        if words is None or task_id in self._answering:
            return
        user = self._respondent(task_id, question)
        wave = keys.role_of(task_id).wave_number
        gate = ("--wave", str(wave)) if wave else ()
        program = self._program(user, subprocess.PIPE, words[0], execution.name, *words[1:], *gate)
        self._answering[task_id] = (user, program)

    def _respondent(self, task_id: str, question: Mapping[str, Any]) -> str:
        """Return who answers: one of those asked, another one each time; the operator where anybody may."""
        asked = [str(user["id"]) for user in question["assigned_users"] or ()]
        known = [user for user in asked if user in self.stack.secrets.passwords]
        if asked and not known:
            raise StackError(f"{task_id} asks {', '.join(asked)}, none of whom this stack has a login for.")
        unasked = [user for user in known if user not in self._answered.get(task_id, ())]
        return (unasked or known or [OPERATOR])[0]

    def _conclude(self, task_id: str) -> None:
        user, program = self._answering.pop(task_id)
        told = program.communicate()[0].decode(errors="replace").strip()
        if program.returncode == ExitCode.OK:
            self._answered.setdefault(task_id, []).append(user)
        elif program.returncode not in _AGAIN:
            raise StackError(f"{user} could not answer {task_id} (exit code {program.returncode}):\n{told}")
        self.say(told.partition("\n")[0])

    def _outcome(self, execution: Execution, code: int, elapsed: float) -> Outcome:
        try:
            tasks = execution.refresh().tasks()
        except ApiError as error:
            raise StackError(f"The drill was not started (exit code {code}): {error}") from error
        failed = {
            task_id: str(
                self.stack.paths.task_log(execution.dag_id, execution.run_id, task_id, task["try_number"])
            )
            for task_id, task in tasks.items()
            if task["state"] == "failed"
        }
        record = execution.record(tasks)
        return Outcome(execution.run_id, code, str(execution.run["state"]), record, failed, elapsed)
