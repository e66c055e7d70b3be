"""The shape of the execution record, as it is stored and as its readers see it.

Fields are camelCase, times epoch seconds (UTC), wave numbers 1-based. A field that has no value yet is
absent, never null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Required, TypedDict

from drs_provider.rules.concurrency.preemption import Override

#: Status of a job that DRS does not show, or that cannot be read; it replaces nothing that is known of the job.
UNKNOWN_JOB = "UNKNOWN"


class Phase(TypedDict, total=False):
    """A server's time in one phase: ``snapshot``, ``conversion``, ``launch`` or ``post-launch``."""

    name: Required[str]
    start: float
    end: float
    error: str


class Transition(TypedDict):
    """When a server was first seen with a launch status."""

    status: str
    timestamp: float


class ServerRow(TypedDict, total=False):
    """A server of a wave. It is recovered if it is LAUNCHED and has no ``error``."""

    sourceServerId: Required[str]
    serverName: str
    critical: bool
    isDrill: bool
    launchStatus: Required[str]
    recoveryJobId: str
    recoveryInstanceId: str
    instanceId: str
    privateIp: str
    hostname: str
    instanceType: str
    instanceEnd: str  # EC2's words on why the instance is gone: its state and the causes
    statusChecks: dict[
        str, str
    ]  # EC2's status checks (system, instance, ebs) when the wave ended: ok, impaired …
    launchTime: float  # EC2's launch time of the instance
    launchedTime: float  # when DRS had it LAUNCHED
    pollAttempts: int
    lastPolledTime: float
    pointInTime: float
    snapshotId: str
    lagAtStart: str
    originAccountId: str  # of its source, with originRegion and originZone; absent if that is not in AWS
    originRegion: str
    originZone: str
    phases: list[Phase]
    postLaunchActionsStatus: str
    postLaunchActionsCompleted: float
    transitionHistory: list[Transition]
    attempts: int
    error: str
    truncated: bool  # the history table's row was too large and lost its oldest details


#: Of a server's row: different at every poll, also where nothing happened.
OF_POLL = frozenset({"lastPolledTime", "pollAttempts"})


class JobRow(TypedDict, total=False):
    """A DRS job of a wave, with DRS's status or UNKNOWN."""

    jobId: Required[str]
    status: Required[str]
    attempt: Required[int]
    startTime: float
    endTime: float


class AskedRow(TypedDict, total=False):
    """Who was asked from a moment on, and who was in the teams at that moment."""

    at: Required[float]
    names: Required[list[str]]  # logins and teams, as the plan names them
    teams: dict[str, list[str]]  # members by team
    asOfStart: str  # why libraries could not be read: members are those of the execution's start


class GateResponse(TypedDict, total=False):
    """A person's answer to a gate.

    ``respondedBy`` is the login, ``respondedById`` what Airflow's auth manager knows the person by; ``team`` is the one
    in whose name the answer counts, ``person`` who is behind the login where a library says so; ``emergency`` marks an
    emergency approver, who decided alone; ``refused`` says why the answer does not count.
    """

    decision: Required[str]
    respondedBy: Required[str]
    respondedById: str
    respondedAt: Required[float]
    comment: str
    ticket: str
    team: str
    person: str
    emergency: bool
    refused: str


class GateRow(TypedDict, total=False):
    """The gate before a wave, or the hold before a drill's cleanup."""

    armedBy: str
    message: str
    openedAt: float
    closedAt: float
    outcome: str
    asked: list[AskedRow]
    reminders: int
    remindedAt: float
    responses: list[GateResponse]


class StepFailure(TypedDict):
    """A server that a step failed for."""

    name: str
    output: str


class StepRow(TypedDict, total=False):
    """A step around a wave or around all waves, as it was in the attempt that ran it last."""

    name: Required[str]
    place: Required[str]  # before, after, before_first or after_last
    kind: Required[str]
    status: Required[str]  # PASSED, FAILED, ACCEPTED or SKIPPED; RUNNING or ASKING if it was stopped
    required: bool
    attempt: Required[int]
    startTime: float
    endTime: float
    output: str
    reason: str  # why it was accepted, failed by people, or skipped
    acceptedBy: str  # login of who accepted its failure
    servers: dict[str, int]  # how many passed and failed, of a step for each server
    failures: list[StepFailure]  # the first ones
    asks: list[GateRow]  # what people were asked about it, and answered
    stillRunning: list[str]  # remote work that a stopped execution could not stop


