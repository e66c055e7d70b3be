"""Whether a task that begins still has the end of its attempt before it."""

from __future__ import annotations

from drs_provider import keys
from drs_provider.airflow_api.run import RunView
from drs_provider.core.task_states import TASK_OVER
from drs_provider.exceptions import ExecutionRefusedError


def require_end_ahead(view: RunView, *ends: str) -> None:
    """Refuse to begin if what must follow has ended already: a task was cleared without what is behind it.

    Nothing would record what it does: record and colour stay those of the last attempt that came to its end.

    :param ends: what must be ahead; default: `finalize`
    :raises ExecutionRefusedError: naming the way out
    """
    states = view.task_states()
    for task_id in ends or (keys.FINALIZE,):
        if states.get(task_id) in TASK_OVER:
            raise ExecutionRefusedError(
                f"{view.task_id} does nothing: {task_id} is over, and would not see what it does. Clear it again, "
                "with downstream (a wave: its whole group)."
            )
