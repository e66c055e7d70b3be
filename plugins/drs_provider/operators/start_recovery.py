"""Start a drill or a recovery of source servers, in any DAG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from drs_provider import keys, settings
from drs_provider.exceptions import WaveFailedError
from drs_provider.links import DrsJobsLink
from drs_provider.plan.blocks import StartForm
from drs_provider.runtime.block_task import TARGET_FIELDS, BlockTask, Later

if TYPE_CHECKING:
    from drs_provider.orchestration.blocks.start import BlockStart
    from drs_provider.orchestration.launch.start import Started
    from drs_provider.rules.blocks import Launched
    from drs_provider.runtime.block import Block


class DrsStartRecoveryOperator(BlockTask[StartForm]):
    """Launch source servers, in as few DRS jobs as the quota allows, and tell which jobs to follow.

    It needs no plan file. A try, a crash between call and answer, a retry and a clear come to the same reconciling
    start as the waves of plans: jobs of this task instance are adopted, only what is missing is launched, and a server
    never gets a second job. Everything that preflight checks of a plan is checked first. Servers busy in somebody
    else's job, and what the quotas have no room for, are waited for.

    The output goes to the other blocks. It is written before the first call and after each one, so that a teardown
    finds what was launched although this task failed.

    :param aws_conn_id: Airflow connection of type aws; there is no default
    :param region_name: recovery Region, where DRS is called
    :param account_id: account of 12 digits that ``GetCallerIdentity`` must confirm before anything is called
    :param own_account: True if the connection's own account is this one; exactly one of this and ``role``
    :param role: name of the IAM role to assume in the account
    :param external_id: external ID that the role's trust policy asks for
    :param source_servers: ids or ARNs of source servers, or rows that name them; this or ``server_tags``
    :param server_tags: all servers that have all these tags, with exactly these values
    :param execution_type: ``DRILL`` or ``RECOVERY``; a RECOVERY is refused in runs that no person started
    :param source_state: of a RECOVERY: ``lost`` or ``fenced``; needed if replication shows that a source is alive
    :param allowed_vpcs: where a drill may launch; a drill needs these, subnets or groups, or ``any_network``
    :param allowed_subnets: see ``allowed_vpcs``
    :param allowed_security_groups: see ``allowed_vpcs``
    :param any_network: True: the drill may launch wherever its launch settings say, production included
    :param snapshots: ``latest``, an ISO 8601 time (the newest point in time not after it), or server -> ``pit-…``
    :param job_tags: tags of the jobs, beside the block's own
    :param preflight: ``enforce``, or ``warn`` for the findings that may be overridden
    :param timeout_minutes: until when a sensor waits, counted from the first start of an attempt
    :param queue_timeout_minutes: how long to wait for quota or for servers busy in another job
    :param deferrable: wait in the triggerer instead of in the worker
    :raises BlockError: when the DAG loads, if an argument that is known then is wrong
    :raises ExecutionRefusedError: if an argument, preflight, a live instance or a plan's execution forbids it
    :raises PreflightUnansweredError: if AWS could not answer what preflight asks; a retry asks again
    :raises WaveFailedError: if ``queue_timeout_minutes`` pass; the message names the blocker
    """

    form = StartForm
    arguments = (
        *TARGET_FIELDS,
        "source_servers",
        "server_tags",
        "execution_type",
        "source_state",
        "allowed_vpcs",
        "allowed_subnets",
        "allowed_security_groups",
        "any_network",
        "snapshots",
        "job_tags",
        "preflight",
        "timeout_minutes",
        "queue_timeout_minutes",
    )
    template_fields: Sequence[str] = arguments
    template_fields_renderers: ClassVar[dict[str, str]] = {"server_tags": "json", "job_tags": "json"}
    ui_color = "#bfe3c0"
    operator_extra_links = (DrsJobsLink(),)

    def __init__(
        self,
        *,
        source_servers: Any = None,
        server_tags: Mapping[str, str] | None = None,
        execution_type: str = "DRILL",
        source_state: str = "unknown",
        allowed_vpcs: Sequence[str] = (),
        allowed_subnets: Sequence[str] = (),
        allowed_security_groups: Sequence[str] = (),
        any_network: bool = False,
        snapshots: str | Mapping[str, str] = "latest",
        job_tags: Mapping[str, str] | None = None,
        preflight: str = "enforce",
        timeout_minutes: int = 90,
        queue_timeout_minutes: int = 60,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source_servers = source_servers
        self.server_tags = server_tags
        self.execution_type = execution_type
        self.source_state = source_state
        self.allowed_vpcs = allowed_vpcs
        self.allowed_subnets = allowed_subnets
        self.allowed_security_groups = allowed_security_groups
        self.any_network = any_network
        self.snapshots = snapshots
        self.job_tags = job_tags
        self.preflight = preflight
        self.timeout_minutes = timeout_minutes
        self.queue_timeout_minutes = queue_timeout_minutes
        self.link_address: str | None = None
        self.check_what_is_known()

    def step(self, block: Block, event: Any) -> Launched | Later:
        """Start what can be started now."""
        from drs_provider.orchestration.blocks.start import BlockStart  # boto3 stays out of DAG parsing

        form = self.read_form()
        self.link_address = DrsJobsLink.address(form.target())
        start = BlockStart(block, form)
        started = start.run()
        return self._later(block, start, started) if started.waiting else start.told(started.jobs)

    def _later(self, block: Block, start: BlockStart, started: Started) -> Later:
        since = block.state.once(f"{keys.QUEUED_SINCE}_{block.attempt}", block.now())
        waited = block.now() - since
        if waited > start.wave.queue_timeout_seconds:
            raise WaveFailedError(
                f"task {block.name} waited {round(waited / 60)} minutes and could not start: "
                f"{started.waiting_text()}. See to what blocks it, then clear this task, with downstream."
            )
        self.log.info("Waiting: %s", started.waiting_text())
        return Later(settings.get_seconds("queue_poll_seconds"))
