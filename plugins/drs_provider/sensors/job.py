"""Wait for DRS jobs, in any DAG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue

from drs_provider import settings
from drs_provider.exceptions import WaveFailedError
from drs_provider.links import DrsJobsLink
from drs_provider.plan.blocks import WatchForm
from drs_provider.runtime.block import Block
from drs_provider.runtime.block_task import TARGET_FIELDS, BlockTask, Later
from drs_provider.runtime.outages import PAUSE_SECONDS, RESUME_METHOD

if TYPE_CHECKING:
    from drs_provider.orchestration.blocks.watch import Look
    from drs_provider.rules.blocks import Launches


class DrsJobSensor(BlockTask[WatchForm], BaseSensorOperator):
    """Waits until every server of DRS jobs is decided: launched with its instance in EC2, or failed.

    A DRS job never fails, its servers do; so the output has a verdict for each: ``servers`` with the fields of
    execution records, how many are ``recovered``, and whether all are (``met``). It is written before the task fails.
    All waits of one account, Region and role in a triggerer share their polls.

    :param jobs: output of a start, the id of a job, or several of these
    :param aws_conn_id: as of :class:`DrsStartRecoveryOperator`, like the other arguments of the target
    :param post_launch: ``require``: DRS's post-launch actions must have succeeded; ``ignore``
    :param timeout_minutes: of jobs that are given by id: how long to wait; a start's output has its own deadline
    :param fail_if_not_recovered: False: the task succeeds with its verdict
    :param deferrable: wait in the triggerer instead of by poking
    :raises ExecutionRefusedError: if an argument is wrong, or the jobs are somewhere else
    :raises WaveFailedError: if a server is not recovered; the message names the servers and DRS's causes
    """

    form = WatchForm
    arguments = (*TARGET_FIELDS, "post_launch", "timeout_minutes", "fail_if_not_recovered")
    template_fields: Sequence[str] = (*arguments, "jobs")
    ui_color = "#e6f1f2"
    operator_extra_links = (DrsJobsLink(),)

    def __init__(
        self,
        *,
        jobs: Any,
        post_launch: str = "ignore",
        timeout_minutes: int = 90,
        fail_if_not_recovered: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if self.soft_fail or self.never_fail:
            raise ValueError(
                f"{self.task_id}: use fail_if_not_recovered=False; a skip would hide the verdict"
            )
        self.jobs = jobs
        self.post_launch = post_launch
        self.timeout_minutes = timeout_minutes
        self.fail_if_not_recovered = fail_if_not_recovered
        self.link_address: str | None = None
        self.check_what_is_known()

    def execute(self, context: Any) -> Any:
        """Defer, unless all is decided already; without the triggerer, poke until it is."""
        if not self.deferrable:
            return BaseSensorOperator.execute(self, context)
        return self.until_done(context)

    def look_again(self, context: Any, event: Any = None) -> Any:
        """Look at DRS, and end or defer again; the trigger's event only says that it is time to."""
        return self.until_done(context, event if isinstance(event, Mapping) else None)

    def poke(self, context: Any) -> PokeReturnValue:
        """Look once."""
        outcome = self._step(context, None)
        done = not isinstance(outcome, Later)
        return PokeReturnValue(done, outcome if done else None)

    def step(self, block: Block, event: Any) -> dict[str, Any] | Later:
        """Look once; where the triggerer waits, hand over to it."""
        from drs_provider.orchestration.blocks.watch import JobsNotShownError, look

        form, launches = self.read_form(), self.read_jobs(self.jobs)
        self.link_address = DrsJobsLink.address(form.target())
        interval = settings.get_seconds("poll_interval_seconds")
        try:
            seen = look(
                block,
                form.target(),
                launches,
                timeout_seconds=form.timeout_minutes * 60,
                post_launch_required=form.post_launch == "require",
                memory=(event or {}).get("memory"),
            )
        except JobsNotShownError as error:
            self.log.info("%s", error)
            return Later(interval)
        if seen.verdict.decided:
            return self._ended(block, form, launches, seen)
        if event is not None:
            # The next trigger may say at once what the last one said, because it sees less than we do.
            failed = event.get("status") == "error"
            return Later(max(interval, PAUSE_SECONDS) if failed else interval)
        if self.deferrable:
            self._defer(block, seen)
        return Later(interval)

    def _ended(self, block: Block, form: WatchForm, launches: Launches, seen: Look) -> dict[str, Any]:
        verdict = seen.verdict
        result = {
            "met": verdict.met,
            "recovered": verdict.recovered,
            "servers": seen.rows,
            "launches": [*launches.told, *launches.job_ids],
        }
        if not verdict.met and form.fail_if_not_recovered:
            block.view.push("return_value", result)
            raise WaveFailedError(f"task {block.name}: {'; '.join(verdict.reasons)}")
        for reason in verdict.reasons:
            self.log.warning("%s", reason)
        return result

    def _defer(self, block: Block, seen: Look) -> None:
        from drs_provider.triggers.jobs import DrsJobTrigger

        self.defer(
            trigger=DrsJobTrigger(
                wave=seen.watch.wave.model_dump(mode="json"),
                started=seen.started,
                memory=seen.watch.memory(),
                execution_id=block.execution_id,
                plan_id="",
                execution_type="DRILL" if seen.is_drill else "RECOVERY",
                attempt=block.attempt,
                poll_interval_seconds=settings.get_seconds("poll_interval_seconds"),
            ),
            method_name=RESUME_METHOD,
        )
