"""Every kind of finding: how severe it is in which kind of execution, and whether it may be overridden. Data.

The page docs/preflight.md is written from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from drs_provider.core.states import ExecutionType
from drs_provider.preflight.findings import Finding, ServerRef, Severity

BLOCK, WARN, INFO = Severity.BLOCK, Severity.WARN, Severity.INFO


@dataclass(frozen=True)
class Kind:
    """A kind of finding.

    :param drill: its severities in a drill, the milder one last; none if drills do not have it
    :param recovery: its severities in a RECOVERY
    :param override: what turns BLOCK into WARN: ``preflight: warn``, another key of the run configuration, or nothing
    """

    topic: str
    meaning: str
    remedy: str
    drill: tuple[Severity, ...] = (BLOCK,)
    recovery: tuple[Severity, ...] = (BLOCK,)
    override: str = ""

    def severity(self, kind: ExecutionType, *, milder: bool = False) -> Severity:
        """Return how severe it is in an execution.

        :param milder: whether it is the milder case of two
        :raises LookupError: if such executions do not have it
        """
        return (self.drill if kind.is_drill else self.recovery)[-1 if milder else 0]


WARN_CONF = "`preflight: warn`"
_IDENTITY, _PLAN, _GROUPS = "Identity", "Plan", "Servers"
_REPLICATION, _POINTS, _LAUNCH = "Replication", "Points in time", "Launch settings"
_INSTALLATION = "Installation"
_CAPACITY, _INSTANCES, _RIGHTS, _OTHERS = "Capacity", "Machines in the way", "Rights", "Others at work"
_STEPS = "Steps"

KINDS: dict[str, Kind] = {
    "async_library_missing": Kind(
        _INSTALLATION,
        "aiobotocore is not installed, which the triggerer needs to follow jobs",
        "install `airflow-provider-drs[async]` in every component",
        override=WARN_CONF,
    ),
    "connection_missing": Kind(
        _IDENTITY, "the target's Airflow connection does not exist", "create it, or correct the plan"
    ),
    "connection_invalid": Kind(
        _IDENTITY, "the target's connection is not of type aws", "correct its type, or the plan"
    ),
    "identity_not_proven": Kind(
        _IDENTITY,
        "the credentials cannot be had, AWS refuses them or the role, STS cannot be reached, or they are another "
        "account's; the message names the connection and the cause",
        "as the message says",
    ),
    "drs_not_initialized": Kind(
        _IDENTITY,
        "DRS was never initialized in this account and Region",
        "initialize it, or correct the target",
    ),
    "configuration_wrong": Kind(_IDENTITY, "an option of `[drs]` cannot be used", "correct the option"),
    "could_not_be_checked": Kind(
        _IDENTITY,
        "AWS did not answer a check, or denied it, or the check itself broke; the message names the cause, and what "
        "else it leaves unchecked",
        "mend what the message names; overridable unless it is about servers, live instances, living sources, points "
        "in time or, in a drill, launch settings; for vCPUs and rights it only warns",
        drill=(BLOCK, WARN),
        recovery=(BLOCK, WARN),
        override=WARN_CONF,
    ),
    "unknown_server": Kind(_GROUPS, "a group lists servers that DRS does not know", "correct the group"),
    "server_without_id": Kind(
        _GROUPS,
        "a group's tags match servers that DRS lists without their id; they are left out",
        "look at them in DRS",
        drill=(WARN,),
        recovery=(WARN,),
    ),
    "empty_group": Kind(
        _GROUPS,
        "a group's tags match no server; a note if the plan says `allow_empty`",
        "correct the tags",
        drill=(BLOCK, INFO),
        recovery=(BLOCK, INFO),
    ),
    "server_reached_twice": Kind(_PLAN, "two groups of the run hold the same server", "narrow one of them"),
    "gate_cannot_be_opened": Kind(
        _PLAN,
        "too few people may approve a gate, and a RECOVERY's waits without end (milder: an emergency approver can)",
        "add approvers, or members to their teams, or let somebody else start it",
        drill=(WARN,),
        recovery=(BLOCK, WARN),
        override=WARN_CONF,
    ),
    "min_launched_unreachable": Kind(
        _PLAN,
        "a wave asks for more launched servers than it has",
        "lower `min_launched`, or correct the tags",
        override=WARN_CONF,
    ),
    "optional_matches_nothing": Kind(
        _PLAN,
        "`optional` matches no server of the wave, so that all are CRITICAL",
        "correct `optional`",
        drill=(WARN,),
        recovery=(WARN,),
    ),
    "replication_unfit": Kind(
        _REPLICATION,
        "replication stands still, its state cannot be read, or the staging area has an error",
        "repair replication; a RECOVERY launches the newest point in time there is",
        recovery=(WARN,),
        override=WARN_CONF,
    ),
    "replication_error": Kind(
        _REPLICATION,
        "replication goes on, but reports an error",
        "look at the server in DRS",
        drill=(WARN,),
        recovery=(WARN,),
    ),
    "agent_not_seen": Kind(
        _REPLICATION,
        "the agent was not seen for an hour, or DRS does not say when it was",
        "look at the server in DRS",
        drill=(WARN,),
        recovery=(WARN,),
    ),
    "lag_above_rpo": Kind(
        _REPLICATION,
        "the lag is above `objectives.rpo_minutes`",
        "look at bandwidth, agent and staging area",
        drill=(WARN,),
        recovery=(WARN,),
    ),
    "lag_unknown": Kind(
        _REPLICATION,
        "DRS does not tell the lag, so nothing shows that the RPO holds",
        "look at the server in DRS",
        drill=(WARN,),
        recovery=(WARN,),
    ),
    "source_alive": Kind(
        _REPLICATION,
        "the source seems to run: recovering it makes two masters",
        "shut it down or cut it off, then say `source_state: fenced`, or `lost`",
        drill=(),
    ),
    "drill_overdue": Kind(
        _REPLICATION,
        "no successful launch within `objectives.drill_every_days`",
        "watch these servers closely",
        drill=(INFO,),
        recovery=(WARN,),
    ),
    "no_point_in_time": Kind(
        _POINTS,
        "there is nothing to launch from",
        "start or repair replication, wait until it is complete once, or leave the server out",
    ),
    "no_snapshot_before": Kind(
        _POINTS, "no point in time at or before the asked time", "ask for a later time, or for `latest`"
    ),
    "unknown_snapshot": Kind(
        _POINTS, "the named point in time is not the server's", "name one that DRS lists"
    ),
    "snapshot_outside_run": Kind(
        _POINTS,
        "`snapshots` names servers that the run does not launch",
        "remove them, or select their waves",
    ),
    "snapshot_much_older": Kind(
        _POINTS,
        "the chosen point in time is older than the asked time by more than the RPO",
        "compare the servers' points in time",
        drill=(WARN,),
        recovery=(WARN,),
    ),
    "launch_template_unusable": Kind(
        _LAUNCH,
        "DRS names no launch template, or EC2 does not know it; DRS makes one anew, with default values",
        "save the server's launch settings in DRS",
        recovery=(WARN,),
        override=WARN_CONF,
    ),
    "subnet_unknown": Kind(
        _LAUNCH, "a template's subnet does not exist", "correct the template", override=WARN_CONF
    ),
    "subnet_not_named": Kind(
        _LAUNCH,
        "a template names no subnet: EC2 takes one of the default VPC, and its addresses were not counted",
        "name one in the template",
        drill=(WARN,),
        recovery=(WARN,),
    ),
    "drill_network_not_planned": Kind(
        _LAUNCH,
        "the plan has no `network.drill`: nothing checks where the drill launches",
        "add it",
        drill=(WARN,),
        recovery=(),
    ),
    "outside_drill_network": Kind(
        _LAUNCH,
        "a drill would launch outside `network.drill`, or nothing tells where",
        "correct the template, or the plan",
        recovery=(),
        override=WARN_CONF,
    ),
    "launch_into_instance": Kind(
        _LAUNCH,
        "a drill would overwrite a pre-provisioned instance",
        "remove it from the server's launch settings",
        recovery=(),
    ),
    "launch_into_in_use": Kind(
        _LAUNCH,
        "the pre-provisioned instance runs, is another server's, or is itself protected by DRS",
        "stop it, or set another one",
        drill=(),
    ),
    "launch_into_unfit": Kind(
        _LAUNCH,
        "the pre-provisioned instance does not exist, or lacks the tag `AWSDRS=AllowLaunchingIntoThisInstance`",
        "correct the launch settings, or tag it",
        drill=(),
        override=WARN_CONF,
    ),
    "launch_into_overwrites": Kind(
        _LAUNCH,
        "the disks of pre-provisioned instances are replaced, as the launch settings say",
        "",
        drill=(),
        recovery=(INFO,),
    ),
    "instance_type_unknown": Kind(
        _LAUNCH,
        "the Region does not offer the template's instance type",
        "choose another type",
        override=WARN_CONF,
    ),
    "addresses_unknown": Kind(
        _CAPACITY,
        "EC2 does not tell how many addresses are free in a subnet, or which ones it has",
        "look at the subnet in EC2",
        drill=(WARN,),
        recovery=(WARN,),
    ),
    "private_ip_outside_subnet": Kind(
        _LAUNCH,
        "a fixed private address (template, or copied from the source) is not in the subnet, or is kept by AWS",
        "correct the address",
        override=WARN_CONF,
    ),
    "private_ip_twice": Kind(
        _LAUNCH, "two servers of the run insist on the same address", "correct one", override=WARN_CONF
    ),
    "private_ip_in_use": Kind(
        _LAUNCH,
        "somebody else's network interface has the fixed address",
        "free the address, or correct it",
        override=WARN_CONF,
    ),
    "addresses_short": Kind(
        _CAPACITY,
        "a subnet has fewer free addresses than all waves together take; what earlier instances of these servers hold "
        "counts as free",
        "free addresses, or spread the servers over more subnets",
        override=WARN_CONF,
    ),
    "vcpu_quota_short": Kind(
        _CAPACITY,
        "what runs and what is launched exceeds an On-Demand vCPU quota",
        "ask for a higher quota, or stop instances; in a RECOVERY what fits is launched",
        recovery=(WARN,),
        override=WARN_CONF,
    ),
    "vcpu_quota_unknown": Kind(
        _CAPACITY,
        "Service Quotas does not list the quota that counts",
        "look it up in the console",
        drill=(WARN,),
        recovery=(WARN,),
    ),
    "vcpus_not_counted": Kind(
        _CAPACITY,
        "nothing tells which quota a server counts for: the template names no type, or attributes in its place, or a "
        "type without a quota that is known",
        "as the message says",
        drill=(WARN,),
        recovery=(WARN,),
    ),
    "quotas_assumed": Kind(
        _CAPACITY,
        "the quotas of DRS could not be read; AWS's published ones are assumed",
        "grant `servicequotas:ListServiceQuotas` if it is denied, or set `[drs] quotas`",
        drill=(WARN,),
        recovery=(WARN,),
    ),
    "several_jobs": Kind(
        _CAPACITY,
        "a wave is launched by several jobs, since a job takes no more servers",
        "",
        drill=(INFO,),
        recovery=(INFO,),
    ),
    "job_quota_used_up": Kind(
        _CAPACITY,
        "all concurrent jobs are in use: the first wave waits",
        "let them end, or ask for a higher quota",
        drill=(WARN,),
        recovery=(WARN,),
    ),
    "job_quota_short": Kind(
        _CAPACITY,
        "a wave needs more jobs than are free: it is launched in portions",
        "as above",
        drill=(WARN,),
        recovery=(WARN,),
    ),
    "server_quota_short": Kind(
        _CAPACITY,
        "a wave has more servers than may be in jobs: it is launched in portions",
        "as above",
        drill=(WARN,),
        recovery=(WARN,),
    ),
    "recovery_instance_outside_drs": Kind(
        _INSTANCES,
        "an instance of the plan's RECOVERY was taken out of DRS and runs on: the plan counts as failed over",
        "terminate it in EC2, or say `failed_back`",
        drill=(WARN,),
        recovery=(WARN,),
        override="`failed_back`",
    ),
    "live_instance": Kind(
        _INSTANCES,
        "a server has a live recovery instance of no drill, which launching would destroy",
        "after a partial failover: `drs retry` that execution; else fail back or terminate it, or leave the wave out",
        override="`replace_live_instances` naming the server",
    ),
    "nothing_to_replace": Kind(
        _INSTANCES,
        "`replace_live_instances` names a server without a live instance",
        "",
        drill=(INFO,),
        recovery=(INFO,),
    ),
    "replacement_outside_run": Kind(
        _INSTANCES,
        "`replace_live_instances` names servers that the run does not launch",
        "remove them, or select their waves",
    ),
    "drill_instance_replaced": Kind(
        _INSTANCES,
        "an earlier drill's instance exists; launching removes it",
        "",
        drill=(INFO,),
        recovery=(INFO,),
    ),
    "drill_instance_in_use": Kind(
        _INSTANCES,
        "a DAG of building blocks that has not ended launched the server's drill instance; launching removes it",
        "wait for the end of its run, or mark it as failed; a RECOVERY goes first",
        recovery=(WARN,),
    ),
    "failback_in_progress": Kind(
        _INSTANCES, "the server is failing back", "complete or stop the failback, or leave the wave out"
    ),
    "rights_missing": Kind(
        _RIGHTS,
        "IAM's simulation says that the identity lacks rights that DRS needs ([iam.md](iam.md))",
        "add them",
        override=WARN_CONF,
    ),
    "rights_conditional": Kind(
        _RIGHTS,
        "rights depend on conditions that cannot be simulated",
        "compare them with what DRS does, or show it by a drill",
        drill=(WARN,),
        recovery=(WARN,),
    ),
    "rights_not_checked": Kind(
        _RIGHTS,
        "the identity may not ask IAM, or has no policies (root): nothing was checked",
        "grant `iam:SimulatePrincipalPolicy`, `iam:GetRole`",
        drill=(INFO,),
        recovery=(INFO,),
    ),
    "step_resource_unknown": Kind(
        _STEPS,
        "a step names a runbook, a function, a hosted zone or a record in it that does not exist in its account",
        "correct the step, or make what it names",
        override=WARN_CONF,
    ),
    "step_alarm_unknown": Kind(
        _STEPS,
        "steps wait for alarms that do not exist",
        "correct the names, unless the recovery makes them",
        drill=(WARN,),
        recovery=(WARN,),
    ),
    "step_dag_unusable": Kind(
        _STEPS,
        "a step triggers a DAG that does not exist, or is paused",
        "deploy it, unpause it, or correct the step",
        override=WARN_CONF,
    ),
    "step_operator_unusable": Kind(
        _STEPS,
        "a step runs an operator that `[drs] step_operators` does not list, or that cannot be imported",
        "list it, install its provider, or correct the step",
        override=WARN_CONF,
    ),
    "step_leaves_drill": Kind(
        _STEPS,
        "a check of a drill looks at an address outside of the drill's networks ([steps](steps.md))",
        "write `{private_ip}`, let the name lead into the drill, or `modes: [recovery]`",
        recovery=(),
    ),
    "step_looks_from_worker": Kind(
        _STEPS,
        "a check of a drill looks from a worker into `network.drill`, which a well isolated network does not let in",
        "write `from: server` or `from: probe`",
        drill=(WARN,),
        recovery=(),
    ),
    "step_rights_missing": Kind(
        _STEPS,
        "IAM's simulation grants rights that steps need on no resource ([iam.md](iam.md))",
        "add them, unless policies grant them on single resources",
        drill=(WARN,),
        recovery=(WARN,),
    ),
    "steps_planned": Kind(
        _STEPS,
        "which steps would be taken; in a dry run only",
        "",
        drill=(INFO,),
        recovery=(INFO,),
    ),
    "server_busy": Kind(
        _OTHERS,
        "a server is in an unfinished job of somebody else: its wave waits for it",
        "wait; DRS jobs cannot be cancelled",
        drill=(WARN,),
        recovery=(WARN,),
    ),
    "other_execution": Kind(
        _OTHERS,
        "another execution of this Airflow holds servers of the run; told by a dry run and beside what blocks, else "
        "the run is refused at once ([other executions](other-executions.md))",
        "as the message says",
        drill=(WARN,),
        recovery=(WARN,),
    ),
    "runbook_not_written": Kind(
        _OTHERS,
        "the plan's [runbook](runbook.md) could not be written beside the reports; the one before stays",
        "correct `[drs] reports_path`, its connection or its rights",
        drill=(WARN,),
        recovery=(WARN,),
    ),
    "history_unreachable": Kind(
        _OTHERS,
        "the history table cannot be read: the execution goes on without it and is recorded later",
        "look at the table and at `[drs] history_*`",
        drill=(WARN,),
        recovery=(WARN,),
    ),
    "deployment_id_default": Kind(
        _OTHERS,
        "there is a history table, and `[drs] deployment_id` is the default: the sweeper cannot tell what is left of a "
        "run that was deleted from what another Airflow is doing, and leaves it ([sweeper](sweeper.md))",
        "set `[drs] deployment_id`",
        drill=(WARN,),
        recovery=(WARN,),
    ),
}


def found(
    kind: ExecutionType,
    code: str,
    subject: str,
    message: str,
    remedy: str = "",
    *,
    servers: tuple[ServerRef, ...] = (),
    milder: bool = False,
    covered: bool = True,
    overridden: bool = False,
    passing: bool = False,
) -> Finding:
    """Return a finding as severe as its kind says.

    :param kind: of the execution
    :param milder: whether it is the milder case of two
    :param covered: False if ``preflight: warn`` does not cover this one, although it covers others of its kind
    :param overridden: whether the run configuration says that it does not stop the execution
    :param passing: whether it may be gone in a moment without anybody acting
    :raises LookupError: for a kind that is not in the catalog, or that such executions do not have
    """
    of_catalog = KINDS[code]
    severity = of_catalog.severity(kind, milder=milder)
    return Finding(
        code,
        WARN if overridden else severity,
        subject,
        message,
        remedy,
        overridable=covered and of_catalog.override == WARN_CONF and severity is BLOCK,
        overridden=overridden,
        servers=servers,
        passing=passing,
    )


def table() -> str:
    """Return the kinds of findings as a Markdown table."""
    lines = [
        "| finding | DRILL | RECOVERY | overridden by | meaning | remedy |",
        "|---|---|---|---|---|---|",
    ]
    topic = ""
    for code, kind in sorted(KINDS.items(), key=lambda item: _TOPICS.index(item[1].topic)):
        if kind.topic != topic:
            topic = kind.topic
            lines.append(f"| **{topic}** | | | | | |")
        cells = [f"`{code}`", _told(kind.drill), _told(kind.recovery), kind.override or "–"]
        lines.append(f"| {' | '.join([*cells, kind.meaning, kind.remedy or '–'])} |")
    return "\n".join(lines)


_TOPICS = (
    _INSTALLATION,
    _IDENTITY,
    _GROUPS,
    _PLAN,
    _REPLICATION,
    _POINTS,
    _LAUNCH,
    _CAPACITY,
    _INSTANCES,
    _RIGHTS,
    _STEPS,
    _OTHERS,
)


def _told(severities: tuple[Severity, ...]) -> str:
    return " or ".join(severity.value for severity in severities) or "–"
