"""What must hold after a campaign, whatever was injected. Pure: each rule takes facts and returns violations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from chaos.facts import Job, RunFacts, Violation, World, by_execution, owners_of_servers, violation
from chaos.record_rules import (
    history_equals_record,
    one_end_per_attempt,
    rows_are_true,
    terminal_status_is_true,
)
from chaos.spec import Behaviour
from chaos.truth import MET, latest_parts, wave_outcome

Found = Iterator[Violation]
Rule = Callable[[Sequence[RunFacts], World], Found]
#: Jobs are stamped in whole microseconds.
_CLOCK_STEP_SECONDS = 1e-5


def check(runs: Sequence[RunFacts], world: World) -> list[Violation]:
    """Return everything that is wrong."""
    return [found for rule in RULES for found in rule(runs, world)]


def every_run_ends(runs: Sequence[RunFacts], world: World) -> Found:
    """Every execution comes to an end, and leaves a record."""
    del world
    for run in runs:
        if run.hangs:
            yield violation(run, every_run_ends, f"it never ended: {run.hangs}")
        for attempt in run.attempts:
            if attempt.record is None:
                yield violation(run, every_run_ends, f"attempt {attempt.number} left no record")


def every_job_has_an_owner(runs: Sequence[RunFacts], world: World) -> Found:
    """Servers are launched by the execution that their plan belongs to, as the kind of launch that it is."""
    owners = owners_of_servers(runs)
    for job in world.launches():
        for part in job.parts:
            owner = owners.get(part.server_id)
            if owner is None or owner.execution_id != job.execution_id:
                text = f"job {job.job_id} launched {part.server_id}, which is not of execution {job.execution_id!r}"
                yield Violation(owner.spec.plan if owner else "", every_job_has_an_owner.__name__, text)
            elif owner.spec.is_drill != job.is_drill:
                text = f"job {job.job_id} of a {owner.spec.execution_type} has isDrill {job.is_drill}"
                yield violation(owner, every_job_has_an_owner, text)


def one_launch_per_server(runs: Sequence[RunFacts], world: World) -> Found:
    """A server is in one LAUNCH job of an attempt, unless its launch failed in between."""
    for run in runs:
        ghosts = {server.id for server in run.spec.servers if server.behaviour is Behaviour.NO_INSTANCE}
        launches: dict[tuple[int, str], list[Job]] = defaultdict(list)
        for job in world.launches(run.execution_id):
            for part in job.parts:
                launches[job.attempt, part.server_id].append(job)
        for (attempt, server_id), jobs in launches.items():
            for earlier, later in pairwise(jobs):
                if not _failed_before(earlier, later, server_id, server_id in ghosts):
                    text = f"{server_id} was launched twice in attempt {attempt}: {earlier.job_id}, {later.job_id}"
                    yield violation(run, one_launch_per_server, text)


def _failed_before(earlier: Job, later: Job, server_id: str, ghost: bool) -> bool:
    status = next(part.status for part in earlier.parts if part.server_id == server_id)
    ended = earlier.ended_at is not None and earlier.ended_at <= later.created_at
    return ended and (status != "LAUNCHED" or ghost)


def no_live_instance_replaced(runs: Sequence[RunFacts], world: World) -> Found:
    """A server with a live instance of a real recovery is not launched again."""
    for run in runs:
        alive: dict[str, str] = {
            server.id: "an instance that existed before"
            for server in run.spec.servers
            if server.live == "live"
        }
        ghosts = {server.id for server in run.spec.servers if server.behaviour is Behaviour.NO_INSTANCE}
        for job in world.launches(run.execution_id):
            for part in job.parts:
                if part.server_id in alive:
                    text = f"job {job.job_id} replaced {alive[part.server_id]} of {part.server_id}"
                    yield violation(run, no_live_instance_replaced, text)
                if not job.is_drill and part.status == "LAUNCHED" and part.server_id not in ghosts:
                    alive[part.server_id] = f"live instance {part.instance_id}"


def only_own_instances_terminated(runs: Sequence[RunFacts], world: World) -> Found:
    """Only drill instances are terminated, by their own execution, in its cleanup, and only through DRS."""
    executions = by_execution(runs)
    launched_by: dict[str | None, Job] = {
        part.instance_id: job
        for job in world.launches()
        for part in job.parts
        if part.instance_id is not None
    }
    for job in world.terminations():
        for part in job.parts:
            launch = launched_by.get(part.instance_id)
            run = executions.get(launch.execution_id) if launch else None
            problem = _wrong_termination(job, launch, run)
            if problem:
                plan = run.spec.plan if run else ""
                text = f"job {job.job_id} terminated {part.instance_id} of {part.server_id}: {problem}"
                yield Violation(plan, only_own_instances_terminated.__name__, text)
    for call in world.calls:
        if (call.service, call.operation) == ("ec2", "TerminateInstances"):
            text = f"ec2:TerminateInstances was called by {call.session_name}"
            yield Violation("", only_own_instances_terminated.__name__, text)
        if call.operation == "TerminateRecoveryInstances" and call.params:
            yield from _foreign_call(call.session_name, call.params, launched_by)


def _wrong_termination(job: Job, launch: Job | None, run: RunFacts | None) -> str:
    if launch is None or run is None:
        return "no execution launched it"
    if not launch.is_drill:
        return "it is of a real recovery"
    # Of the attempt that was running then: the first that had not ended when the job began.
    not_before = [each.cleanup_not_before for each in run.attempts if each.number >= launch.attempt]
    if not_before and job.created_at < min(not_before):
        return "its execution had not begun its cleanup"
    return ""


def _foreign_call(
    session_name: str | None, params: Mapping[str, Any], launched_by: Mapping[str | None, Job]
) -> Found:
    named = params.get("recoveryInstanceIDs") or ()
    owners = {launched_by[instance].execution_id for instance in named if instance in launched_by}
    if len(owners) > 1:
        text = f"one call terminates instances of several executions: {sorted(owners)}"
        yield Violation("", only_own_instances_terminated.__name__, text)
    for owner in owners:
        if session_name and owner not in session_name:
            text = f"session {session_name} terminates instances of execution {owner}"
            yield Violation("", only_own_instances_terminated.__name__, text)


def wave_order_kept(runs: Sequence[RunFacts], world: World) -> Found:
    """A wave starts only after the waves that it depends on have completed."""
    for run in runs:
        launches = world.launches(run.execution_id)
        for job in launches:
            if not 1 <= job.wave <= len(run.spec.waves):
                yield violation(run, wave_order_kept, f"job {job.job_id} is of a wave {job.wave}")
                continue
            for number in run.spec.wave(job.wave).depends_on:
                before = [other for other in launches if other.created_at < job.created_at]
                open_jobs = [
                    other.job_id
                    for other in before
                    if other.wave == number
                    and (other.ended_at is None or other.ended_at > job.created_at + _CLOCK_STEP_SECONDS)
                ]
                outcome = wave_outcome(run.spec.wave(number), before)
                if open_jobs or outcome != MET:
                    state = f"still in {', '.join(open_jobs)}" if open_jobs else outcome
                    text = f"wave {job.wave} started ({job.job_id}) while wave {number} was {state}"
                    yield violation(run, wave_order_kept, text)


def rejected_gates_stay_closed(runs: Sequence[RunFacts], world: World) -> Found:
    """Nothing of a wave is launched whose gate was rejected; nothing at all of a refused execution."""
    for run in runs:
        for job in world.launches(run.execution_id):
            if run.spec.refused:
                text = f"a refused execution started {job.job_id}"
                yield violation(run, rejected_gates_stay_closed, text)
            elif job.wave == run.spec.people.rejects_gate:
                text = f"wave {job.wave} started ({job.job_id}) although its gate was rejected"
                yield violation(run, rejected_gates_stay_closed, text)


def nothing_of_a_drill_left(runs: Sequence[RunFacts], world: World) -> Found:
    """After a drill none of its instances is left; after a recovery all are."""
    for run in runs:
        if run.hangs or run.last is None:
            continue
        launches = world.launches(run.execution_id)
        ids = {part.instance_id for job in launches for part in job.parts if part.instance_id}
        left = sorted(each for each in ids if world.instances.get(each, "terminated") != "terminated")
        if run.spec.is_drill and left:
            yield violation(run, nothing_of_a_drill_left, f"left over: {', '.join(left)}")
        if run.spec.is_drill:
            continue
        ghosts = {server.id for server in run.spec.servers if server.behaviour is Behaviour.NO_INSTANCE}
        for wave in run.spec.waves:
            for server_id, (_, part) in latest_parts(launches, wave).items():
                if part.status == "LAUNCHED" and part.instance_id not in left and server_id not in ghosts:
                    text = f"the recovered {server_id} ({part.instance_id}) is gone"
                    yield violation(run, nothing_of_a_drill_left, text)


def runbooks_run_once(runs: Sequence[RunFacts], world: World) -> Found:
    """A wave's runbook is begun once, however often its step is tried, and was begun if the wave is COMPLETED."""
    for run in runs:
        for wave in (each for each in run.spec.waves if each.runbook):
            begun = world.runbooks.get(wave.runbook, 0)
            done = any(_wave_status(attempt.record, wave.number) == "COMPLETED" for attempt in run.attempts)
            if begun > 1 or begun < done:
                text = f"wave {wave.number}: {wave.runbook} was begun {begun} times"
                yield violation(run, runbooks_run_once, text)


def _wave_status(record: Mapping[str, Any] | None, number: int) -> str | None:
    waves = (record or {}).get("waves", ())
    return next((wave["status"] for wave in waves if wave["waveNumber"] == number), None)


RULES: tuple[Rule, ...] = (
    every_run_ends,
    every_job_has_an_owner,
    one_launch_per_server,
    no_live_instance_replaced,
    only_own_instances_terminated,
    wave_order_kept,
    rejected_gates_stay_closed,
    terminal_status_is_true,
    rows_are_true,
    one_end_per_attempt,
    nothing_of_a_drill_left,
    runbooks_run_once,
    history_equals_record,
)
