"""Why a task of ours failed, told to the tasks behind it.

A task that fails without having told anything was killed: by a person who marked the run failed, or by a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from airflow.sdk.exceptions import AirflowSkipException

from drs_provider.keys import FAILURE
from drs_provider.runtime.run import RunView

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")


def tells_failure(
    method: Callable[Concatenate[S, Mapping[str, Any], P], R],
) -> Callable[Concatenate[S, Mapping[str, Any], P], R]:
    """Wrap ``execute`` or a resume method: an error is written to the XCom ``failure``, then raised on."""

    @wraps(method)
    def wrapper(self: S, context: Mapping[str, Any], /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, context, *args, **kwargs)
        except AirflowSkipException:
            raise
        except Exception as error:
            RunView(context).push(FAILURE, {"errorType": type(error).__name__, "message": str(error)})
            raise

    return wrapper
