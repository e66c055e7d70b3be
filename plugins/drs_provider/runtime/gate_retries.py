"""How often, and how soon, a gate is tried again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy

from drs_provider import keys
from drs_provider.airflow_api.state_store import TaskState


class OwnFailures(RetryPolicy):
    """Counts only the failures of the task's own process, with growing pauses.

    A try that the scheduler takes for a killed one never gets here: it is tried again after the task's
    ``retry_delay`` and costs only one of its ``retries``, so both can suit that case alone.

    :param most: how many tries of an attempt may fail by themselves before the task does
    :param delay: before the first repetition; doubled for each further one
    :param longest: the longest pause
    """

    def __init__(self, *, most: int, delay: timedelta, longest: timedelta) -> None:
        self.most = most
        self.delay = delay
        self.longest = longest

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Mapping[str, Any] | None = None,
    ) -> RetryDecision:
        """Return when to try again, or that the task has failed."""
        if context is None:
            return RetryDecision.default()
        state = TaskState(context)
        key = f"{keys.FAILED_TRIES}_{(context['dag_run'].clear_number or 0) + 1}"
        failed = int(state.get(key, 0)) + 1
        state.set(key, failed)
        if failed > self.most:
            return RetryDecision.fail(f"{failed} tries failed")
        return RetryDecision.retry(min(self.delay * 2 ** (failed - 1), self.longest))
