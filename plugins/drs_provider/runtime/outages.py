"""AWS that cannot be reached for a while: a task waits for it, deferred, instead of using up its retries."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import wraps
from typing import Any, NoReturn, TypeVar

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk.exceptions import TaskDeferred

from drs_provider import keys, settings
from drs_provider.airflow_api.run import RunFacts
from drs_provider.airflow_api.state_store import TaskState
from drs_provider.core.events import Event
from drs_provider.runtime.execution import execution_id_of
from drs_provider.runtime.timeline import emit

R = TypeVar("R")

RESUME_METHOD = "look_again"
PAUSE_SECONDS = 30.0

log = logging.getLogger(__name__)


def waits_out_outages(method: Callable[..., R]) -> Callable[..., R]:
    """Wrap ``execute`` and ``look_again`` of a task that may be done again from its beginning.

    An error that may pass by itself makes the task look again later, for as long as :func:`should_wait_out` says.
    """

    @wraps(method)
    def wrapper(self: Any, context: Mapping[str, Any], *args: Any, **kwargs: Any) -> R:
        result = tried(context, lambda: method(self, context, *args, **kwargs))
        if isinstance(result, Outage):
            pause(self, PAUSE_SECONDS)
        return result

    return wrapper


class Outage:
    """What was tried failed by what may pass by itself."""


def tried(context: Mapping[str, Any], call: Callable[[], R]) -> R | Outage:
    """Return what a call returns, or that its error is to be waited out.

    :raises Exception: what it raises, if it is not
    """
    try:
        result = call()
    except TaskDeferred:
        is_over(context)
        raise
    except Exception as error:
        if not should_wait_out(context, error):
            raise
        return Outage()
    is_over(context)
    return result


def pause(task: Any, seconds: float) -> NoReturn:
    """Defer a task; it goes on with ``look_again``.

    :raises TaskDeferred: always; it is how Airflow frees the worker
    """
    task.defer(trigger=TimeDeltaTrigger(timedelta(seconds=seconds)), method_name=RESUME_METHOD)
    raise AssertionError("a task that defers does not go on")


def should_wait_out(context: Mapping[str, Any], error: Exception) -> bool:
    """Tell whether to look again after an error.

    Throttling, expired tokens, faults of a service and lost connections may pass by themselves: they are borne for
    ``[drs] outage_minutes`` from the first one in a row on. After that, Airflow's retries are what is left.
    """
    from drs_provider.hooks.aws.errors import is_transient  # boto3 stays out of DAG parsing

    if not is_transient(error):
        is_over(context)
        return False
    now = time.time()
    waited = now - TaskState(context).once(_key(context), now)
    if waited > settings.get_seconds("outage_minutes") * 60:
        return False
    log.warning("AWS cannot be reached, looking again in %d s: %s", PAUSE_SECONDS, error)
    task_id = context["ti"].task_id
    execution_id = execution_id_of(RunFacts.of(context))
    emit(execution_id, Event.AWS_UNREACHABLE, task=task_id, seconds=round(waited), error=str(error))
    return True


def is_over(context: Mapping[str, Any]) -> None:
    """Take note that AWS answers."""
    TaskState(context).forget(_key(context))


def _key(context: Mapping[str, Any]) -> str:
    return f"{keys.OUTAGE_SINCE}_{RunFacts.of(context).attempt}"
