"""Builders of the values that the rule tests work on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from drs_provider.core.account import AwsTarget
from drs_provider.core.identity import job_tags
from drs_provider.core.quotas import DrsQuotas
from drs_provider.rules.drs.jobs import JobServerView, JobView
from drs_provider.rules.drs.recovery_instances import RecoveryInstanceView
from drs_provider.rules.execution.frozen import FrozenGate, FrozenPlan, FrozenServer, FrozenWave
from drs_provider.rules.wave.ownership import OwnedJob, StartIntent
from drs_provider.rules.wave.reconcile import QuotaUsage, StartDecision, decide_start

EXECUTION = "0f9e6d1c-5f0e-5b7e-8d0a-6f6f3a0f1c11"
OTHER_EXECUTION = "7a1d2c3b-1111-5b7e-8d0a-6f6f3a0f1c22"
NOW = 1_760_000_000.0


def rows(statuses: dict[str, str], *, instances: bool = True) -> tuple[JobServerView, ...]:
    """Return job rows; LAUNCHED ones get the instance id ``i-<server>``."""
    return tuple(
        JobServerView(server, status, f"i-{server}" if instances and status == "LAUNCHED" else None)
        for server, status in statuses.items()
    )


def job(
    job_id: str = "drsjob-1",
    statuses: dict[str, str] | None = None,
    *,
    servers: Sequence[JobServerView] | None = None,
    status: str = "COMPLETED",
    **changes: Any,
) -> JobView:
    """Return a LAUNCH job of a drill."""
    values: dict[str, Any] = {
        "initiated_by": "START_DRILL",
        "created_at": NOW - 1000,
        "ended_at": NOW - 10 if status == "COMPLETED" else None,
    }
    views = tuple(servers) if servers is not None else rows(statuses or {})
    return JobView(job_id, status=status, servers=views, **(values | changes))


def tags(
    *, wave: int = 1, attempt: int = 1, execution: str = EXECUTION, kind: str = "DRILL"
) -> dict[str, str]:
    """Return the tags of a StartRecovery."""
    return job_tags(execution, kind, "wiki", wave, attempt, {"CostCenter": "4711"})


def owned(view: JobView, attempt: int = 1) -> OwnedJob:
    """Return a job that is ours by its tags."""
    return OwnedJob(view, attempt, "tags")


def intent(servers: Iterable[str], *, attempt: int = 1, **changes: Any) -> StartIntent:
    """Return the stored intent of a StartRecovery."""
    values: dict[str, Any] = {
        "execution_id": EXECUTION,
        "wave_number": 1,
        "account_id": "111122223333",
        "region": "eu-west-1",
        "is_drill": True,
        "created_at": NOW - 1001,
    }
    return StartIntent(attempt=attempt, servers=tuple(servers), **(values | changes))


def instance(
    server: str, *, job_id: str | None = "drsjob-1", state: str = "RUNNING", is_drill: bool = True
) -> RecoveryInstanceView:
    """Return the recovery instance ``i-<server>``."""
    return RecoveryInstanceView(f"i-{server}", f"i-{server}", state, server, job_id, is_drill)


def decide(servers: Iterable[str], **changes: Any) -> StartDecision:
    """Decide the start of a wave in a quiet account, but for ``changes``."""
    values: dict[str, Any] = {
        "attempt": 1,
        "owned_jobs": (),
        "busy": {},
        "live_instances": {},
        "existing_instance_ids": set(),
        "quotas": DrsQuotas(),
        "usage": QuotaUsage(),
        "now": NOW,
    }
    return decide_start(wave_servers=tuple(servers), **(values | changes))


def server(server_id: str, *, critical: bool = True) -> FrozenServer:
    """Return a frozen server named after its id."""
    return FrozenServer(source_server_id=server_id, name=f"name-{server_id}", critical=critical)


def wave(number: int = 1, servers: Iterable[str] = ("s-1",), **changes: Any) -> FrozenWave:
    """Return a frozen wave."""
    values: dict[str, Any] = {
        "number": number,
        "name": f"wave-{number}",
        "groups": ("all",),
        "target": AwsTarget("main", "aws_dr", "111122223333", "eu-west-1", own_account=True),
        "servers": tuple(server(item) for item in servers),
        "post_launch_timeout_seconds": 1_800,
        "timeout_seconds": 5_400,
        "queue_timeout_seconds": 3_600,
        "gate": FrozenGate(timeout_seconds=3_600),
    }
    return FrozenWave(**(values | changes))


def header(**changes: Any) -> FrozenPlan:
    """Return the header of a frozen drill of the plan ``wiki`` with one wave."""
    values: dict[str, Any] = {
        "execution_id": EXECUTION,
        "execution_type": "DRILL",
        "plan_name": "wiki",
        "plan_title": "Wiki",
        "plan_hash": "ab" * 32,
        "dag_id": "drs_wiki",
        "dag_run_id": "CHG0001",
        "run_after": NOW,
        "conf": {"reason": "quarterly"},
        "started_at": NOW + 1.25,
        "priority": 10,
        "tags": {},
        "objectives": {"rto_minutes": 120},
        "hold": {"enabled": True, "timeout_seconds": 14_400},
        "cleanup": "terminate",
        "max_age_seconds": 43_200,
        "waves": ({"number": 1, "name": "everything"},),
    }
    return FrozenPlan(**(values | changes))


def settled(decision: StartDecision) -> bool:
    """Whether nothing is left to start or to wait for."""
    return not decision.launch and not decision.waiting
