"""Which drill instances a sweep terminates, its parameters, its report."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_provider.core.account import AwsTarget
from drs_provider.rules.sweep.conf import SweepConfError, parse_sweep_conf, sweep_params
from drs_provider.rules.sweep.instances import (
    DrillInstance,
    InstanceKind,
    Owner,
    OwnerState,
    TerminationPolicy,
    instance_kind,
)
from drs_provider.rules.sweep.report import MAX_FINDINGS, Finding, SweepReport, report_text

NOW = 1_790_000_000.0
TARGET = AwsTarget("main", "aws_dr", "111122223333", "eu-west-1", own_account=True)


def instance(age: float | None) -> DrillInstance:
    return DrillInstance(
        account_id="111122223333",
        region="eu-west-1",
        recovery_instance_id="i-1",
        instance_id="i-1",
        source_server_id="s-1",
        job_id="drsjob-1",
        launched_at=None if age is None else NOW - age,
        execution_id="e-1",
    )


@given(
    age=st.none() | st.floats(0, 1e6),
    state=st.sampled_from(OwnerState),
    allowed=st.floats(1, 1e6),
    kept=st.booleans(),
    before=st.booleans(),
)
def test_only_what_is_over_and_too_old_can_have_outlived_its_time(
    age: float | None, state: OwnerState, allowed: float, kept: bool, before: bool
) -> None:
    kind = instance_kind(instance(age), Owner(state, allowed, kept), now=NOW, pre_provisioned=before)
    if kind in (InstanceKind.OUTLIVED, InstanceKind.KEPT):
        assert state is OwnerState.OVER
        assert not before
        assert kept == (kind is InstanceKind.KEPT)
    known = instance(age).age_seconds(NOW)
    assert (kind is None) == (known is not None and known < allowed)


@given(
    kinds=st.frozensets(st.sampled_from([*InstanceKind, None])),
    always=st.booleans(),
    asked=st.booleans(),
)
def test_an_execution_is_terminated_only_if_all_of_it_may_be(
    kinds: frozenset[InstanceKind | None], always: bool, asked: bool
) -> None:
    if TerminationPolicy(always=always, asked=asked).covers(kinds):
        assert always or asked
        assert kinds
        assert kinds <= {InstanceKind.OUTLIVED, InstanceKind.KEPT}
        assert asked or InstanceKind.KEPT not in kinds


def test_a_wish_covers_what_it_names() -> None:
    outlived, both = frozenset({InstanceKind.OUTLIVED}), frozenset({InstanceKind.OUTLIVED, InstanceKind.KEPT})
    assert TerminationPolicy(always=True).covers(outlived)
    assert not TerminationPolicy(always=True).covers(both)
    assert TerminationPolicy(asked=True).covers(both)
    assert not TerminationPolicy().covers(outlived)


@pytest.mark.parametrize("name", ["111122223333", "eu-west-1", "111122223333/eu-west-1"])
def test_a_target_is_wanted_by_account_region_or_both(name: str) -> None:
    assert parse_sweep_conf({"targets": [name]}).wants(TARGET)
    assert parse_sweep_conf({}).wants(TARGET)
    assert not parse_sweep_conf({"targets": ["eu-west-2", "222233334444/eu-west-1"]}).wants(TARGET)


def test_the_form_may_send_nothing_at_all() -> None:
    assert parse_sweep_conf({"targets": None, "terminate": None, "dry_run": None}) == parse_sweep_conf({})


@pytest.mark.parametrize(
    ("conf", "told"),
    [
        ({"all": True}, "`all` is no parameter"),
        ({"targets": "eu-west-1"}, "`targets` must be a list"),
        ({"targets": ["Ireland"]}, "`targets` must be a list"),
        ({"terminate": "yes"}, "`terminate` must be true or false"),
        ({"dry_run": 1}, "`dry_run` must be true or false"),
    ],
)
def test_a_wrong_parameter_is_named(conf: dict[str, Any], told: str) -> None:
    with pytest.raises(SweepConfError, match=told):
        parse_sweep_conf(conf)


def test_the_form_offers_the_known_targets() -> None:
    assert sweep_params([TARGET])["targets"]["examples"] == ["111122223333/eu-west-1"]
    assert set(sweep_params()) == {"targets", "terminate", "dry_run"}


def report(findings: int = 1, **fields: Any) -> SweepReport:
    found = [
        Finding(
            "orphaned record", f"drs_wiki run-{number}", "closed", "its DAG run is gone", "", "e-1", "wiki"
        )
        for number in range(findings)
    ]
    row = {"accountId": "111122223333", "region": "eu-west-1", "state": "ok", "drillInstances": 2}
    return SweepReport(NOW, "tests", history=True, records_open=1, targets=[row], findings=found, **fields)


def test_a_report_has_a_stable_form() -> None:
    data = report(failures=["account 1 could not be looked at"]).to_dict()
    assert json.loads(json.dumps(data)) == data
    assert data == {
        "version": 1,
        "sweptAt": NOW,
        "deploymentId": "tests",
        "dryRun": False,
        "terminate": False,
        "complete": True,
        "ok": False,
        "history": True,
        "recordsOpen": 1,
        "targets": [{"accountId": "111122223333", "region": "eu-west-1", "state": "ok", "drillInstances": 2}],
        "counts": {"closed": 1},
        "findings": [
            {
                "kind": "orphaned record",
                "subject": "drs_wiki run-0",
                "action": "closed",
                "reason": "its DAG run is gone",
                "remedy": "",
                "executionId": "e-1",
                "planName": "wiki",
            }
        ],
        "findingsLeftOut": 0,
        "failures": ["account 1 could not be looked at"],
        "notes": [],
    }


def test_a_report_stays_small() -> None:
    big = report(3000, failures=["x" * 5000] * 300)
    data = big.to_dict()
    assert (len(data["findings"]), data["findingsLeftOut"]) == (MAX_FINDINGS, 2900)
    assert data["counts"] == {"closed": 3000}
    assert len(json.dumps(data)) < 200_000


def test_a_report_survives_a_wait() -> None:
    data = report(3, notes=["n"]).to_dict()
    assert SweepReport.from_dict(json.loads(json.dumps(data))).to_dict() == data


def test_people_get_one_table_with_what_to_do() -> None:
    made = report(failures=["account 1 could not be looked at: denied"])
    made.findings.append(
        Finding("outlived drill instance", "1/eu-west-1 i-1", "left", "old", "Terminate it.")
    )
    text = report_text(made.to_dict())
    head, *_ = text.splitlines()
    assert "deployment tests" in head
    assert "1 open records" in head
    assert "old → Terminate it." in text
    assert "account 1 could not be looked at: denied" in text.split("FAILURES")[1]
    assert "Nothing was found." in report_text(SweepReport(NOW, "tests").to_dict())
