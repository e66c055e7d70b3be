"""What jobs launched, with EC2's data, in any DAG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from drs_provider.plan.blocks import TargetForm
from drs_provider.runtime.block_task import TARGET_FIELDS, BlockTask, Later

if TYPE_CHECKING:
    from drs_provider.rules.record.schema import ServerRow
    from drs_provider.runtime.block import Block

#: How soon a job is looked for again that DRS does not show yet.
SOON_SECONDS = 15.0


class DrsEnrichRecoveryOperator(BlockTask[TargetForm]):
    """Return a row for every server of jobs, with its recovery instance as DRS and EC2 describe it now.

    Rows have the fields of execution records, such as ``sourceServerId``, ``serverName``, ``launchStatus``,
    ``instanceId``, ``privateIp``, ``instanceType``, ``statusChecks`` and ``error``; times are epoch seconds.

    :param jobs: output of a start or of a sensor, the id of a job, or several of these
    :param aws_conn_id: as of :class:`DrsStartRecoveryOperator`, like the other arguments of the target
    :param deferrable: wait in the triggerer instead of in the worker, where AWS cannot be reached
    :raises ExecutionRefusedError: if an argument is wrong, or the jobs are somewhere else
    :raises DrsIncompleteAnswerError: if DRS or EC2 could not tell about instances; a retry asks again
    """

    template_fields: Sequence[str] = (*TARGET_FIELDS, "jobs")
    ui_color = "#cfe2f3"

    def __init__(
        self,
        *,
        jobs: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.jobs = jobs
        self.check_what_is_known()

    def step(self, block: Block, event: Any) -> list[ServerRow] | Later:
        """Look once."""
        from drs_provider.orchestration.blocks.watch import (  # boto3 stays out of DAG parsing
            JobsNotShownError,
            enriched_rows,
            look,
        )

        try:
            return enriched_rows(look(block, self.read_form().target(), self.read_jobs(self.jobs)))
        except JobsNotShownError as error:
            self.log.info("%s", error)
            return Later(SOON_SECONDS)
