"""Every channel: who tells what to whom, where it is kept, and what proves it."""

from __future__ import annotations

from dataclasses import asdict

from drs_provider import keys
from drs_provider.core import evidence
from drs_provider.plan.operations import Notification
from drs_provider.rules.concurrency.claims import Claim, Wait
from drs_provider.rules.concurrency.preemption import Override, Preemption
from drs_provider.rules.execution.frozen import FrozenPlan, FrozenWave
from drs_provider.rules.gate import Answers, GateDecision
from drs_provider.rules.record.outside_changes import Seen
from drs_provider.rules.record.schema import CleanupReport, ExecutionRecord, WaveResult
from drs_provider.rules.steps.state import StepState
from drs_provider.rules.wave.ownership import StartIntent
from drs_provider.rules.wave.watch import JobsToFollow
from drs_provider.runtime.channels.channel import ATTEMPT, PLAN_HASH, WAVE, Channel, Place

GATE = "gate"  # stands for every gate's task
#: ``action`` of a cleanup that proved that nothing of the drill is left
TERMINATED = "terminated"

_OF_EXECUTION = frozenset({PLAN_HASH})
_BEFORE_THE_PLAN: frozenset[str] = frozenset()
_KEPT = frozenset({Place.STORE, Place.COPY})


FROZEN_PLAN = Channel[FrozenPlan](
    evidence.FROZEN_PLAN,
    keys.FROZEN_PLAN,
    (keys.PREPARE,),
    lambda plan: plan.model_dump(mode="json"),
    FrozenPlan.model_validate,
    binds=_BEFORE_THE_PLAN,
    places=frozenset({Place.STORE, Place.XCOM}),
)
FROZEN_WAVE = Channel[FrozenWave](
    evidence.FROZEN_WAVE,
    "frozen_wave_{wave}",
    (keys.PREPARE,),
    lambda wave: wave.model_dump(mode="json"),
    FrozenWave.model_validate,
    places=frozenset({Place.STORE, Place.XCOM}),
)
#: In which attempt `prepare` ran last
PREPARED = Channel[int](
    evidence.PREPARED,
    keys.PREPARED,
    (keys.PREPARE,),
    lambda attempt: {"attempt": attempt},
    lambda content: int(content["attempt"]),
    binds=_OF_EXECUTION,
)
#: Whom to tell of the end of a run that is refused; signed, since its notifiers are imported and called
NOTIFICATIONS = Channel[list[Notification]](
    evidence.NOTIFICATIONS,
    keys.NOTIFICATIONS,
    (keys.PREPARE,),
    lambda told: {"notifications": [item.model_dump(mode="json") for item in told]},
    lambda content: [Notification.model_validate(item) for item in content["notifications"]],
    binds=_BEFORE_THE_PLAN,
)
#: Which servers a run holds, for other runs
CLAIM = Channel[Claim](
    evidence.CLAIM,
    keys.CLAIM,
    (keys.PREPARE, keys.START_RECOVERY),
    asdict,
    lambda content: Claim(**content),
    binds=_BEFORE_THE_PLAN,
    places=frozenset({Place.PREPARE}),
)
#: What a later attempt overrode; the first one's overrides are in the frozen plan
OVERRIDES = Channel[list[Override]](
    evidence.OVERRIDES,
    keys.OVERRIDES,
    (keys.PREPARE, keys.START_RECOVERY),
    lambda rows: {"overrides": rows},
    lambda content: list(content["overrides"]),
    binds=_OF_EXECUTION,
)
#: A RECOVERY cancels a drill: written into the drill's run by the RECOVERY's
PREEMPTION = Channel[Preemption](
    evidence.PREEMPTION,
    keys.PREEMPTION,
    (keys.PREPARE, keys.START_RECOVERY),
    asdict,
    lambda content: Preemption(**content),
    binds=_BEFORE_THE_PLAN,
    places=frozenset({Place.PREPARE}),
)
#: How many servers of a wave wait for quota, and since when, for other runs
QUOTA_WAIT = Channel[Wait](
    evidence.QUOTA_WAIT,
    keys.QUOTA_WAIT,
    (keys.START_RECOVERY,),
    Wait._asdict,
    lambda content: Wait(**content),
    binds=frozenset({WAVE}),
)
#: What a start asks DRS for, told before it asks; whoever cleans up must know jobs whose tags never came
START_INTENTS = Channel[list[StartIntent]](
    evidence.START_INTENT,
    keys.START_INTENTS,
    (keys.START_RECOVERY,),
    lambda intents: {"intents": [asdict(intent) for intent in intents]},
    lambda content: [
        StartIntent(**{**item, "servers": tuple(item["servers"])}) for item in content["intents"]
    ],
    places=_KEPT | {Place.XCOM},
)
#: Which jobs to follow; the verdict rests on them
RECOVERY_JOBS = Channel[JobsToFollow](
    evidence.RECOVERY_JOBS, keys.RECOVERY_JOBS, (keys.START_RECOVERY,), readable=True
)
#: The wave's record fields; later waves, gates and the end rest on them
WAVE_RESULT = Channel[WaveResult](
    evidence.WAVE_RESULT,
    keys.WAVE_RESULT,
    (keys.ENRICH, keys.START_RECOVERY, keys.DECIDE),
    readable=True,
    rows="serverStatuses",
)
#: How far a step is, and what it came to: the record, the wave's decision and later tries rest on it
STEP_RESULT = Channel[StepState](
    evidence.STEP_RESULT,
    keys.STEP_RESULT,
    (keys.STEP,),
    StepState.to_dict,
    StepState.from_dict,
    places=_KEPT,
    readable=True,
)
#: The answers of people to a gate, or the hold (wave 0), which began in an attempt
GATE_ANSWERS = Channel[Answers](
    evidence.GATE_ANSWERS,
    f"{keys.GATE_ANSWERS}_{{attempt}}",
    (GATE, keys.HOLD_DRILL, keys.STEP),
    asdict,
    lambda content: Answers(**content),
    binds=frozenset({WAVE, ATTEMPT, PLAN_HASH}),
    places=_KEPT,
    readable=True,
)
#: What a gate, or the hold (wave 0), decided
GATE_DECISION = Channel[GateDecision](evidence.GATE_DECISION, keys.GATE_DECISION, (GATE, keys.HOLD_DRILL))
#: What of a drill was there when its cleanup began: nobody can tell later who terminated what
INSTANCES_SEEN = Channel[Seen](
    evidence.INSTANCES_SEEN,
    keys.INSTANCES_SEEN,
    (keys.CLEANUP_DRILL,),
    Seen.to_dict,
    Seen.from_dict,
    binds=_OF_EXECUTION,
    places=frozenset({Place.PREPARE}),
    readable=True,
)
#: What a drill's cleanup came to, with its ``attempt``; the end, and later attempts, rest on it
CLEANUP = Channel[CleanupReport](
    evidence.CLEANUP_REPORT,
    keys.CLEANUP,
    (keys.CLEANUP_DRILL,),
    binds=_OF_EXECUTION,
    readable=True,
)
#: The record of an attempt that is over; the sweeper writes it into the history if it never got there
EXECUTION_END = Channel[ExecutionRecord](
    evidence.EXECUTION_END,
    keys.EXECUTION_RECORD,
    (keys.FINALIZE,),
    binds=frozenset({ATTEMPT}),
    readable=True,
    signature_key=keys.EXECUTION_RECORD_SIGNATURE,
)
