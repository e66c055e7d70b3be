"""Whether a run may become an execution at all: its configuration, its initiator, the schedule's exclusions."""

from __future__ import annotations

import time

from drs_provider import settings
from drs_provider.airflow_api.run import RunFacts
from drs_provider.core.states import ExecutionType
from drs_provider.exceptions import ExecutionRefusedError
from drs_provider.plan.conf.parsing import RunConf, parse_run_conf
from drs_provider.plan.model import Plan
from drs_provider.plan.problems import RunConfError


def read_conf(plan: Plan, run: RunFacts) -> RunConf:
    """Return the validated run configuration.

    :raises ExecutionRefusedError: naming every key that is wrong, and the remedy
    """
    if run.backfilled:
        raise ExecutionRefusedError(
            "a backfill would drill once for every past date of the schedule; trigger a single run instead"
        )
    try:
        conf = parse_run_conf(run.conf, plan, now=time.time())
    except RunConfError as error:
        raise ExecutionRefusedError(
            f"the run configuration is refused, nothing was started:\n{error}"
        ) from error
    if run.scheduled and conf.execution_type != ExecutionType.DRILL:
        raise ExecutionRefusedError(
            "a schedule can only run drills; start a RECOVERY by hand or through REST"
        )
    return conf


def check_initiator(plan: Plan, conf: RunConf, run: RunFacts) -> None:
    """Refuse a RECOVERY by nobody, and by somebody whom the plan does not name.

    A run that another DAG's task starts has the user who started that DAG's run; Airflow's server sees to it
    (``airflow/api_fastapi/execution_api/routes/dag_runs.py``). Such a run needs a plan that names its initiators:
    whoever may start any DAG that starts plans is not always somebody who may start this one.

    :raises ExecutionRefusedError: naming the user and who may
    """
    if conf.execution_type != ExecutionType.RECOVERY:
        return
    allowed = plan.recovery.initiators
    if run.triggered_by is None:
        raise ExecutionRefusedError(
            f"a RECOVERY of {plan.name} needs a person, and nobody is known to have started this run (run type "
            f"{run.run_type}); start it by hand or through REST, or by a task of a run that a person started"
        )
    if run.run_type == "operator_triggered" and not allowed:
        raise ExecutionRefusedError(
            f"another DAG starts a RECOVERY of {plan.name} for {run.initiated_by}, and the plan does not say who may: "
            "list them in recovery.initiators"
        )
    if allowed and run.initiated_by not in allowed:
        raise ExecutionRefusedError(
            f"{run.initiated_by} may not start a RECOVERY of {plan.name}; the plan's recovery.initiators are "
            f"{', '.join(allowed)}"
        )


def exclusion_reason(plan: Plan, run: RunFacts) -> str | None:
    """Return why a scheduled run must not begin now, or None; runs started by people are never excluded."""
    if not run.scheduled or plan.schedule is None:
        return None
    late = round((time.time() - run.run_after) / 60)
    if late > settings.get_int("late_schedule_minutes"):
        return f"the drill was due {late} minutes ago; it waits for its next turn"
    if window := plan.schedule.exclusion_at(run.run_after):
        return f"excluded until {window.last}: {window.reason}"
    return None
