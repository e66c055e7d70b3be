"""Why a task of ours failed, told to the tasks behind it.

A task that fails without having told anything was killed: by a person who marked the run failed, or by a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from airflow.sdk.exceptions import AirflowSkipException

from drs_provider.airflow_api.run import RunView
from drs_provider.core.texts import message
from drs_provider.exceptions import TaskStoppedError
from drs_provider.keys import FAILURE

R = TypeVar("R")


def tells_failure(method: Callable[..., R]) -> Callable[..., R]:
    """Wrap ``execute`` or a resume method: an error is written to the XCom ``failure``, cut, then raised on whole."""

    @wraps(method)
    def wrapper(self: Any, context: Mapping[str, Any], *args: Any, **kwargs: Any) -> R:
        try:
            return method(self, context, *args, **kwargs)
        except (AirflowSkipException, TaskStoppedError):
            raise
        except Exception as error:
            RunView(context).push(
                FAILURE, {"errorType": type(error).__name__, "message": message(str(error))}
            )
            raise

    return wrapper
