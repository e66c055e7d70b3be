"""The notice with which a RECOVERY cancels a drill."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drs_provider.rules.concurrency.claims import claim_of
from drs_provider.rules.concurrency.preemption import Preemption, override_of
from tests.history.world import T0, frozen_plan, frozen_wave


def claim(execution_id="one", **changes):
    waves = [frozen_wave(1, 2)]
    return replace(claim_of(frozen_plan(waves, execution_id=execution_id), waves), **changes)


def notice(**changes):
    own = claim("recovery", execution_type="RECOVERY", run_id="real", initiated_by="dr-lead")
    return Preemption.of(own, claim("drill", attempt=2), reason="flood", at=T0, **changes)


def test_it_says_who_and_why():
    assert "pre-empted by RECOVERY of" in notice().text()
    assert "run real, started by dr-lead" in notice().text()
    assert notice().text().endswith(": flood")
    assert notice().message().startswith(notice().text())


@pytest.mark.parametrize(("attempt", "ends"), [(1, True), (2, True), (3, False)])
def test_a_later_attempt_is_a_new_decision(attempt, ends):
    assert notice().ends(attempt) is ends


@pytest.mark.parametrize(("run_began", "ends"), [(T0 - 1, True), (T0 + 1, False), (None, False)])
def test_an_attempt_that_began_by_a_clear_while_the_run_lived_is_no_new_decision(run_began, ends):
    assert notice().ends(3, run_began=run_began) is ends


def test_both_records_tell_of_it():
    theirs = override_of(claim("drill", run_id="rehearsal"), ("a", "b"), by="dr-lead", why="flood")
    assert (theirs["by"], theirs["why"], theirs["servers"]) == ("dr-lead", "flood", ["a", "b"])
    assert "rehearsal" in theirs["what"]
    assert (notice().override()["by"], notice().override()["why"]) == ("dr-lead", "flood")
