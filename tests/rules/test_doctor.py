"""What the doctor judges from plain data."""

from __future__ import annotations

from drs_provider.core.evidence import fingerprint
from drs_provider.rules.doctor import Severity, finding, judge_components, judge_logins, judge_slots, report

OLD, NEW = fingerprint("o" * 32), fingerprint("n" * 32)


def component(kind="worker", host="w1", **changes):
    return {
        "component": kind,
        "host": host,
        "provider": "1",
        "airflow": "3.3.2",
        "deploymentId": "prod",
        "keys": [OLD],
    } | changes


def codes(*components):
    return [(each.code, each.severity.value) for each in judge_components(components)]


def test_components_that_agree_are_well():
    assert codes(component(), component("triggerer", "t1"), component()) == []


def test_keys_that_verify_each_other_are_the_same_whatever_else_is_listed():
    rotating = component("triggerer", "t1", keys=[NEW, OLD])
    assert codes(component(keys=[NEW, OLD]), rotating) == []
    assert codes(component(keys=[NEW]), rotating) == []
    assert codes(component(keys=[OLD]), rotating) == [("signing_keys_differ", "BLOCK")], "what is signed new"
    assert codes(component(keys=[]), rotating) == [], "a worker without a key is told by its configuration"


def test_a_triggerer_or_another_worker_without_a_key_is_told():
    lost = {"keys": [], "problem": "[drs] signing_key is not usable"}
    told = [("configuration_wrong", "BLOCK")]
    assert codes(component(**lost)) == [], "its own settings were looked at"
    assert codes(component(), component("triggerer", "t1", **lost)) == told
    assert codes(component(), component(host="w2", **lost)) == told


def test_workers_of_one_host_are_told_apart_by_what_they_have():
    assert codes(component(), component(keys=[NEW])) == [("signing_keys_differ", "BLOCK")]
    assert codes(component(), component("triggerer", "t1", deploymentId="other", provider="2")) == [
        ("deployment_ids_differ", "BLOCK"),
        ("versions_differ", "WARN"),
    ]


def test_a_clock_may_be_off_by_half_a_minute():
    off = {"skewTo": "AWS"}
    assert codes(component(skewSeconds=29.0, **off)) == []
    assert codes(component(skewSeconds=-31.0, **off)) == [("clock_skew", "WARN")]
    (found,) = judge_components([component(skewSeconds=-250.0, **off)])
    assert (found.severity, found.message) == (Severity.BLOCK, "its clock is 250 seconds behind that of AWS")


def test_a_fingerprint_tells_nothing_of_the_key():
    assert OLD != NEW
    assert fingerprint(b"o" * 32) == OLD
    assert len(OLD) == 16


def test_logins_that_airflow_does_not_know_are_named_with_their_plans():
    (found,) = judge_logins({"dr-lead": {"erp"}, "gone": {"wiki", "erp"}}, ["dr-lead"])
    assert (found.subject, found.code) == ("login gone", "unknown_login")
    assert "lists of erp, wiki" in found.message


def test_a_report_has_the_worst_first_and_each_once():
    rows = [
        finding(code, "x", "y").to_dict()
        for code in ("history_off", "plan_paused", "import_error", "history_off")
    ]
    made = report(rows, checkedAt=1.0)
    assert [row["code"] for row in made["findings"]] == ["plan_paused", "import_error", "history_off"]
    assert (made["ok"], made["counts"]) == (False, {"block": 1, "warn": 1, "info": 1})
    assert report([])["ok"]


def test_pools_may_have_as_many_slots_as_parallelism_and_no_more():
    pools = [{"name": "default_pool", "slots": 16}, {"name": "drs", "slots": 16}]
    assert [*judge_slots(32, pools)] == [*judge_slots(None, pools)] == []
    (told,) = judge_slots(31, pools)
    assert (told.code, told.severity) == ("slots_not_reserved", Severity.WARN)
    (told,) = judge_slots(1000, [{"name": "endless", "slots": -1}, *pools])
    assert "endless without a limit" in told.message
