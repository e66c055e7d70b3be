"""The validator finds nothing in good answers and everything in damaged ones."""

from __future__ import annotations

import pytest

from drs_simulator.validation import Violation, check_presence, validate_response
from drs_simulator.validation.checks import CHECKS_BY_TYPE
from tests.simulator.validation.mutators import MUTATOR_NAMES, Mutant, mutants, output_of
from tests.simulator.validation.samples import SAMPLES, Sample

pytestmark = pytest.mark.contract


def violations(sample: Sample) -> list[Violation]:
    return validate_response(
        sample.operation,
        sample.http_status,
        sample.body,
        error_code=sample.error_code,
        headers=sample.headers,
    )


def caught(mutant: Mutant) -> bool:
    return any(found.check is mutant.check for found in violations(mutant.sample))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_good_answers_have_no_violation(sample: Sample) -> None:
    assert violations(sample) == []
    shape = output_of(sample)
    assert shape is None or check_presence(shape.name, sample.body) == []


@pytest.mark.parametrize("name", MUTATOR_NAMES)
def test_every_mutant_is_caught(name: str) -> None:
    all_mutants = list(mutants(name))
    missed = [str(mutant) for mutant in all_mutants if not caught(mutant)]
    rate = 100 * (len(all_mutants) - len(missed)) / max(len(all_mutants), 1)
    print(f"{name}: {len(all_mutants)} mutants, {rate:.1f} % caught")
    assert all_mutants
    assert missed == []


@pytest.mark.parametrize(
    ("type_name", "index"),
    [(type_name, index) for type_name, checks in CHECKS_BY_TYPE.items() for index in range(len(checks))],
)
def test_no_check_can_be_removed_unnoticed(
    monkeypatch: pytest.MonkeyPatch, type_name: str, index: int
) -> None:
    checks = CHECKS_BY_TYPE[type_name]
    monkeypatch.setitem(CHECKS_BY_TYPE, type_name, checks[:index] + checks[index + 1 :])
    assert any(not caught(mutant) for name in MUTATOR_NAMES for mutant in mutants(name))
