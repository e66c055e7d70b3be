from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_provider.plan.conf.parsing import RunConf, RunConfError, parse_run_conf
from tests.plan.plan_files import DB_1, DB_2, make_plan, plan_data

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp()
PLAN = make_plan()
RECOVERY = {"execution_type": "RECOVERY", "confirm_plan": "erp"}
PIT = "pit-1111111111111111a"


def parse(conf, plan=PLAN):
    return parse_run_conf(conf, plan, now=NOW)


def problems(conf, plan=PLAN):
    with pytest.raises(RunConfError) as caught:
        parse(conf, plan)
    assert all(problem.remedy for problem in caught.value.problems)
    assert all(problem.file == "conf" for problem in caught.value.problems)
    return {problem.path: problem for problem in caught.value.problems}


def test_trap_31_nothing_given_is_a_drill_with_the_plans_own_values():
    conf = parse({})
    assert conf == RunConf()
    assert (conf.execution_type, conf.preflight, conf.cleanup, conf.snapshots.kind) == (
        "DRILL",
        "enforce",
        "terminate",
        "latest",
    )


def test_everything_that_a_recovery_can_take():
    conf = parse(
        {
            **RECOVERY,
            "reason": "Region lost",
            "ticket": "INC-1",
            "initiated_by": "ops desk",
            "incident_time": "2026-06-01T11:30:00+02:00",
            "source_state": "lost",
            "waves": ["application", "database"],
            "pause_before": ["application"],
            "snapshots": {DB_1: PIT},
            "preflight": "warn",
            "dry_run": True,
            "replace_live_instances": [DB_2],
        }
    )
    assert conf.waves == ("database", "application")
    assert conf.incident_time == datetime(2026, 6, 1, 9, 30, tzinfo=UTC).timestamp()
    assert conf.snapshots.snapshot_ids == {DB_1: PIT}
    assert [wave.name for wave in conf.selected_waves(PLAN)] == ["database", "application"]
    assert RunConf.model_validate(conf.to_dict()) == conf


def test_everything_that_a_drill_can_take():
    conf = parse({"skip_gates": True, "cleanup": "keep", "snapshots": "2026-05-31T00:00:00Z"})
    assert (conf.skip_gates, conf.cleanup) == (True, "keep")
    assert (conf.snapshots.kind, conf.snapshots.not_after) == (
        "not_after",
        datetime(2026, 5, 31, tzinfo=UTC).timestamp(),
    )


def test_trap_21_unknown_key_without_a_value_is_unknown_all_the_same():
    assert set(problems({"other": None})) == {"other"}


def test_all_faults_at_once_each_with_its_key():
    found = problems(
        {
            "execution_typ": "DRILL",
            "dry_run": "true",
            "skip_gates": 1,
            "waves": ["databse"],
            "snapshots": {"x": PIT},
            "ticket": 4711,
            "incident_time": "2026-05-31 10:00",
            "replace_live_instances": "all",
        }
    )
    assert set(found) == {
        "execution_typ",
        "dry_run",
        "skip_gates",
        "waves",
        "snapshots.x",
        "ticket",
        "incident_time",
        "replace_live_instances",
    }
    assert found["execution_typ"].remedy == "did you mean `execution_type`?"
    assert found["waves"].remedy == "did you mean `database`?"
    assert "has no time zone" in found["incident_time"].message


@pytest.mark.parametrize("confirm", [None, "", "ERP", "erp ", "other"])
def test_trap_31_recovery_needs_the_plans_name(confirm):
    found = problems({"execution_type": "RECOVERY", "confirm_plan": confirm})
    assert set(found) == {"confirm_plan"}
    assert "`erp`" in found["confirm_plan"].remedy


def test_trap_31_confirmation_without_recovery_is_a_mistake():
    assert "RECOVERY" in problems({"confirm_plan": "erp"})["confirm_plan"].remedy


@pytest.mark.parametrize(
    "change",
    [
        {"incident_time": "2026-05-31T10:00Z"},
        {"source_state": "lost"},
        {"source_state": "fenced"},
        {"preempt_drill": True},
    ],
)
def test_for_recoveries_only(change):
    assert set(problems(change)) == set(change)
    assert parse({**RECOVERY, **change})


@pytest.mark.parametrize("change", [{"skip_gates": True}, {"cleanup": "keep"}, {"failed_back": "CHG7"}])
def test_for_drills_only(change):
    assert set(problems({**RECOVERY, **change})) == set(change)
    assert parse(change)


def test_values_equal_to_the_defaults_count_as_not_given():
    same = {
        "reason": None,
        "ticket": "",
        "initiated_by": "",
        "incident_time": None,
        "source_state": "unknown",
        "waves": [],
        "pause_before": None,
        "skip_gates": False,
        "snapshots": "latest",
        "preflight": "enforce",
        "dry_run": False,
        "cleanup": "terminate",
        "replace_live_instances": [],
        "preempt_drill": False,
        "failed_back": "",
    }
    assert parse({**same, **RECOVERY}) == parse(RECOVERY)
    assert parse({**same, "confirm_plan": ""}) == parse({})


def test_cleanup_of_the_plan_counts_as_not_given():
    data = plan_data()
    data["drill"]["cleanup"] = "keep"
    plan = make_plan(data)
    assert parse({}, plan).cleanup == "keep"
    assert parse({**RECOVERY, "cleanup": "keep"}, plan).cleanup == "keep"
    assert set(problems({**RECOVERY, "cleanup": "terminate"}, plan)) == {"cleanup"}


