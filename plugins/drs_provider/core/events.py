"""Events of the timeline: what they are called, what they mean, and the line that tells one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from drs_provider.core.texts import message

TIMELINE_LOGGER: Final = "drs.timeline"
"""Every event is logged by this logger, one JSON object a line."""


class Event(StrEnum):
    """An event of an execution. The text under each is its meaning and its facts, as docs/timeline.md has them."""

    def __new__(cls, value: str, meaning: str = "") -> Event:
        """Make a member of its name and its meaning."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    meaning: str

    PREPARE_STARTED = "prepareStarted", "`prepare` begins: `plan`, `executionType`"
    ROLE_ASSUMED = (
        "roleAssumed",
        "a target's role gave credentials: `accountId`, `region`, `roleArn`, `sessionName`, `expires`",
    )
    IDENTITY_PROVEN = (
        "identityProven",
        "GetCallerIdentity named the target's account: `accountId`, `region`, `target`, `callerArn`, `sessionName`",
    )
    PREFLIGHT = "preflight", "preflight is over: numbers of `blocking` findings and `warnings`"
    PLAN_STATE = (
        "planState",
        "a plan's state is another one than before: `plan`, `state`, `since`, `why`",
    )
    READINESS_LOST = (
        "readinessLost",
        "a plan that was ready is not any more: `plan`, `errors`, `codes`",
    )
    DRILL_OVERDUE = "drillOverdue", "a plan was not drilled for too long: `plan`, `since`, `drillEveryDays`"
    RUNBOOK_WRITTEN = "runbookWritten", "the plan's runbook was written beside the reports: `page`"
    RUNBOOK_FAILED = "runbookFailed", "it could not be written, nothing else changes: `error`"
    EXPECTED_DURATION = (
        "expectedDuration",
        "what is expected: `seconds`, `source` (profile or history), `executions`",
    )
    DRILL_PREEMPTED = (
        "drillPreempted",
        "a RECOVERY cancelled a drill that was in its way: `drillExecutionId`, `servers`, `by`",
    )
    EXECUTION_STARTED = "executionStarted", "the plan is frozen, the record written: `executionType`, `waves`"
    PREPARE_ENDED = "prepareEnded", "`prepare` is over: `seconds`; with `error` if it refused the execution"
    PLAN_EDITED = "planEdited", "the plan's file has changed since; the frozen plan holds: `frozenHash`"
    GATE_OPENED = (
        "gateOpened",
        "a gate waits for people: `waveNumber`, `timeoutSeconds`, `asked` (logins; empty: everybody)",
    )
    GATE_REMINDED = (
        "gateReminded",
        "nobody has answered yet, people are reminded: `waveNumber`, `asked`, `reminders`",
    )
    GATE_ESCALATED = "gateEscalated", "further people are asked as well: `waveNumber`, `names`, `logins`"
    EMERGENCY_APPROVAL = (
        "emergencyApproval",
        "an emergency approver decided alone: `waveNumber`, `by`, `reason`, `decision`; of a step `step` and `place`",
    )
    GATE_CLOSED = "gateClosed", "a gate was answered, or its time is over: `waveNumber`, `decision`"
    WAVE_QUEUED = "waveQueued", "a wave waits for busy servers or for quota: `waveNumber`, `waitingServers`"
    JOB_STARTED = "jobStarted", "StartRecovery was answered: `waveNumber`, `jobId`, `servers`"
    WAVE_STARTED = (
        "waveStarted",
        "all jobs of a wave run: `waveNumber`, `waveName`, `jobs`, `servers`, `deadline`",
    )
    WAVE_SKIPPED = "waveSkipped", "a wave is left out: `waveNumber`, `reason`"
    PROGRESS = (
        "progress",
        (
            "a poll (`lastPolledTime`; the line may come later) shows a change: `waveNumber`, `servers` by state, "
            "`phase`, `fraction`, `remainingSeconds`, `elapsedSeconds`"
        ),
    )
    JOBS_ENDED = "jobsEnded", "every server of a wave is decided: `waveNumber`, `recovered`, `servers`"
    ENRICHMENT_STARTED = "enrichmentStarted", "instances of a wave are looked up: `waveNumber`"
    ENRICHMENT_ENDED = (
        "enrichmentEnded",
        "and were: `waveNumber`, `seconds`; `complete` is false if EC2 could not say",
    )
    STATUS_CHECKS_IMPAIRED = (
        "statusChecksImpaired",
        "EC2's status checks of launched instances fail; a warning: `waveNumber`, `servers`",
    )
    WAVE_COMPLETED = (
        "waveCompleted",
        "a wave met its criteria: `waveNumber`, `serversRecovered`, `serversTotal`",
    )
    WAVE_FAILED = "waveFailed", "a wave did not: as waveCompleted"
    STEP_STARTED = (
        "stepStarted",
        "a step begins: `step`, `place`, `kind`, `waveNumber` (0: around all waves), `subjects`",
    )
    STEP_ENDED = "stepEnded", "and has ended: `step`, `place`, `waveNumber`, `status`, `output`, `reason`"
    STEP_ASKS = "stepAsks", "a failed step waits for people: `step`, `place`, `waveNumber`, `timeoutSeconds`"
    HOLD_OPENED = "holdOpened", "a drill waits for its verdict: `timeoutSeconds`"
    DRILL_JUDGED = "drillJudged", "the verdict: `result`"
    INSTANCES_LOST = (
        "instancesLost",
        "instances of a judged wave were replaced or terminated from outside: `instances` with what became of each",
    )
    CLEANUP_STARTED = "cleanupStarted", "a drill's instances are about to be terminated"
    INSTANCES_TERMINATING = (
        "instancesTerminating",
        "TerminateRecoveryInstances was answered: `accountId`, `region`, `instances`, `jobs`",
    )
    DRILL_CLEANED_UP = (
        "drillCleanedUp",
        (
            "the cleanup has ended: `action`, `terminated`, `remaining`, `jobs`; `preProvisioned` if an instance was "
            "kept because it existed before; `left` if instances are left: `accountId`, `region`, `instances`, `why`"
        ),
    )
    AWS_UNREACHABLE = (
        "awsUnreachable",
        "a task waits for AWS to answer again: `task`, `seconds` so far, `error`",
    )
    NOTIFICATION_FAILED = "notificationFailed", "a notifier failed, nothing else changes: `notifier`, `error`"
    REPORT_FAILED = "reportFailed", "the report could not be written, nothing else changes: `error`"
    EVIDENCE_LINKED = "evidenceLinked", "the report is in the chain of evidence: `link`, `sha256`"
    EVIDENCE_FAILED = (
        "evidenceFailed",
        "the report is not in the chain of evidence, nothing else changes: `error`",
    )
    METRICS_SENT = "metricsSent", "CloudWatch took the metrics: `count`, `namespace`"
    METRICS_FAILED = "metricsFailed", "CloudWatch did not, nothing else changes: `error`"
    EXECUTION_FINALIZED = (
        "executionFinalized",
        "the attempt is over: `status`, and under `waves` the status of each",
    )
    EXECUTION_ORPHANED = (
        "executionOrphaned",
        "the sweeper closed a record whose run is gone: `status`, `action`, `reason`",
    )
    DRILL_SWEPT = "drillSwept", "the sweeper terminated a drill that outlived its time: `instances`, `jobs`"


def event_line(execution_id: str | None, event: Event, at: float, facts: Mapping[str, Any]) -> str:
    """Return the log line of an event: ``executionId``, ``event``, ``timestamp``, ``timestampISO`` and the facts.

    :param execution_id: None for what no single execution does, such as the shared polls
    :param at: epoch seconds
    """
    record = {
        "executionId": execution_id,
        "event": event.value,
        "timestamp": round(at, 3),
        "timestampISO": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
        **{name: message(fact) if isinstance(fact, str) else fact for name, fact in facts.items()},
    }
    return json.dumps(record, default=str, sort_keys=True)
