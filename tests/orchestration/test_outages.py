"""AWS that cannot be reached for half an hour: no task uses up its retries, and nothing is lost."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from drs_provider.core.account import AwsTarget
from drs_provider.hooks.aws.clients import forget_clients
from drs_provider.triggers import recovery
from tests.harness.metadata import Metadata, renew_always
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan
from tests.harness.stage import ACCOUNT, Stage

START = "wave_1_everything.start_recovery"
WAIT = "wave_1_everything.wait_for_recovery"
ENRICH = "wave_1_everything.enrich"


def brown_out(play: Stage, run: PlanRun, task_id: str, *, minutes: float) -> None:
    """Let DRS and EC2 fail whoever asks, from the moment on in which a task runs, for so many minutes."""
    begun = play.now()

    def end_it() -> None:
        if play.now() - begun >= minutes * 60:
            play.simulator.clear_faults()
        else:
            run.when(task_id, "deferred", end_it, after_steps=1)

    for service in ("drs", "ec2"):
        play.simulator.inject(
            "*", service=service, kind="error", code="InternalServerException", message="down", status=500
        )
    run.when(task_id, "deferred", end_it)


@pytest.mark.parametrize(
    ("before", "state", "task_id"),
    [("gate_1", "success", START), (WAIT, "deferred", WAIT), (WAIT, "success", ENRICH)],
)
def test_trap_09_an_outage_of_half_an_hour_uses_up_no_retries(
    play: Stage, before: str, state: str, task_id: str
) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when(before, state, lambda: brown_out(play, run, task_id, minutes=30))
    begun = play.now()
    assert run.go() == "success"
    assert play.now() - begun > 1800
    assert {run.ran(task) for task in (START, WAIT, ENRICH)} == {1}
    assert play.launched_servers() == sorted(WIKI)
    assert run.record["status"] == "COMPLETED"
    assert set(play.instances().values()) == {"terminated"}
    assert "outage_since_1" not in run.stores.get(task_id, {})


@pytest.fixture
def identity(play: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Metadata]:
    """Let the workers have their credentials of a pod's identity, which can be switched off."""
    keys = play.simulator.credentials(ACCOUNT)
    running = Metadata(keys["aws_access_key_id"], keys["aws_secret_access_key"])
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{running.url}/credentials")
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    renew_always(monkeypatch)
    connection = json.loads(os.environ["AIRFLOW_CONN_AWS_DR"])
    del connection["login"], connection["password"]
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DR", json.dumps(connection))
    forget_clients()
    yield running
    running.close()


def take_away(play: Stage, run: PlanRun, identity: Metadata, task_id: str, *, minutes: float) -> None:
    """Let nobody have credentials, from the moment on in which a task runs, for so many minutes."""
    begun = play.now()
    identity.works = False

    def end_it() -> None:
        if play.now() - begun >= minutes * 60:
            identity.works = True
        else:
            run.when(task_id, "deferred", end_it, after_steps=1)

    run.when(task_id, "deferred", end_it)


@pytest.mark.parametrize("fresh", [True, False], ids=["new process", "clients at hand"])
@pytest.mark.parametrize(
    ("before", "state", "task_id"),
    [
        ("gate_1", "success", START),
        (WAIT, "deferred", WAIT),
        (WAIT, "success", ENRICH),
        ("hold_drill", "success", "cleanup_drill"),
    ],
)
def test_trap_09_credentials_that_cannot_be_had_for_half_an_hour_use_up_no_retries(
    play: Stage, identity: Metadata, before: str, state: str, task_id: str, fresh: bool
) -> None:
    run = play.plan_run(plan()).approve_everything()

    def begin() -> None:
        if fresh:
            forget_clients()
        take_away(play, run, identity, task_id, minutes=30)

    run.when(before, state, begin)
    begun = play.now()
    assert run.go() == "success"
    assert play.now() - begun > 1800
    assert {run.ran(task) for task in (START, WAIT, ENRICH, "cleanup_drill")} == {1}
    assert play.launched_servers() == sorted(WIKI)
    assert run.record["status"] == "COMPLETED"
    assert set(play.instances().values()) == {"terminated"}


