"""Garbage is not looked for while plans are read and DAGs are built."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def collection_paused(build: Callable[P, T]) -> Callable[P, T]:
    """Pause Python's search for cyclic garbage while a function runs.

    What a parse makes lives until the end of the parse. With 500 plans the search walks all of it again and again and
    finds nothing: a quarter of the CPU of reading and building. Reference counts still free the rest.
    """

    @wraps(build)
    def paused(*args: P.args, **kwargs: P.kwargs) -> T:
        if not gc.isenabled():
            return build(*args, **kwargs)
        gc.disable()
        try:
            return build(*args, **kwargs)
        finally:
            gc.enable()

    return paused
