"""Every declared channel: what is published is read, and nothing that was touched or moved."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from airflow.sdk.execution_time.xcom import XCom

from drs_provider import keys
from drs_provider.airflow_api.run import RunView
from drs_provider.core.canonical import plain
from drs_provider.core.evidence import PURPOSES, SIGNATURE, peek
from drs_provider.core.states import ExecutionType
from drs_provider.exceptions import DrsConfigurationError, EvidenceError
from drs_provider.plan.operations import Notification
from drs_provider.rules.concurrency.claims import Claim, Wait
from drs_provider.rules.concurrency.preemption import Preemption
from drs_provider.rules.gate import Answers
from drs_provider.rules.record.outside_changes import Seen
from drs_provider.rules.steps.state import StepState
from drs_provider.rules.wave.ownership import StartIntent
from drs_provider.runtime.channels import declared
from drs_provider.runtime.channels.channel import ATTEMPT, PLAN_HASH, WAVE, Channel, Place
from drs_provider.runtime.channels.party import Run
from tests.harness.airflow_side import StateStore, XComs
from tests.rules.rule_builders import header, wave

KEY = "signing-key-of-tests-0123456789abcdef"
OTHER_KEY = "another-signing-key-of-tests-0123456789"
WRITER = "wave_1_all.start_recovery"
READER = "finalize"
WAVE_NUMBER, ATTEMPT_NUMBER = 1, 2


class Airflow:
    """XComs and task states of one run."""

    def __init__(self) -> None:
        self.xcoms = XComs()
        self.states: dict[str, Any] = {}

    def run(self, task_id: str, execution_id: str | None = "e-1", plan_hash: str | None = "hash") -> Run:
        store = StateStore(self.states, lambda what: None)
        context = {"ti": Instance(self, task_id), "task_state_store": store}
        return Run(RunView(context), execution_id, plan_hash, context)

    def stored(self) -> dict[tuple[str, str], Any]:
        """Everything that is kept, by task (``state``: the writer's store) and key."""
        kept = {address: self.xcoms.get(*address) for address in self.xcoms.sizes()}
        return kept | {("state", key): copy.deepcopy(value) for key, value in self.states.items()}

    def put(self, address: tuple[str, str], value: Any) -> None:
        if address[0] == "state":
            self.states[address[1]] = value
        else:
            self.xcoms.set(*address, value)


class Instance:
    def __init__(self, airflow: Airflow, task_id: str) -> None:
        self.airflow, self.task_id = airflow, task_id
        self.dag_id, self.run_id = "drs_wiki", "r"

    def xcom_push(self, key: str, value: Any) -> None:
        self.airflow.xcoms.set(self.task_id, key, value)

    def xcom_pull(self, *, key: str, task_ids: str) -> Any:
        return self.airflow.xcoms.get(task_ids, key)


CLAIMED = Claim(
    execution_id="e-1",
    execution_type=ExecutionType.DRILL,
    plan_name="wiki",
    dag_id="drs_wiki",
    run_id="r",
    attempt=1,
    initiated_by="dr-operator",
    priority=100,
    servers={"111122223333/eu-west-1/s-1": "one"},
    waves={},
    until=1.5,
)
SAMPLES: dict[str, Any] = {
    "frozen_plan": header(),
    "frozen_wave": wave(),
    "notifications": [Notification(events=("finished",), notifier="mail.Notifier", args={"to": ["dr-team"]})],
    "prepared": 2,
    "step_result": StepState(
        "after http", 2, 1.5, "PASSED", subjects={"wave": {"state": "passed", "name": "all", "at": 2.5}}
    ),
    "claim": CLAIMED,
    "preemption": Preemption(1, "e-2", "RECOVERY", "wiki", "drs_wiki", "r2", "dr-operator", "lost", 2.5),
    "overrides": [{"what": "preempt_drill", "by": "dr-operator"}],
    "start_intent": [
        StartIntent("e-1", 1, 1, "111122223333", "eu-west-1", is_drill=True, servers=("s-1",), created_at=1.5)
    ],
    "quota_wait": Wait(servers=3, since=1.5, seen_at=2.5),
    "gate_answers": Answers(
        attempt=2,
        opened_at=1.5,
        basis={"prepared": "0a"},
        accepted=[{"decision": "Approve", "respondedBy": "dr-operator", "respondedAt": 2.5}],
    ),
    "instances_seen": Seen(there={"i-1", "i-2"}, lost={"i-3": "terminated"}, unchecked={"i-4"}),
}
CONTENT = {"attempt": 2, "status": "COMPLETED", "jobs": [{"jobId": "drsjob-1"}], "at": 1.5}

CHANNELS = [value for value in vars(declared).values() if isinstance(value, Channel)]

channels = pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.purpose)


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Airflow:
    made = Airflow()
    monkeypatch.setenv("AIRFLOW__DRS__SIGNING_KEY", KEY)
    monkeypatch.setattr(
        XCom, "set", lambda *, key, value, dag_id, run_id, task_id: made.xcoms.set(task_id, key, value)
    )
    return made