def test_the_end_of_an_execution_does_not_wait_for_credentials(play: Stage, identity: Metadata) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when("cleanup_drill", "success", lambda: setattr(identity, "works", False))
    run.go()
    assert (run.ran("finalize"), run.record["status"]) == (1, "COMPLETED")


def test_prepare_tells_at_once_that_there_are_no_credentials(
    play: Stage, identity: Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    run = play.plan_run(plan())
    assert run.go() == "failed"
    assert run.ran("prepare") == 1
    for part in (
        "[identity_not_proven] target main",
        "'aws_dr'",
        "gives no credentials",
        "give the machine a role",
    ):
        assert part in run.failure("prepare")


def test_prepare_looks_again_where_an_identity_does_not_answer(play: Stage, identity: Metadata) -> None:
    identity.works = False
    run = play.plan_run(plan()).approve_everything()
    run.when("prepare", "up_for_retry", lambda: setattr(identity, "works", True))
    assert run.go() == "success"
    assert run.ran("prepare") == 2


@pytest.mark.parametrize("minutes", [2, 60])
def test_no_cleanup_gives_up_at_its_first_refusal(play: Stage, minutes: float) -> None:
    run = play.plan_run(plan()).approve_everything()
    begun = 0.0

    def deny() -> None:
        nonlocal begun
        begun = play.now()
        play.simulator.inject("*", code="AccessDeniedException", message="being edited", status=403)
        run.when("cleanup_drill", "deferred", allow, after_steps=1)

    def allow() -> None:
        if play.now() - begun >= minutes * 60:
            play.simulator.clear_faults()
        else:
            run.when("cleanup_drill", "deferred", allow, after_steps=1)

    run.when("hold_drill", "success", deny)
    assert run.go() == ("success" if minutes == 2 else "failed")
    assert run.ran("cleanup_drill") == 1
    if minutes == 2:
        assert set(play.instances().values()) == {"terminated"}
    else:
        assert "being edited" in run.failure("cleanup_drill")
        assert "after 0 minutes" not in run.failure("cleanup_drill")


def test_an_outage_that_does_not_end_fails_the_wave(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DRS__OUTAGE_MINUTES", "20")
    run = play.plan_run(plan()).approve_everything()
    run.when("gate_1", "success", lambda: brown_out(play, run, START, minutes=10_000))
    run.when(START, "failed", play.simulator.clear_faults)
    assert run.go() == "failed"
    assert run.ran(START) == 4
    assert "down" in run.stored["errorMessage"]
    assert play.jobs() == []


def test_trap_09_a_cleanup_bears_an_outage(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when("hold_drill", "success", lambda: brown_out(play, run, "cleanup_drill", minutes=30))
    assert run.go() == "success"
    assert run.ran("cleanup_drill") == 1
    assert set(play.instances().values()) == {"terminated"}


def test_a_triggerer_that_cannot_reach_aws_does_not_make_the_task_spin(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: list[Any] = []
    original = recovery.watch_jobs

    def elsewhere(target: AwsTarget, *args: Any, **kwargs: Any) -> Any:
        watched.append(play.now())
        data = {**target.to_dict(), "connection": "not_in_the_triggerer"}
        return original(AwsTarget.from_dict(data), *args, **kwargs)

    monkeypatch.setattr(recovery, "watch_jobs", elsewhere)
    run = play.plan_run(plan()).approve_everything()
    assert run.go() == "success"
    assert run.record["status"] == "COMPLETED"
    gaps = [later - earlier for earlier, later in pairwise(watched)]
    assert watched
    assert all(gap >= 30 for gap in gaps), gaps
