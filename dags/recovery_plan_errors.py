"""Shows what is wrong with plan files as an import error of this file, where Airflow's users look for it.

It is a file of its own because an import error makes Airflow ignore every DAG of its file: raising in
recovery_plans.py would stop the running executions of all plans.
"""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import get_parsing_context

from drs_provider import settings
from drs_provider.dag_factory.register import plan_problems
from drs_provider.plan.problems import PlanError

# A task's own process parses files only to find its DAG, and there is none in this one.
if get_parsing_context().dag_id is None:
    plans = Path(settings.get("plans_folder") or Path(__file__).parent / "plans")
    problems = plan_problems(plans, Path(__file__).with_name("recovery_plans.py"))
    if problems:
        raise PlanError(problems)
