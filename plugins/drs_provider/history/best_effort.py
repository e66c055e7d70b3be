"""The history as the recovery uses it: a table that cannot be reached stops nothing (trap 32)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.parsers import ResponseParserError

from drs_provider.history.outcome import HistoryBusyError
from drs_provider.history.store import DynamoDbHistory

log = logging.getLogger(__name__)

T = TypeVar("T")

# Faults of our own requests: hiding them would hide a bug. An item that is too large is reported by
# DynamoDB as one of these, but it is a loss like any other.
_OWN_FAULTS = frozenset({"ValidationException", "SerializationException"})
_TOO_LARGE = "maximum allowed size"


def is_loss(error: Exception) -> bool:
    """Whether an error means that the table could not be reached or used, and not a fault of our own."""
    if isinstance(error, ClientError):
        details = error.response.get("Error", {})
        return details.get("Code") not in _OWN_FAULTS or _TOO_LARGE in details.get("Message", "")
    if isinstance(error, (ResponseParserError, HistoryBusyError)):
        return True
    return isinstance(error, BotoCoreError) and not isinstance(error, ParamValidationError)


class BestEffortHistory:
    """A history whose losses are logged and answered with None; it raises only for faults of our own.

    It remembers nothing: what was lost is caught up by the next write that gives its ``full_record``, and
    by ``finalize``.

    :param history: the history, a function that connects to it (called at every use until it succeeds),
        or None if it is switched off
    :param also_lost: errors of connecting that count as a loss, too
    """

    def __init__(
        self,
        history: DynamoDbHistory | Callable[[], DynamoDbHistory] | None,
        *,
        also_lost: tuple[type[Exception], ...] = (),
    ) -> None:
        self._history = history
        self._also_lost = also_lost

    def attempt(self, what: str, act: Callable[[DynamoDbHistory], T]) -> T | None:
        """Return what an access to the history returns, or None if it is lost.

        :param what: what is lost then, for the log
        """
        if self._history is None:
            return None
        try:
            if not isinstance(self._history, DynamoDbHistory):
                self._history = self._history()
            return act(self._history)
        except Exception as error:
            if not isinstance(error, self._also_lost) and not is_loss(error):
                raise
            log.warning("The history table cannot be used (%s). Lost: %s", error, what)
            return None