def sample(channel: Channel[Any]) -> Any:
    return SAMPLES.get(channel.purpose, CONTENT)


def publish(airflow: Airflow, channel: Channel[Any], **run: Any) -> None:
    where = {"wave": WAVE_NUMBER, "attempt": ATTEMPT_NUMBER} | {
        k: run.pop(k) for k in ("wave", "attempt") if k in run
    }
    channel.publish(airflow.run(WRITER, **run), sample(channel), **where)


def read(airflow: Airflow, channel: Channel[Any], task_id: str = READER, **run: Any) -> Any:
    """Read as a task of the run does, or as its writer when it is tried again."""
    party = airflow.run(task_id, **run)
    return channel.read(party, wave=WAVE_NUMBER, attempt=ATTEMPT_NUMBER, task_id=WRITER)


def readers(channel: Channel[Any]) -> list[str]:
    """Return who can read a channel: a task's state is its own."""
    return [WRITER] if channel.places == {Place.STORE} else [READER, WRITER]


def refused(airflow: Airflow, channel: Channel[Any], match: str = "", **run: Any) -> None:
    for task_id in readers(channel):
        with pytest.raises(EvidenceError, match=match or channel.purpose):
            read(airflow, channel, task_id, **run)


def test_there_is_a_channel_for_every_purpose() -> None:
    assert {channel.purpose for channel in CHANNELS} == PURPOSES
    assert len({channel.key for channel in CHANNELS}) == len(CHANNELS)
    assert declared.FROZEN_WAVE.key_of(3) == keys.frozen_wave_key(3)


@channels
def test_what_is_published_is_read(airflow: Airflow, channel: Channel[Any]) -> None:
    publish(airflow, channel)
    for task_id in readers(channel):
        told = read(airflow, channel, task_id)
        assert told.value == told.required() == sample(channel)
        assert told.binding["execution_id"] == "e-1"
    bound = {name for name, value in told.binding.items() if value is not None}
    assert bound == {"execution_id", *channel.binds}


@channels
def test_trap_37_nothing_that_was_changed_is_read(airflow: Airflow, channel: Channel[Any]) -> None:
    publish(airflow, channel)
    original = airflow.stored()
    for change in ({"attempt": 77}, {"mac": "00" * 32}, {"binding": {"execution_id": "e-1"}}):
        for address, value in original.items():
            airflow.put(address, _touched(value, change))
        refused(airflow, channel)


def _touched(value: Any, change: dict[str, Any]) -> Any:
    """Change content, or signature, wherever a form has it."""
    touched = copy.deepcopy(value)
    for part in (touched, touched.get("payload"), touched.get(SIGNATURE)):
        if isinstance(part, dict) and ("mac" not in change or "mac" in part):
            part.update(change)
    assert touched != value or "mac" in change
    return touched


@channels
@pytest.mark.parametrize(
    "forged", ["nothing signed", [1], {}, {"payload": CONTENT}, {**CONTENT, "signature": {}}]
)
def test_trap_37_nothing_that_was_forged_is_read(
    airflow: Airflow, channel: Channel[Any], forged: Any
) -> None:
    publish(airflow, channel)
    for address in airflow.stored():
        airflow.put(address, forged)
    refused(airflow, channel)


