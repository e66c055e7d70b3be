from __future__ import annotations

from drs_provider.options import OPTIONS
from drs_provider.rules.drs.graces import (
    JOB_LOST_AFTER_SECONDS,
    PENDING_FAILED_AFTER_SECONDS,
    START_AGAIN_AFTER_SECONDS,
)
from drs_provider.rules.wave.server_verdict import WaveRules


def test_that_there_is_no_job_is_believed_later_than_that_one_may_be_started():
    assert 60 <= START_AGAIN_AFTER_SECONDS < JOB_LOST_AFTER_SECONDS
    assert JOB_LOST_AFTER_SECONDS >= 180


def test_rules_and_options_have_the_same_defaults():
    rules = WaveRules()
    assert float(OPTIONS["job_visibility_grace_seconds"].default) == rules.not_found_grace_seconds
    assert float(OPTIONS["pending_grace_seconds"].default) == rules.pending_grace_seconds
    assert rules.pending_grace_seconds == PENDING_FAILED_AFTER_SECONDS