@pytest.mark.parametrize("value", ["all", ["all"], ["web", "all"]])
def test_pause_before_all_selected_waves(value):
    assert parse({"pause_before": value, "waves": ["web", "database"]}).pause_before == ("database", "web")


def test_pause_before_a_wave_that_is_left_out():
    found = problems({"pause_before": ["web"], "waves": ["database"]})
    assert "not among the selected waves" in found["pause_before"].message


@pytest.mark.parametrize("change", [{"pause_before": "all"}, {"replace_live_instances": [DB_1]}])
def test_unattended_drills_take_nothing_that_needs_a_person(change):
    assert set(problems({"skip_gates": True, **change})) == set(change)


@pytest.mark.parametrize("key", ["incident_time", "snapshots"])
def test_times_in_the_future(key):
    assert "future" in problems({**RECOVERY, key: "2026-06-01T12:05:00Z"})[key].message
    assert parse({**RECOVERY, key: "2026-06-01T12:00:30Z"})  # clocks differ a little


@pytest.mark.parametrize(
    "value", ["yesterday", "2026-05-31", "2026-05-31T10:00:00", "10:00", "2026-13-01T00:00Z", 5]
)
@pytest.mark.parametrize("key", ["incident_time", "snapshots"])
def test_times_are_complete(key, value):
    assert set(problems({**RECOVERY, key: value})) == {key}


def test_trap_20_servers_to_replace_belong_to_the_selected_waves():
    foreign = "s-2222222222222222a"
    found = problems(
        {"waves": ["database"], "replace_live_instances": [DB_1, foreign], "snapshots": {foreign: PIT}}
    )
    assert set(found) == {"replace_live_instances", "snapshots"}
    assert foreign in found["replace_live_instances"].message
    # With tag selectors only the run itself can tell.
    assert parse({"replace_live_instances": [foreign]}).replace_live_instances == (foreign,)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("execution_type", "drill"),
        ("execution_type", True),
        ("reason", "x" * 1001),
        ("reason", "a\x00b"),
        ("ticket", ["INC-1"]),
        ("ticket", "two\nlines"),
        ("waves", "database"),
        ("waves", ["database", "database"]),
        ("pause_before", {"database": True}),
        ("dry_run", 1),
        ("dry_run", "false"),
        ("preflight", "off"),
        ("preflight", False),
        ("snapshots", {}),
        ("snapshots", [PIT]),
        ("snapshots", {DB_1: "latest"}),
        ("snapshots", {DB_1: None}),
        ("cleanup", "maybe"),
        ("cleanup", ""),
        ("replace_live_instances", [DB_1, DB_1]),
        ("replace_live_instances", [5]),
    ],
)
def test_types_are_strict(key, value):
    assert {path.split(".")[0].split("[")[0] for path in problems({key: value})} == {key}


@pytest.mark.parametrize("conf", [[], "conf", 5])
def test_configuration_that_is_no_map(conf):
    assert "map of parameters" in problems(conf)[""].message


@given(
    st.dictionaries(
        st.sampled_from([*RunConf.model_fields, "other"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=5)
        | st.lists(st.text(max_size=3), max_size=2)
        | st.sampled_from(
            ["RECOVERY", "erp", "all", "keep", "warn", "lost", "latest", ["web"], [DB_1], {DB_1: PIT}]
        ),
        max_size=5,
    )
)
def test_any_configuration_is_read_or_refused_by_key(conf):
    try:
        read = parse(conf)
    except RunConfError as error:
        found = error.problems
    else:
        assert set(conf) <= set(RunConf.model_fields)
        assert read.execution_type == "DRILL" or read.confirm_plan == PLAN.name
        return
    assert found
    assert all(problem.path and problem.remedy for problem in found)


@pytest.mark.parametrize("key", ["reason", "ticket", "initiated_by"])
def test_peoples_texts_are_cleaned_and_not_refused(key):
    assert getattr(parse({key: " \tCHG1\r\n"}), key) == "CHG1"
    assert getattr(parse({key: "\n"}), key) is None


def test_line_ends_are_normalized():
    assert parse({"reason": "a\r\nb\rc"}).reason == "a\nb\nc"
    assert parse({"waves": ["database\n"], "incident_time": None}).waves == ("database",)


@pytest.mark.parametrize("text", ["CHG1\nCHG2", "a\x1b[31mb", "a\x00b", "a\x07b"])
def test_control_characters_are_shown_escaped_where_they_are_refused(text):
    problem = problems({"ticket": text})["ticket"]
    assert str(problem).isprintable()
    assert repr(text)[1:-1] in str(problem)


def test_trap_31_what_confirms_a_recovery_is_not_cleaned():
    for near in ("erp ", "erp\n", " erp"):
        assert "confirm_plan" in problems({**RECOVERY, "confirm_plan": near})
    assert "execution_type" in problems({**RECOVERY, "execution_type": "RECOVERY\n"})


@given(st.text())
def test_every_refusal_is_one_visible_line(text):
    for conf in ({"ticket": text}, {"snapshots": text}, {text: 1}, {"waves": [text]}, {"preflight": text}):
        try:
            parse(conf)
        except RunConfError as error:
            for problem in error.problems:
                assert not any(each in str(problem) for each in "\x00\x07\x1b\n\r\x9b\u2028")
