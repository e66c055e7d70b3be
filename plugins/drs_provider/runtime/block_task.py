"""What all building blocks share: arguments that are checked as soon as they are known, and waiting either way."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from airflow.sdk import BaseOperator
from airflow.sdk.configuration import conf

from drs_provider.exceptions import ExecutionRefusedError
from drs_provider.plan.blocks import BlockError, TargetForm, check_arguments, is_known, read_arguments
from drs_provider.plan.problems import PlanProblem
from drs_provider.rules.blocks import Launches, LaunchesError, read_launches
from drs_provider.runtime.block import Block
from drs_provider.runtime.outages import PAUSE_SECONDS, Outage, pause, tried

F = TypeVar("F", bound=TargetForm)
R = TypeVar("R")

#: Of a block that takes no jobs
NO_JOBS = object()
#: Template fields that every block has
TARGET_FIELDS = ("aws_conn_id", "region_name", "account_id", "own_account", "role", "external_id")


@dataclass(frozen=True)
class Later:
    """What a block waits for is not there yet.

    :param seconds: when to look again
    """

    seconds: float


def default_deferrable() -> bool:
    """Return Airflow's ``[operators] default_deferrable``, as the Amazon provider's operators do."""
    return bool(conf.getboolean("operators", "default_deferrable", fallback=False))


class BlockTask(BaseOperator, Generic[F]):
    """A task with a target, whose arguments a form describes; subclasses check them when they have set their own.

    :param deferrable: wait in the triggerer instead of in the worker
    """

    form: ClassVar[Any] = TargetForm
    #: Arguments of the form: attributes of the same names, all of them template fields
    arguments: ClassVar[tuple[str, ...]] = TARGET_FIELDS

    def __init__(
        self,
        *,
        aws_conn_id: str,
        region_name: str,
        account_id: str,
        own_account: bool = False,
        role: str | None = None,
        external_id: str | None = None,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.account_id = account_id
        self.own_account = own_account
        self.role = role
        self.external_id = external_id
        self.deferrable = default_deferrable() if deferrable is None else deferrable

    def _given(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.arguments}

    @property
    def _called(self) -> str:
        return f"{type(self).__name__} {self.task_id}"

    def check_what_is_known(self) -> None:
        """Check the arguments when the DAG loads.

        :raises BlockError: with everything that is wrong
        """
        check_arguments(self.form, self._given(), block=self._called)
        jobs = getattr(self, "jobs", NO_JOBS)
        if jobs is not NO_JOBS and is_known(jobs):
            try:
                read_launches(jobs)
            except LaunchesError as error:
                raise BlockError([PlanProblem(self._called, "jobs", str(error))]) from error

    def read_form(self) -> F:
        """Return the arguments when the task runs.

        :raises ExecutionRefusedError: with everything that is wrong
        """
        try:
            form: F = read_arguments(self.form, self._given(), block=self._called)
        except BlockError as error:
            raise ExecutionRefusedError(f"nothing was done:\n{error}") from error
        return form

    def read_jobs(self, value: Any) -> Launches:
        """Return the jobs that the block is given.

        :raises ExecutionRefusedError: if there are none, or if they are somewhere else
        """
        try:
            return read_launches(value, self.read_form().target())
        except LaunchesError as error:
            raise ExecutionRefusedError(f"{self._called}: {error}") from error

    def execute(self, context: Any) -> Any:
        """Take the first step, and all others."""
        return self.until_done(context)

    def look_again(self, context: Any, event: Any = None) -> Any:
        """Go on after a wait."""
        del event
        return self.until_done(context)

    @abstractmethod
    def step(self, block: Block, event: Any) -> Any:
        """Do what can be done now; return the task's result, or :class:`Later`."""

    def until_done(self, context: Mapping[str, Any], event: Any = None) -> Any:
        """Take steps until there is a result: deferred in between, or with the worker."""
        while True:
            outcome = self._step(context, event)
            if not isinstance(outcome, Later):
                return outcome
            if self.deferrable:
                pause(self, outcome.seconds)
            time.sleep(outcome.seconds)
            event = None

    def _step(self, context: Mapping[str, Any], event: Any) -> Any:
        outcome = tried(context, lambda: self.step(Block.of(context), event))
        return Later(PAUSE_SECONDS) if isinstance(outcome, Outage) else outcome
