"""All operations of DRS that the simulator answers, by name; each takes a call and its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from drs_simulator.engine import (
    op_configuration,
    op_instances,
    op_jobs,
    op_plans,
    op_servers,
    op_starting,
    op_tags,
)
from drs_simulator.engine.context import Call
from drs_simulator.engine.errors import access_denied, not_implemented, uninitialized

Operation = Callable[[Call, dict[str, Any]], dict[str, Any]]

OPERATIONS: Mapping[str, Operation] = {
    "InitializeService": op_servers.initialize_service,
    "DescribeSourceServers": op_servers.describe_source_servers,
    "DisconnectSourceServer": op_servers.disconnect_source_server,
    "DescribeRecoverySnapshots": op_servers.describe_recovery_snapshots,
    "ListStagingAccounts": op_servers.list_staging_accounts,
    "StartRecovery": op_starting.start_recovery,
    "TerminateRecoveryInstances": op_starting.terminate_recovery_instances,
    "DescribeJobs": op_jobs.describe_jobs,
    "DescribeJobLogItems": op_jobs.describe_job_log_items,
    "DeleteJob": op_jobs.delete_job,
    "DescribeRecoveryInstances": op_instances.describe_recovery_instances,
    "DisconnectRecoveryInstance": op_instances.disconnect_recovery_instance,
    "DeleteRecoveryInstance": op_instances.delete_recovery_instance,
    "GetLaunchConfiguration": op_configuration.get_launch_configuration,
    "UpdateLaunchConfiguration": op_configuration.update_launch_configuration,
    "ListLaunchActions": op_configuration.list_launch_actions,
    "TagResource": op_tags.tag_resource,
    "UntagResource": op_tags.untag_resource,
    "ListTagsForResource": op_tags.list_tags_for_resource,
    "ListRecoveryPlans": op_plans.list_recovery_plans,
    "GetRecoveryPlan": op_plans.get_recovery_plan,
    "ListRecoveryPlanSteps": op_plans.list_recovery_plan_steps,
    "GetRecoveryPlanStep": op_plans.get_recovery_plan_step,
}

_WITHOUT_INITIALIZATION = frozenset(
    {"InitializeService", "TagResource", "UntagResource", "ListTagsForResource"}
)


def perform(call: Call, operation: str, params: dict[str, Any]) -> dict[str, Any]:
    """Do an operation and return its response body. DrsError for every error answer."""
    function = OPERATIONS.get(operation)
    if function is None:
        raise not_implemented(operation)
    action = f"drs:{operation}"
    if call.caller.lacks(action):
        raise access_denied(call.caller.arn, action, "*")
    if not call.state.initialized and operation not in _WITHOUT_INITIALIZATION:
        raise uninitialized()
    return function(call, params)
