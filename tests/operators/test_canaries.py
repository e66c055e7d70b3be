"""Secrets are planted where an installation has them, and then looked for in everything that an execution leaves."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from botocore import handlers

from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan
from tests.harness.stage import ACCOUNT, REGION, Stage

PASSWORD, EXTRA, KEY, OLD_KEY = (
    f"canary-{name}-0123456789abcdef-0123456789" for name in ["password", "extra", "key", "old-key"]
)
TOLD: list[dict[str, Any]] = []


class Notifier:
    """A notifier that keeps what it is told."""

    def __init__(self) -> None:
        """Takes nothing."""

    def __call__(self, context: dict[str, Any]) -> None:
        TOLD.append(context["drs"])


class Planted:
    """The secrets, and what went to AWS beside the signature.

    :param secrets: name → secret; those of assumed roles come in while a run goes on
    """

    def __init__(self) -> None:
        self.secrets = {
            "password": PASSWORD,
            "extra": EXTRA,
            "signing key": KEY,
            "older signing key": OLD_KEY,
        }
        self.requests: list[str] = []

    def on_request(self, model: Any, params: dict[str, Any], **_: Any) -> None:
        shown = {name: params.get(name) for name in ("url_path", "query_string", "body", "url")}
        self.requests.append(f"{model.service_model.service_name}:{model.name} {shown!r}")

    def on_role(self, parsed: dict[str, Any], **_: Any) -> None:
        if session := parsed.get("Credentials"):
            number = len(self.secrets)
            self.secrets[f"secret key of session {number}"] = session["SecretAccessKey"]
            self.secrets[f"token of session {number}"] = session["SessionToken"]


@pytest.fixture
def planted(play: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Planted]:
    """Plant secrets, switch everything on that could tell them, and note what goes to AWS."""
    connection = json.loads(os.environ["AIRFLOW_CONN_AWS_DR"])
    connection["password"] = PASSWORD
    connection["extra"] |= {"note": EXTRA, "client_secret": EXTRA}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DR", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW__DRS__SIGNING_KEY", f"{KEY},{OLD_KEY}")
    for name, value in {"connection": "aws_dr", "account_id": ACCOUNT, "region": REGION}.items():
        monkeypatch.setenv(f"AIRFLOW__DRS__METRICS_{name.upper()}", value)
    TOLD.clear()
    made = Planted()
    events = [("before-call", made.on_request), ("after-call.sts.AssumeRole", made.on_role)]
    handlers.BUILTIN_HANDLERS.extend(events)
    yield made
    for event in events:
        handlers.BUILTIN_HANDLERS.remove(event)


Leftovers = Callable[[], dict[str, str]]


@pytest.fixture
def left(
    play: Stage, planted: Planted, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Leftovers:
    """Return everything that the stage's runs have left, by where it is."""
    caplog.set_level(logging.INFO)
    for name in ("drs", "drs_provider", "airflow.task"):
        caplog.set_level(logging.DEBUG, name)

    def collect() -> dict[str, str]:
        found = {
            "log": caplog.text,
            "output": "".join(capfd.readouterr()),
            "requests": "\n".join(planted.requests),
        }
        found |= {"messages": repr(TOLD), "variables": repr(play.variables), "history": repr(_items(play))}
        for file in play.reports.parent.rglob("*"):
            if file.is_file():
                found[f"file {file.name}"] = file.read_text(encoding="utf-8")
        for number, run in enumerate(play.runs):
            found |= {f"run {number}: {name}": text for name, text in _of_run(run).items()}
        return found

    return collect


def _items(play: Stage) -> list[Any]:
    return list(play.simulator.client("dynamodb").scan(TableName="execution-history")["Items"])


def _of_run(run: PlanRun) -> dict[str, str]:
    people = [vars(request) for request in run.people.requests.values()]
    rows = [(row.next_kwargs, row.error, getattr(row.error, "__cause__", None)) for row in run.rows.values()]
    return {
        "XComs": repr(vars(run.xcoms)),
        "task states": repr(run.stores),
        "triggers": repr(run.triggerer.serialized),
        "requests to people": repr(people),
        "deferrals and errors": repr(rows),
        "links": repr(run.links),
        "DAG": _serialized(run.dag),
    }


def _serialized(dag: DAG) -> str:
    return json.dumps(DagSerialization.to_dict(dag))


def leaks(planted: Planted, left: dict[str, str]) -> list[tuple[str, str]]:
    """Return what was found where."""
    return [
        (name, place)
        for name, secret in planted.secrets.items()
        for place, text in left.items()
        if secret in text
    ]


def told_plan(**fields: Any) -> Any:
    notification = {
        "events": ["start", "gate", "wave_failed", "finished"],
        "notifier": f"{__name__}.Notifier",
        "args": {},
    }
    return plan({"name": "everything", "servers": WIKI}, notifications=[notification], **fields)


