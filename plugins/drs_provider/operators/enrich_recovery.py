"""What jobs launched, with EC2's data, in any DAG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from drs_provider.plan.blocks import TargetForm
from drs_provider.runtime.block_task import TARGET_FIELDS, BlockTask, Later, default_deferrable

if TYPE_CHECKING:
    from drs_provider.rules.record.schema import ServerRow
    from drs_provider.runtime.block import Block

#: How soon a job is looked for again that DRS does not show yet.
SOON_SECONDS = 15.0


class DrsEnrichRecoveryOperator(BlockTask[TargetForm], BaseOperator):
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
        self.jobs = jobs
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.account_id = account_id
        self.own_account = own_account
        self.role = role
        self.external_id = external_id
        self.deferrable = default_deferrable() if deferrable is None else deferrable
        self.check_what_is_known()

    def execute(self, context: Any) -> Any:
        """Look at the jobs' instances."""
        return self.until_done(context)

    def look_again(self, context: Any, event: Any = None) -> Any:
        """Look again after a wait."""
        return self.until_done(context)

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
