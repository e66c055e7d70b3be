"""Whether a run may become an execution at all: its configuration, its initiator, the schedule's exclusions."""

from __future__ import annotations

import time
from typing import Any

from drs_provider import settings
from drs_provider.airflow_api.run import RunFacts
from drs_provider.core.canonical import camel_case
from drs_provider.core.states import ExecutionType
from drs_provider.exceptions import ExecutionRefusedError
from drs_provider.plan.conf.parsing import RunConf, parse_run_conf
from drs_provider.plan.model import Plan
from drs_provider.plan.people import NOBODY, People, team_of
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


def check_initiator(plan: Plan, conf: RunConf, run: RunFacts, people: People = NOBODY) -> str | None:
    """Refuse a RECOVERY by nobody, and by somebody whom the plan does not name.

    Returns the team as which the initiator may start it; None if no team is needed for that.

    A run that another DAG's task starts has the user who started that DAG's run; Airflow's server sees to it
    (``airflow/api_fastapi/execution_api/routes/dag_runs.py``). Such a run needs a plan that names its initiators:
    whoever may start any DAG that starts plans is not always somebody who may start this one.

    :param people: teams and persons as they are now
    :raises ExecutionRefusedError: naming the user and who may
    """
    if conf.execution_type != ExecutionType.RECOVERY:
        return None
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
    named_as = people.named_as(run.initiated_by, allowed)
    if allowed and named_as is None:
        raise ExecutionRefusedError(
            f"{run.initiated_by} may not start a RECOVERY of {plan.name}; the plan's recovery.initiators are "
            f"{', '.join(map(people.told, allowed))}"
        )
    return team_of(named_as or "")


def check_teams(plan: Plan, people: People, problem: str | None) -> None:
    """Refuse an execution of a plan that names a team which nobody knows.

    :param problem: why teams may be missing, or None
    :raises ExecutionRefusedError: naming the teams
    """
    if unknown := people.unknown_teams(plan.named_people):
        raise ExecutionRefusedError(
            f"plan {plan.name} names {', '.join(f'team:{name}' for name in unknown)}, and no library has it with "
            f"members: {problem or 'add it to the teams of a library beside the plans'}"
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


def known_of(plan: Plan, conf: RunConf) -> dict[str, Any]:
    """Return what the record of a refused run says beside the run's own facts."""
    known = {
        "planName": plan.display_title,
        "planHash": plan.content_hash,
        "executionType": str(conf.execution_type),
        "requestedBy": conf.initiated_by,
        "reason": conf.reason,
        "ticket": conf.ticket,
        "objectives": {
            camel_case(name): value for name, value in plan.objectives.model_dump(exclude_none=True).items()
        },
    }
    return {name: value for name, value in known.items() if value is not None}
