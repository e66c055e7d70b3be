"""The rules of building blocks in a campaign: each must be seen failing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chaos.block_runs import BlockRun, block_servers, check_blocks, of_plans
from chaos.facts import Job, World
from chaos.spec import PLACES
from tests.chaos.facts_of import DB, job, terminate

ONE, TWO = (server["id"] for server in block_servers(PLACES["own"]))
TAGS = {"ExecutionId": "b-1", "Attempt": "1", "WaveNumber": "1", "AirflowTask": "chaos_blocks.start_own"}
GREEN = BlockRun("blocks-1", "success")


def launch(number: int, *servers: str, **fields: Any) -> Job:
    return replace(job(number, 1, *servers, at=10.0 * number), tags=TAGS, **fields)


FIRST = launch(1, ONE, TWO)
GONE = {f"i-{server}-1": "terminated" for server in (ONE, TWO)}
END = terminate(9, *GONE)


def broken(*jobs: Job, run: BlockRun = GREEN, instances: dict[str, str] | None = None) -> set[str]:
    world = World((*jobs, END), (), GONE if instances is None else instances)
    return {violation.rule for violation in check_blocks([run], world)}


def test_what_went_well_breaks_no_rule() -> None:
    assert broken(FIRST) == set()
    second = replace(launch(2, ONE), tags={**TAGS, "Attempt": "2"})
    assert broken(FIRST, second) == set()


def test_the_rules_of_executions_do_not_see_it() -> None:
    assert of_plans(World((FIRST, END, job(3, 1, DB, at=1.0)))).jobs == (job(3, 1, DB, at=1.0),)


@pytest.mark.parametrize(
    ("rule", "given"),
    [
        ("every_block_run_ends", {"jobs": [FIRST], "run": BlockRun("blocks-1", "{'start_own': 'queued'}")}),
        ("one_launch_per_block", {"jobs": [FIRST, launch(2, TWO)]}),
        ("block_jobs_say_whose_they_are", {"jobs": [replace(FIRST, tags={"ExecutionId": "b-1"})]}),
        ("block_jobs_say_whose_they_are", {"jobs": [replace(FIRST, is_drill=False)]}),
        ("blocks_terminate_their_own", {"jobs": [FIRST, terminate(8, f"i-{ONE}-7")]}),
        ("nothing_of_a_block_left", {"jobs": [FIRST], "instances": {**GONE, f"i-{ONE}-1": "running"}}),
    ],
)
def test_each_rule_fails(rule: str, given: dict[str, Any]) -> None:
    assert broken(*given.pop("jobs"), **given) == {rule}
