"""The end of an attempt as `finalize` tells it: an XCom that everybody reads, its signature in another one beside it.

The sweeper writes it into the history if it never got there, and whoever may edit a run may write XComs.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from drs_provider import keys, settings
from drs_provider.airflow_api.run import RunView
from drs_provider.core.canonical import content_hash
from drs_provider.core.evidence import EXECUTION_END, binding, seal
from drs_provider.exceptions import DrsConfigurationError
from drs_provider.runtime.channels.signed import changed
from drs_provider.runtime.execution import unseal

log = logging.getLogger(__name__)


def tell_end(view: RunView, record: Mapping[str, Any]) -> None:
    """Write the running task's record; its signature first, so that none is without."""
    try:
        key = settings.signing_key()
    except DrsConfigurationError as error:
        # An end is told also of a run that was refused because there is no key.
        log.warning("The record is not signed: %s", error)
    else:
        payload = {"digest": content_hash(record)}
        sealed = seal(payload, key=key, purpose=EXECUTION_END, binding=_binding(record))
        view.push(keys.EXECUTION_RECORD_SIGNATURE, sealed)
    view.push(keys.EXECUTION_RECORD, dict(record))


def require_told(record: Mapping[str, Any], signature: Any) -> None:
    """Go on only if `finalize` told this very end.

    :raises EvidenceError: if it was changed, is not signed, or belongs to another execution or attempt
    """
    if unseal(signature, EXECUTION_END, _binding(record)) != {"digest": content_hash(record)}:
        raise changed(EXECUTION_END)


def _binding(record: Mapping[str, Any]) -> dict[str, Any]:
    return binding(record["executionId"], attempt=record["attempt"])
