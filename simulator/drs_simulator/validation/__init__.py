"""Validation of the simulated service by botocore's own model of `drs`.

Three questions, three parts: is a message well formed (`validate_request`, `validate_response`), does it hold
what its state asks for (`check_presence`), and may one answer follow the other (`check_trace`,
`check_job_log`)? `install` and `checked_responses` put the first two to every response a test receives.
"""

from __future__ import annotations

from drs_simulator.validation.deviations import ERROR_DEVIATIONS, VALUE_DEVIATIONS
from drs_simulator.validation.job_log import check_job_log, check_log_growth
from drs_simulator.validation.messages import validate_request, validate_response
from drs_simulator.validation.presence import check_presence
from drs_simulator.validation.presence_table import PRESENCE_RULES
from drs_simulator.validation.recorder import (
    Recorder,
    checked_responses,
    install,
    recording_everywhere,
)
from drs_simulator.validation.transitions import Snapshot, TraceChecker, check_trace
from drs_simulator.validation.violations import Check, Violation

__all__ = [
    "ERROR_DEVIATIONS",
    "PRESENCE_RULES",
    "VALUE_DEVIATIONS",
    "Check",
    "Recorder",
    "Snapshot",
    "TraceChecker",
    "Violation",
    "check_job_log",
    "check_log_growth",
    "check_presence",
    "check_trace",
    "checked_responses",
    "install",
    "recording_everywhere",
    "validate_request",
    "validate_response",
]
