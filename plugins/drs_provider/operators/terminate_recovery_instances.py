"""Terminate what jobs launched, in any DAG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from drs_provider import keys, settings
from drs_provider.core.task_states import TASK_NOT_BEGUN
from drs_provider.exceptions import CleanupIncompleteError
from drs_provider.links import DrsJobsLink
from drs_provider.operators.start_recovery import DrsStartRecoveryOperator
from drs_provider.plan.blocks import TerminateForm
from drs_provider.rules.blocks import untold_launches
from drs_provider.runtime.block_task import TARGET_FIELDS, BlockTask, Later

if TYPE_CHECKING:
    from drs_provider.rules.blocks import Launches
    from drs_provider.runtime.block import Block


class DrsTerminateRecoveryInstancesOperator(BlockTask[TerminateForm]):
    """Terminate the recovery instances of given jobs, and watch them go; nothing else is touched.

    Only instances whose ``jobID`` is one of the jobs are terminated, only those of a drill unless ``drill_only`` is
    False, and none that existed before and was launched into. It waits for jobs that still launch. With
    ``as_teardown()`` it runs whatever became of the tasks before it, and takes what the start told up to its end.

    :param jobs: output of a start or of a sensor, the id of a job, or several of these
    :param aws_conn_id: as of :class:`DrsStartRecoveryOperator`, like the other arguments of the target
    :param drill_only: False: instances of a RECOVERY are terminated, too
    :param timeout_minutes: how long to wait until EC2 has none of them
    :param deferrable: wait in the triggerer instead of in the worker
    :raises ExecutionRefusedError: if an argument is wrong, or a job is a RECOVERY and ``drill_only`` is True
    :raises CleanupIncompleteError: if instances are left; the message names them
    """

    form = TerminateForm
    arguments = (*TARGET_FIELDS, "drill_only", "timeout_minutes")
    template_fields: Sequence[str] = (*arguments, "jobs")
    ui_color = "#d9d2e9"
    operator_extra_links = (DrsJobsLink(),)

    def __init__(
        self,
        *,
        jobs: Any,
        drill_only: bool = True,
        timeout_minutes: int = 240,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.jobs = jobs
        self.drill_only = drill_only
        self.timeout_minutes = timeout_minutes
        self.link_address: str | None = None
        self.check_what_is_known()

    def step(self, block: Block, event: Any) -> dict[str, Any] | Later:
        """Take the next step."""
        # boto3 stays out of DAG parsing
        from drs_provider.orchestration.blocks.terminate import BlockTermination, result_of
        from drs_provider.orchestration.cleanup.target import people_must_act

        form = self.read_form()
        self.link_address = DrsJobsLink.address(form.target())
        launches = self._of_starts(block) if self.jobs is None else self.read_jobs(self.jobs)
        since = block.state.once(f"{keys.CLEANUP_SINCE}_{block.attempt}", block.now())
        state = BlockTermination(block, form.target(), launches, drill_only=form.drill_only).step()
        waited = block.now() - since
        if state.done and (waited > self._longest_hidden() or not self._start_died(block)):
            return result_of(state)
        refused = f"{keys.CLEANUP_REFUSED}_{block.attempt}"
        act = not state.done and people_must_act([state], block.state, refused, now=block.now())
        if waited <= form.timeout_minutes * 60 and not act:
            return Later(settings.get_seconds("poll_interval_seconds"))
        block.view.push("return_value", result_of(state))
        raise CleanupIncompleteError(
            f"task {block.name} is not complete after {round(waited / 60)} minutes; left: {state.left()}. Terminate "
            "these recovery instances in DRS, or fix the cause; then clear this task to look again."
        )

    def _starts(self) -> list[str]:
        """Return the start tasks before this one."""
        return [
            task.task_id
            for task in self.get_flat_relatives(upstream=True)
            if task.task_type == DrsStartRecoveryOperator.__name__
        ]

    def _of_starts(self, block: Block) -> Launches:
        """Return what the start tasks before this one launched in this run: none of them told anything.

        One that did not begin launched nothing. One that was killed when it began again has lost its output.
        """
        ids = [block.execution_id_of(*instance) for instance in block.instances_of(self._starts())]
        return untold_launches(ids, self.read_form().target(), block.run.run_after)

    def _start_died(self, block: Block) -> bool:
        """Whether a start began and told nothing: DRS may not show its job yet, and nothing says that there is one."""
        if self.jobs is not None:
            return False
        states = block.view.task_states()
        return any(
            states.get(task_id if index < 0 else f"{task_id}_{index}") not in TASK_NOT_BEGUN
            for task_id, index in block.instances_of(self._starts())
        )

    @staticmethod
    def _longest_hidden() -> float:
        return settings.get_seconds("job_visibility_grace_seconds")
