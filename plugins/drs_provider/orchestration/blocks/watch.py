"""A block's look at jobs: the verdict and the rows of plans' waves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from drs_provider import keys, settings
from drs_provider.core.account import AwsTarget
from drs_provider.core.texts import named
from drs_provider.exceptions import DrsError, DrsIncompleteAnswerError, ExecutionRefusedError
from drs_provider.orchestration.wave.result import Evidence, gather, judge, server_rows
from drs_provider.rules.blocks import Launches, followed_wave, is_drill_of, recoveries
from drs_provider.rules.drs.jobs import JobView, parse_jobs
from drs_provider.rules.record.schema import ServerRow
from drs_provider.rules.wave.verdict import WaveVerdict
from drs_provider.rules.wave.watch import JobsToFollow, WaveWatch
from drs_provider.runtime.block import Block
from drs_provider.runtime.watch import make_watch


class JobsNotShownError(DrsError):
    """DRS does not show a job yet that is given by its id."""


@dataclass(frozen=True)
class Look:
    """What was seen."""

    watch: WaveWatch
    started: JobsToFollow
    evidence: Evidence
    verdict: WaveVerdict
    is_drill: bool

    @property
    def rows(self) -> list[ServerRow]:
        """A row for every server, with its instance."""
        return server_rows(self.watch, self.evidence, self.verdict, is_drill=self.is_drill, polled={})


def shown_jobs(block: Block, target: AwsTarget, launches: Launches) -> dict[str, JobView]:
    """Return the jobs that are given by id alone: what they hold only DRS can tell.

    :raises JobsNotShownError: if DRS does not show one of them, and may yet
    :raises DrsError: if it should have by now
    """
    found = {job.job_id: job for job in parse_jobs(block.aws.drs(target).jobs(launches.job_ids))}
    # A young job may not list its servers yet.
    missing = [job_id for job_id in launches.job_ids if job_id not in found or not found[job_id].server_ids]
    if not missing:
        return found
    since = block.state.once(_since(block), block.now())
    waited = block.now() - since
    place = f"account {target.account_id}, Region {target.region}"
    text = f"DRS does not show job {named(missing)} with its servers in {place}"
    if waited < settings.get_seconds("job_visibility_grace_seconds"):
        raise JobsNotShownError(text)
    raise DrsError(f"{text}, for {round(waited)} s")


def look(
    block: Block,
    target: AwsTarget,
    launches: Launches,
    *,
    timeout_seconds: int = 5_400,
    post_launch_required: bool = False,
    memory: Any = None,
) -> Look:
    """Look at jobs and instances once.

    :param memory: what an earlier look remembered
    :raises JobsNotShownError: if DRS does not show a job yet that is given by its id
    :raises ExecutionRefusedError: if nothing was launched
    """
    if not launches.all_job_ids:
        raise ExecutionRefusedError(
            f"task {block.name}: the start has launched nothing, so there is no job to look at"
        )
    shown = shown_jobs(block, target, launches)
    wave, started = followed_wave(
        launches,
        shown,
        target,
        started_at=block.state.once(_since(block), block.now()),
        timeout_seconds=timeout_seconds,
        post_launch_required=post_launch_required,
    )
    watch = make_watch(wave, started)
    watch.remember(block.state.get(_memory(block)))
    if memory is not None:
        watch.remember(memory)
    evidence = gather(block.aws, watch)
    verdict = judge(watch, evidence, now=block.now())
    block.state.set(_memory(block), watch.memory())
    is_drill = not recoveries(is_drill_of(launches, shown))
    return Look(watch, started, evidence, verdict, is_drill)


def enriched_rows(seen: Look) -> list[ServerRow]:
    """Return the rows, complete.

    :raises DrsIncompleteAnswerError: if DRS or EC2 could not tell about instances: a retry asks again
    """
    if seen.evidence.incomplete:
        raise DrsIncompleteAnswerError(f"instances could not be looked at: {seen.evidence.incomplete}")
    return seen.rows


def _since(block: Block) -> str:
    return f"{keys.WATCH_SINCE}_{block.attempt}"


def _memory(block: Block) -> str:
    return f"{keys.WATCH_MEMORY}_{block.attempt}"