@pytest.mark.drs_scenario("shop_two_regions")
def test_a_drill_over_two_accounts_leaves_no_secret(play: Stage, planted: Planted, left: Leftovers) -> None:
    run = play.drill("shop_two_regions")
    assert run.record["status"] == "COMPLETED"
    found = left()
    # Everything that could have told one is there.
    assert sum(name.startswith("token of session") for name in planted.secrets) > 0
    assert any(name.startswith("file report") for name in found)
    assert any("PutMetricData" in line for line in planted.requests)
    assert run.record["executionId"] in found["history"]
    assert run.record["executionId"] in found["run 0: XComs"]
    assert "Acting as" in found["log"] + found["output"]
    # An external ID is no secret: record and report have it.
    assert "erp-dr-7f3a" in found["history"]
    assert leaks(planted, found) == []


@pytest.mark.drs_scenario("shop_two_regions")
def test_what_goes_wrong_in_aws_tells_no_secret(play: Stage, planted: Planted, left: Leftovers) -> None:
    play.simulator.inject(
        "StartRecovery",
        account="222233334444",
        kind="error",
        code="AccessDeniedException",
        message="no",
        status=403,
    )
    play.simulator.inject("PutMetricData", service="cloudwatch", kind="reset", times=3)
    run = play.plan_run("shop_two_regions").approve_everything()
    assert run.go() == "failed"
    assert leaks(planted, left()) == []


@pytest.mark.parametrize(
    "broken",
    [
        {"extra": {"role_arn": "arn:aws:iam::111122223333:role/Nobody"}},
        {"extra": {"endpoint_url": "http://127.0.0.1:1", "service_config": {}}},
        {"extra": {"profile_name": "nobody"}},
        {"extra": {"config_kwargs": {"no_such_option": EXTRA}}},
        {"login": "AKIAUNKNOWN"},
        {"conn_type": "http"},
    ],
    ids=lambda broken: "-".join((*broken, *broken.get("extra", ()))),
)
def test_a_connection_that_does_not_work_tells_no_secret(
    play: Stage,
    planted: Planted,
    left: Leftovers,
    monkeypatch: pytest.MonkeyPatch,
    broken: dict[str, Any],
) -> None:
    connection = json.loads(os.environ["AIRFLOW_CONN_AWS_DR"])
    extra = connection["extra"] | broken.get("extra", {})
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DR", json.dumps(connection | broken | {"extra": extra}))
    run = play.plan_run(told_plan())
    assert run.go() == "failed"
    assert play.jobs() == []
    assert leaks(planted, left()) == []


def test_signing_keys_that_cannot_be_used_are_not_told(
    play: Stage, planted: Planted, left: Leftovers, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = "canary-short"
    planted.secrets["short key"] = short
    monkeypatch.setenv("AIRFLOW__DRS__SIGNING_KEY", f"{KEY},{short}")
    run = play.plan_run(told_plan())
    assert run.go() == "failed"
    assert leaks(planted, left()) == []


def test_a_key_that_is_gone_is_not_told(
    play: Stage, planted: Planted, left: Leftovers, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = play.plan_run(told_plan()).approve_everything()
    run.when(
        "wave_1_everything.start_recovery",
        "scheduled",
        lambda: monkeypatch.setenv("AIRFLOW__DRS__SIGNING_KEY", OLD_KEY),
    ).when(
        "wave_1_everything.wait_for_recovery",
        "deferred",
        lambda: monkeypatch.setenv("AIRFLOW__DRS__SIGNING_KEY", OLD_KEY),
    )
    assert run.go() == "failed"
    assert "key" in repr(run.record)
    assert leaks(planted, left()) == []


def test_a_secret_that_is_told_is_found(
    play: Stage, planted: Planted, left: Leftovers, capfd: pytest.CaptureFixture[str]
) -> None:
    run = play.plan_run(told_plan())
    logging.getLogger("drs_provider").info("with %s", KEY)
    print(OLD_KEY)
    run.xcoms.set("prepare", "told", {"deep": [PASSWORD]})
    run.stores["prepare"] = {"told": EXTRA}
    play.variables["told"] = KEY
    TOLD.append({"told": KEY})
    play.reports.mkdir()
    (play.reports / "report-1.html").write_text(PASSWORD)
    found = {(name, place.removeprefix("run 0: ")) for name, place in leaks(planted, left())}
    # What is logged may be in the output, too: that depends on which tests ran before.
    assert found - {("signing key", "output")} == {
        ("signing key", "log"),
        ("older signing key", "output"),
        ("password", "XComs"),
        ("extra", "task states"),
        ("signing key", "variables"),
        ("signing key", "messages"),
        ("password", "file report-1.html"),
    }
