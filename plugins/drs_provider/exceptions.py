"""Errors of the provider's AWS and Airflow layers.

::

    DrsError (AirflowException)              may be retried by Airflow
    ├── DrsIncompleteAnswerError             AWS answered without what the operation must return
    ├── DrsTerminateIncompleteError          some instances were handed to a terminate job, others not
    ├── DrsPollError                         jobs could not be read for longer than the error budget
    ├── TaskStoppedError                     the task was stopped or cleared while its process still runs
    ├── RunUnknownError                      Airflow does not tell what became of another run
    ├── PreflightUnansweredError             AWS could not answer what preflight asks
    ├── OutcomeUnknownError                  nothing tells whether an action of a step has begun
    ├── DrsIdentityUnprovenError             credentials cannot be had, or not be proven, now
    └── DrsFailError (AirflowFailException)  never retried: people must act
        ├── DrsConfigurationError            [drs] settings are missing or wrong
        ├── DrsConnectionMissingError        the Airflow connection does not exist
        ├── DrsConnectionInvalidError        the Airflow connection is no AWS connection
        ├── DrsIdentityError                 AWS refuses credentials or role, or they are another account's
        ├── DrsAccessDeniedError             the proven identity lacks a right
        ├── DrsNotInitializedError           DRS was never initialized in the Region
        ├── PlanUnavailableError             the plan's file does not load, or is gone
        ├── ExecutionRefusedError            conf, preflight or another execution forbids the start
        ├── PreemptedError                   a RECOVERY has cancelled the drill, because it needs its servers
        ├── EvidenceError                    signed evidence does not verify
        ├── GateClosedError                  a gate was rejected or timed out
        ├── WaveFailedError                  the wave's criteria are not met
        ├── CleanupIncompleteError           instances of a drill are left
        ├── SweepIncompleteError             something could not be swept
        ├── InstallationUnfitError           the doctor found what stops executions
        └── ExecutionFailedError             raised at the end of finalize, so that the run is red
"""

from __future__ import annotations

from functools import partial
from typing import Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException


class DrsError(AirflowException):
    """Base of every error of this provider that Airflow may retry."""


class DrsIncompleteAnswerError(DrsError):
    """An answer of AWS lacks the member that the operation must return, such as a cut-off body.

    An answer without ``items`` is not an empty list: read so, a lost body would mean "no jobs".
    """


class DrsTerminateIncompleteError(DrsError):
    """A batch of instances could not be handed to a terminate job after others had been.

    :param jobs: the terminate jobs that were created before the failure
    :param remaining: recovery instance ids that belong to none of them
    """

    def __init__(self, jobs: list[dict[str, Any]], remaining: list[str]) -> None:
        super().__init__(
            f"terminate jobs {[job.get('jobID') for job in jobs]} were created, but {len(remaining)} "
            f"recovery instances are in none of them: {remaining}"
        )
        self.jobs = jobs
        self.remaining = remaining

    def __reduce__(self) -> tuple[type[DrsTerminateIncompleteError], tuple[Any, ...]]:
        return type(self), (self.jobs, self.remaining)


class DrsPollError(DrsError):
    """Jobs could not be read for longer than the poller's error budget."""


class TaskStoppedError(DrsError):
    """The task was stopped or cleared meanwhile, although its process still runs."""


class RunUnknownError(DrsError):
    """Airflow does not tell whether another run exists, or what state it is in."""


class OutcomeUnknownError(DrsError):
    """Nothing tells whether an action of a step has begun: it must not be repeated before a person has looked."""


class DrsFailError(DrsError, AirflowFailException):
    """Base of the errors that a retry cannot mend."""


class DrsConfigurationError(DrsFailError):
    """A ``[drs]`` setting is missing or wrong; the message names the setting and the remedy."""


class DrsConnectionMissingError(DrsFailError):
    """The Airflow connection that a target names does not exist."""


class DrsConnectionInvalidError(DrsFailError):
    """The Airflow connection that a target names is not of type ``aws``."""


class DrsIdentityError(DrsFailError):
    """AWS refuses the credentials or the role, or they are another account's than the plan says.

    :param message: what is wrong, naming the connection
    :param remedy: what to do about it
    """

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message} {remedy}")
        self.message, self.remedy = message, remedy

    def __reduce__(self) -> tuple[type[DrsIdentityError], tuple[str, str]]:
        return type(self), (self.message, self.remedy)


class DrsIdentityUnprovenError(DrsError):
    """Credentials cannot be had, or not be proven, now; nothing was called with them. A later try may have them.

    :param message: what is wrong, naming the connection
    :param remedy: what to do about it
    :param passing: whether it may be gone in a moment without anybody acting, such as metadata that do not answer
    """

    def __init__(self, message: str, remedy: str, *, passing: bool = False) -> None:
        super().__init__(f"{message} {remedy}")
        self.message, self.remedy, self.passing = message, remedy, passing

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), passing=self.passing), (self.message, self.remedy)


class DrsAccessDeniedError(DrsFailError):
    """The proven identity lacks a right; the message names operation, identity and account."""


class DrsNotInitializedError(DrsFailError):
    """DRS was never initialized in the target's Region."""


class PreflightUnansweredError(DrsError):
    """AWS could not answer what preflight asks: a retry asks again, in a process and with sessions of its own."""


class PlanUnavailableError(DrsFailError):
    """The plan's file does not load, or is gone."""


class ExecutionRefusedError(DrsFailError):
    """The execution must not start: conf, preflight findings or another execution forbid it."""


class PreemptedError(DrsFailError):
    """A RECOVERY has cancelled this drill, because it needs its servers."""


class EvidenceError(DrsFailError):
    """Signed evidence (frozen plan, intent, gate decision) does not verify."""


class GateClosedError(DrsFailError):
    """A gate was rejected by a person, or timed out."""


class StepFailedError(DrsFailError):
    """A step failed, and with it its wave or the execution."""


class WaveFailedError(DrsFailError):
    """The wave's success criteria are not met."""


class CleanupIncompleteError(DrsFailError):
    """Instances of a drill are left after its cleanup; the message names them."""


class SweepIncompleteError(DrsFailError):
    """A sweep could not look at everything, or did not bring to an end what it began; the message names it."""


class ReadinessIncompleteError(DrsFailError):
    """A plan could not be looked at; the message names it, and what was seen of the others."""


class InstallationUnfitError(DrsFailError):
    """The doctor found what stops executions; the message names it, its report has the remedies."""


class ExecutionFailedError(DrsFailError):
    """The execution did not end well; raised by `finalize` so that the DAG run is red."""
