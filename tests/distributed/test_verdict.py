"""The verdict on distributed drills fails for each thing that it is there to find."""

from __future__ import annotations

from typing import Any

import pytest

from distributed.drills import Ended
from distributed.verdict import problems

SERVER = "s-1111111111111111a"


def drill(**changes: Any) -> Ended:
    record = {
        "executionId": "e-1",
        "status": "COMPLETED",
        "waves": [{"serverStatuses": [{"sourceServerId": SERVER}]}],
    }
    tasks = {"finalize": {"state": "success", "try_number": 1}}
    return Ended(
        **{
            "plan": "wiki",
            "run_state": "success",
            "tasks": tasks,
            "record": record,
            "seconds": 1.0,
            **changes,
        }
    )


def job(*servers: str, execution: str = "e-1") -> dict[str, Any]:
    parts = [{"server_id": each} for each in servers]
    return {"job_id": "j-1", "kind": "LAUNCH", "tags": {"ExecutionId": execution}, "servers": parts}


@pytest.mark.parametrize(
    ("ended", "jobs", "told"),
    [
        (drill(run_state="failed"), [job(SERVER)], "run failed, COMPLETED"),
        (drill(record={}), [job(SERVER)], "the record has no server"),
        (
            drill(tasks={"enrich": {"state": "queued", "try_number": 2}}),
            [job(SERVER)],
            "enrich is queued (try 2)",
        ),
        (drill(), [job(SERVER), job(SERVER)], f"{SERVER} was launched 2 times"),
        (drill(), [], f"{SERVER} was launched 0 times"),
        (drill(), [job(SERVER), job("s-2", execution="e-2")], "belongs to none of the drills"),
    ],
)
def test_a_problem_is_found(ended: Ended, jobs: list[dict[str, Any]], told: str) -> None:
    found = problems([ended], jobs, "http://127.0.0.1:9")
    assert any(told in each for each in found), found
