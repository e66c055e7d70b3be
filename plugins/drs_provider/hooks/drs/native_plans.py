"""DRS's native recovery plans, read for the importer of plan files."""

from __future__ import annotations

from typing import Any

from drs_provider.hooks.aws.errors import required_member
from drs_provider.hooks.drs.drs_api import DrsApi


def read_native_plans(api: DrsApi) -> dict[str, Any]:
    """Return the native recovery plans of a target, each with its ``steps``, as a source of an import.

    Only reads (ListRecoveryPlans, GetRecoveryPlan, ListRecoveryPlanSteps); raises what :class:`DrsApi`
    raises. How the target is reached goes with the plans, as ``accountContext``.
    """
    target = api.target
    context = {**target.account_context(), "region": target.region}
    plans = [
        {**plan, "accountContext": context, "steps": api.recovery_plan_steps(_arn(plan))}
        for plan in api.recovery_plans()
    ]
    return {"recoveryPlans": plans}


def _arn(plan: dict[str, Any]) -> str:
    return str(required_member(plan, "recoveryPlanArn", "GetRecoveryPlan"))
