"""Reading operations on DRS's native recovery plans, which a scenario may list."""

from __future__ import annotations

from typing import Any

from drs_simulator.engine.context import Call
from drs_simulator.engine.errors import not_found
from drs_simulator.engine.ids import digest_id
from drs_simulator.engine.pages import answer, page
from drs_simulator.engine.times import stamp
from drs_simulator.scenario import PlanStepSpec, RecoveryPlanSpec


def list_recovery_plans(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """All native plans."""
    plans = sorted(call.state.plans, key=lambda plan: plan.name)
    chosen, token = page(plans, lambda p: p.name, params, default_size=call.state.page_size, name="plans")
    return answer("recoveryPlans", [_plan(call, plan) for plan in chosen], token)


def get_recovery_plan(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """One native plan."""
    plan = _find(call, params["recoveryPlanArn"])
    return {"recoveryPlan": {**_plan(call, plan), "description": plan.description, "tags": {}}}


def list_recovery_plan_steps(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """The steps of a native plan, in their order."""
    plan = _find(call, params["recoveryPlanArn"])
    steps = [_step(call, plan, number, step) for number, step in enumerate(plan.steps, start=1)]
    chosen, token = page(
        steps, lambda s: s["stepOrder"], params, default_size=call.state.page_size, name=plan.name
    )
    return answer("recoveryPlanSteps", chosen, token)


def get_recovery_plan_step(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """One step of a native plan."""
    arn = params["recoveryPlanStepArn"]
    for plan in call.state.plans:
        for number, step in enumerate(plan.steps, start=1):
            if _step_arn(call, plan, number) == arn:
                return {"recoveryPlanStep": _step(call, plan, number, step)}
    raise not_found("RecoveryPlanStep", arn)


def _find(call: Call, arn: str) -> RecoveryPlanSpec:
    for plan in call.state.plans:
        if _plan_arn(call, plan) == arn:
            return plan
    raise not_found("RecoveryPlan", arn)


def _plan_arn(call: Call, plan: RecoveryPlanSpec) -> str:
    return call.state.arn("recovery-plan", digest_id("rp-", plan.name))


def _step_arn(call: Call, plan: RecoveryPlanSpec, number: int) -> str:
    return f"{_plan_arn(call, plan)}/step/{digest_id('rps-', plan.name, number)}"


def _plan(call: Call, plan: RecoveryPlanSpec) -> dict[str, Any]:
    created = stamp(call.world.started_at)
    return {
        "recoveryPlanArn": _plan_arn(call, plan),
        "name": plan.name,
        "status": "ACTIVE",
        "createdAt": created,
        "updatedAt": created,
    }


def _step(call: Call, plan: RecoveryPlanSpec, number: int, step: PlanStepSpec) -> dict[str, Any]:
    created = stamp(call.world.started_at)
    return {
        "recoveryPlanStepArn": _step_arn(call, plan, number),
        "stepOrder": number,
        "stepName": step.name,
        "configuration": _configuration(call, step),
        "createdAt": created,
        "updatedAt": created,
    }


def _configuration(call: Call, step: PlanStepSpec) -> dict[str, Any]:
    if step.wait_minutes is not None:
        return {"waitStepConfiguration": {"waitDurationMinutes": step.wait_minutes}}
    levels = [(i, "CRITICAL") for i in step.servers] + [(i, "OPTIONAL") for i in step.optional]
    servers = [
        {"serverArn": call.state.arn("source-server", server_id), "impactLevel": level}
        for server_id, level in levels
    ]
    return {"serverStepConfiguration": {"servers": servers}}
