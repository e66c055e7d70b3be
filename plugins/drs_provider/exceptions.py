"""Errors of the provider's AWS and Airflow layers.

::

    DrsError (AirflowException)              may be retried by Airflow
    ├── DrsJobError                          a job vanished, or a wave's verdict is failure
    └── DrsFailError (AirflowFailException)  never retried: people must act
        ├── DrsConfigurationError            [drs] settings are missing or wrong
        ├── DrsConnectionMissingError        the Airflow connection does not exist
        ├── DrsIdentityError                 role not assumable, or another account than the plan says
        ├── DrsNotInitializedError           DRS was never initialized in the Region
        ├── PlanUnavailableError             the plan's file does not load, or is gone
        ├── ExecutionRefusedError            conf, preflight or another execution forbids the start
        ├── EvidenceError                    signed evidence does not verify
        ├── GateClosedError                  a gate was rejected or timed out
        └── WaveFailedError                  the wave's criteria are not met
"""

from __future__ import annotations

from airflow.sdk.exceptions import AirflowException, AirflowFailException


class DrsError(AirflowException):
    """Base of every error of this provider that Airflow may retry."""


class DrsJobError(DrsError):
    """A DRS job cannot be followed (not found after its grace period, or without servers)."""


class DrsFailError(DrsError, AirflowFailException):
    """Base of the errors that a retry cannot mend."""


class DrsConfigurationError(DrsFailError):
    """A ``[drs]`` setting is missing or wrong; the message names the setting and the remedy."""


class DrsConnectionMissingError(DrsFailError):
    """The Airflow connection that a target names does not exist."""


class DrsIdentityError(DrsFailError):
    """A role cannot be assumed, or the credentials belong to another account than the plan says."""


class DrsNotInitializedError(DrsFailError):
    """DRS was never initialized in the target's Region."""


class PlanUnavailableError(DrsFailError):
    """The plan's file does not load, or is gone."""


class ExecutionRefusedError(DrsFailError):
    """The execution must not start: conf, preflight findings or another execution forbid it."""


class EvidenceError(DrsFailError):
    """Signed evidence (frozen plan, intent, gate decision) does not verify."""


class GateClosedError(DrsFailError):
    """A gate was rejected by a person, or timed out."""


class WaveFailedError(DrsFailError):
    """The wave's success criteria are not met."""