class EarlierWave(TypedDict, total=False):
    """What a wave was at the end of an earlier attempt."""

    attempt: Required[int]
    status: Required[str]
    startTime: float
    endTime: float
    readyTime: float
    gate: GateRow
    steps: list[StepRow]
    errorMessage: str


class WaveFields(TypedDict, total=False):
    """What tasks tell of a wave, and its record keeps."""

    waveNumber: Required[int]
    status: Required[str]
    attempt: Required[int]
    jobs: list[JobRow]
    startTime: float
    endTime: float  # DRS's: the end of its last job
    readyTime: float  # when its last required step had passed; absent without steps
    lastPolledTime: float
    serverStatuses: list[ServerRow]
    gate: GateRow
    steps: list[StepRow]
    skipReason: str
    enrichmentIncomplete: bool
    statusChecksUnread: str  # why EC2's status checks could not be read
    errorMessage: str


class WaveSummary(TypedDict, total=False):
    """What a wave's result says beside the record's fields, for gates and messages."""

    serversTotal: int
    serversRecovered: int
    failedServers: list[str]
    impairedServers: list[str]
    skippedByDecision: bool
    rowsApart: list[str]  # hashes of the server rows, where those travel in pieces


class WaveResult(WaveFields, WaveSummary, total=False):
    """How a wave ended in an attempt, as its last task tells it."""


class WaveRow(WaveFields, total=False):
    """A wave; its own fields are those of the newest attempt that ran it."""

    waveName: Required[str]
    protectionGroupIds: list[str]
    dependsOnWaves: list[int]
    pauseBeforeWave: bool
    region: str
    accountContext: dict[str, Any]
    executionMode: str  # DRILL or RECOVERY
    launchStatusCounts: dict[str, int]  # its servers by launchStatus, also where the rows are not shown
    selected: bool
    earlierAttempts: list[EarlierWave]


class LeftRow(TypedDict):
    """What a drill's cleanup left in an account and Region, and why."""

    accountId: str
    region: str
    instances: list[str]
    why: str


class CleanupReport(TypedDict, total=False):
    """What a drill's cleanup came to, with the attempt that it was of."""

    action: str  # terminated, incomplete, kept or none
    reason: str
    attempt: int
    instances: int
    terminated: list[str]
    remaining: list[str]
    preProvisioned: list[str]
    jobs: list[str]
    left: list[LeftRow]


class AttemptRow(TypedDict, total=False):
    """One pass to a terminal state."""

    attempt: Required[int]
    status: Required[str]
    startTime: Required[float]
    endTime: float
    waitingSeconds: float
    verdict: dict[str, Any]
    hold: GateRow
    cleanup: CleanupReport
    errorMessage: str
    reportUri: str
    reportSha256: str
    reportError: str
    chainLink: dict[str, Any]  # of the report in the chain of evidence: its number and sha256
    chainError: str  # why the report is in no link


class ExecutionRecord(TypedDict, total=False):
    """An execution; ``status`` and times are those of its newest attempt."""

    executionId: Required[str]
    planId: Required[str]
    planName: str
    planHash: str
    executionType: Required[str]
    status: Required[str]
    attempt: Required[int]
    attempts: Required[list[AttemptRow]]
    triggerTime: float
    startTime: Required[float]
    endTime: float
    expectedDuration: int
    expectedDurationSource: str  # history or profile
    durationSeconds: float
    waitingSeconds: float
    incidentTime: float
    initiatedBy: str
    initiatedAs: str  # the team as which the initiator may start a RECOVERY
    requestedBy: str
    reason: str
    ticket: str
    owner: str
    businessFunction: str
    criticality: int
    tags: dict[str, str]
    dagId: str
    dagRunId: str
    simulatedBy: list[str]  # hosts that answered in AWS's place; absent if all calls went to AWS
    accountContext: dict[str, Any]
    objectives: dict[str, Any]
    preflight: dict[str, Any]
    conf: dict[str, Any]  # the run configuration as it was given, in the caller's own keys
    overrides: list[Override]
    notificationFailures: list[dict[str, Any]]
    verdict: dict[str, Any]
    hold: GateRow
    cleanup: CleanupReport
    steps: list[StepRow]  # around all waves
    totalWaves: Required[int]
    completedWaves: Required[int]
    failedWaves: Required[int]
    currentWave: Required[int]
    lastPolledTime: float
    errorMessage: str
    waves: Required[list[WaveRow]]


def without_empty(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that have a value; None means absent."""
    return {name: value for name, value in fields.items() if value is not None}


def record_fields(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a result belongs into the wave's record."""
    return {name: value for name, value in result.items() if name not in WaveSummary.__annotations__}
