"""Whatever an earlier version stored, today's code stores, too: running executions are read by both.

If one of these fails, keep the old name, type or word. What is new needs nothing; ``python -m
tests.contract.stored_state --write`` writes the snapshot of a new version.
"""

from __future__ import annotations

import re

import pytest

from drs_provider import keys
from drs_provider.runtime.channels import declared
from drs_provider.runtime.channels.channel import Channel
from tests.contract.stored_state import snapshot
from tests.contract.stored_state.scenes import SCENES
from tests.contract.stored_state.snapshot import Snapshot, snapshots

pytestmark = pytest.mark.contract

#: What no scene leaves behind: texts, numbers, times, the report of the doctor, and overrides of a later attempt
NOT_SEEN = {
    keys.CLEANUP_REFUSED,
    keys.DOCTOR_REPORT,
    keys.EXCLUSION,
    keys.FAILED_TRIES,
    keys.HOLD_UNTIL,
    keys.METRICS_FAILURE,
    keys.OUTAGE_SINCE,
    keys.OVERRIDES,
    keys.READINESS_REPORT,
    keys.RTO_AT_RISK,
    keys.SWEEP_UNDER_WAY,
}
#: Ids of tasks, which `keys` has as well
TASKS = {
    keys.CLEANUP_DRILL,
    keys.DECIDE,
    keys.DOCTOR,
    keys.ENRICH,
    keys.EVIDENCE,
    keys.FINALIZE,
    keys.HOLD_DRILL,
    keys.PREPARE,
    keys.READINESS,
    keys.START_RECOVERY,
    keys.STEP,
    keys.SWEEP,
    keys.WAIT_FOR_RECOVERY,
}

SNAPSHOTS = pytest.mark.parametrize("known", snapshots(), ids=lambda known: known.folder.name)


def test_there_is_a_snapshot() -> None:
    assert snapshots()


@SNAPSHOTS
@pytest.mark.parametrize("scene", SCENES)
def test_what_was_stored_is_stored(known: Snapshot, scene: str) -> None:
    assert snapshot.lost_in_scene(known, scene) == []


@SNAPSHOTS
def test_keys_and_words_are_known(known: Snapshot) -> None:
    assert snapshot.lost_words(known.facts["words"], snapshot.words()) == []


@SNAPSHOTS
def test_stored_triggers_can_be_made_again(known: Snapshot) -> None:
    assert snapshot.lost_triggers(known.facts["triggers"], snapshot.triggers()) == []


def test_the_newest_snapshot_has_every_key() -> None:
    """A new key comes into a scene, and so into the snapshot of the version that brings it."""
    stored = " ".join(
        address
        for name in SCENES
        for moment in snapshots()[-1].scene(name)[1]
        for address in moment.state
        if address.startswith(("xcom ", "store ", "variable "))
    )
    known = set(snapshot.words()["keys"]) - TASKS
    seen = {key for key in known if re.search(rf"[ _]{key}(_\d+|_main|drs_small)?( |$)", stored)}
    assert known - seen <= NOT_SEEN


def test_every_channel_is_among_the_keys() -> None:
    channels = [item for item in vars(declared).values() if isinstance(item, Channel)]
    names = {re.sub(r"_?\{\w+\}", "", channel.key) for channel in channels}
    assert names - {"frozen_wave"} <= set(snapshot.words()["keys"])