@channels
def test_trap_37_nothing_that_another_key_signed_is_read(
    airflow: Airflow, channel: Channel[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DRS__SIGNING_KEY", OTHER_KEY)
    publish(airflow, channel)
    monkeypatch.setenv("AIRFLOW__DRS__SIGNING_KEY", KEY)
    refused(airflow, channel, "signing key is another one")
    monkeypatch.setenv("AIRFLOW__DRS__SIGNING_KEY", f"{KEY},{OTHER_KEY}")
    assert read(airflow, channel).value == sample(channel)


@channels
def test_trap_37_nothing_of_another_execution_is_read(airflow: Airflow, channel: Channel[Any]) -> None:
    publish(airflow, channel, execution_id="e-2")
    refused(airflow, channel, "another execution_id")
    told = read(airflow, channel, execution_id=None, plan_hash=None)
    assert told.binding["execution_id"] == "e-2", "who does not know the execution sees which one it is"


@channels
@pytest.mark.parametrize("bound", [WAVE, ATTEMPT, PLAN_HASH])
def test_trap_37_nothing_of_another_wave_attempt_or_plan_is_read(
    airflow: Airflow, channel: Channel[Any], bound: str
) -> None:
    publish(airflow, channel, **{bound: "another" if bound == PLAN_HASH else 3})
    before = channel.key_of(3 if bound == WAVE else WAVE_NUMBER, 3 if bound == ATTEMPT else ATTEMPT_NUMBER)
    for (task_id, key), value in airflow.stored().items():
        airflow.put((task_id, key.replace(before, channel.key_of(WAVE_NUMBER, ATTEMPT_NUMBER))), value)
    if bound in channel.binds:
        refused(airflow, channel, f"another {bound}")
    else:
        assert read(airflow, channel).value == sample(channel)


@channels
def test_trap_37_nothing_of_another_channel_is_read(airflow: Airflow, channel: Channel[Any]) -> None:
    for other in CHANNELS:
        if other.purpose == channel.purpose or other.readable != channel.readable or other.signature_key:
            continue
        elsewhere = replace(other, binds=channel.binds)
        publish(airflow, elsewhere)
        (value, *_) = [
            v for (_, key), v in airflow.stored().items() if key == other.key_of(WAVE_NUMBER, ATTEMPT_NUMBER)
        ]
        publish(airflow, channel)
        for address in airflow.stored():
            airflow.put(address, value[SIGNATURE] if address[1] == channel.signature_key else value)
        refused(airflow, channel)
        airflow.states.clear()


@channels
def test_what_is_deleted_is_missing_and_not_an_older_value(airflow: Airflow, channel: Channel[Any]) -> None:
    assert read(airflow, channel).value is None
    publish(airflow, channel)
    for task_id in {task_id for task_id, _ in airflow.stored()} - {"state"}:
        airflow.xcoms.clear_task(task_id)
    airflow.states.clear()
    for task_id in readers(channel):
        told = read(airflow, channel, task_id)
        assert told.value is None
        with pytest.raises(EvidenceError, match=f"{channel.purpose}' is missing"):
            told.required()


@channels
def test_places_say_what_a_retry_takes_away(airflow: Airflow, channel: Channel[Any]) -> None:
    publish(airflow, channel)
    airflow.xcoms.clear_task(WRITER)
    stays = bool(channel.places & {Place.PREPARE, Place.COPY})
    told = read(airflow, channel).value
    assert (told == sample(channel)) is stays
    if Place.STORE in channel.places:
        assert read(airflow, channel, WRITER).value == sample(channel)
        channel.publish_again(airflow.run(WRITER), wave=WAVE_NUMBER) if Place.XCOM in channel.places else None
        assert read(airflow, channel).value == sample(channel)


@channels
def test_readable_content_is_plain_and_the_rest_can_be_peeked_at(
    airflow: Airflow, channel: Channel[Any]
) -> None:
    publish(airflow, channel)
    key = channel.key_of(WAVE_NUMBER, ATTEMPT_NUMBER)
    (value, *_) = [value for (_, stored), value in airflow.stored().items() if stored.endswith(key)]
    content = plain(channel.dump(sample(channel)))
    assert (content.items() <= value.items()) if channel.readable else ("payload" in value)
    assert peek(value) == content


@channels
@pytest.mark.parametrize("key", ["", "short", f"{KEY},"])
def test_without_a_key_nothing_is_written_and_the_error_says_so(
    airflow: Airflow, channel: Channel[Any], monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("AIRFLOW__DRS__SIGNING_KEY", key)
    with pytest.raises(DrsConfigurationError, match="signing_key"):
        publish(airflow, channel)
    assert airflow.stored() == {}


@pytest.mark.parametrize(
    "value", [None, "text", [1], {}, {"payload": "text"}, {"mac": "00"}, {"payload": None}]
)
def test_a_peek_at_nothing_signed_is_empty(value: Any) -> None:
    assert peek(value) == {}


@channels
def test_who_publishes_says_what_a_message_is_bound_to(airflow: Airflow, channel: Channel[Any]) -> None:
    publish(airflow, channel)
    party = airflow.run(READER, plan_hash=None)
    if not channel.binds:
        assert channel.read(party, task_id=WRITER).value == sample(channel)
        return
    with pytest.raises(ValueError, match="say which"):
        channel.publish(party, sample(channel))


@channels
def test_trap_37_content_that_no_json_carries_is_not_read(airflow: Airflow, channel: Channel[Any]) -> None:
    publish(airflow, channel)
    for address, value in airflow.stored().items():
        airflow.xcoms._values[address] = {**value, "at": float("nan")}
        airflow.states[address[1]] = {**value, "at": float("nan")}
    refused(airflow, channel)


def test_genuine_content_of_another_version_is_told_apart(airflow: Airflow) -> None:
    strange = replace(declared.PREPARED, dump=lambda attempt: {"try": attempt})
    publish(airflow, strange)
    with pytest.raises(EvidenceError, match="is genuine and cannot be read"):
        read(airflow, declared.PREPARED)
