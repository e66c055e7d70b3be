from __future__ import annotations

import os

import pytest
import yaml

from drs_provider.plan.files import folder as folder_module
from drs_provider.plan.files.folder import MAX_PROBLEMS, load_catalog, load_plan, plan_names
from drs_provider.plan.problems import PlanError
from tests.plan.plan_files import MAIN, load_one, plan_data, small_plan, told, write


def test_good_plans_load_by_name_whatever_their_file_is_called(tmp_path):
    write(tmp_path, "b.yaml", plan_data())
    write(tmp_path, "a.yml", small_plan())
    write(tmp_path, "notes.txt", "no plan")
    write(tmp_path, ".hidden.yaml", "no: plan")
    catalog = load_catalog(tmp_path)
    assert catalog.problems == ()
    assert {name: loaded.file.name for name, loaded in catalog.plans.items()} == {
        "erp": "b.yaml",
        "wiki": "a.yml",
    }


def test_trap_21_all_errors_of_a_file_at_once_with_place_and_remedy(tmp_path):
    data = plan_data()
    data["titel"] = data.pop("title")
    data["targets"]["main"]["account_id"] = 111122223333
    data["waves"][0]["timeout_minutes"] = "90"
    data["waves"][1]["gate"]["timeout_minuts"] = 5
    data["waves"][1]["gate"]["two_people"] = "sometimes"
    data["waves"][2]["groups"] = ["erp_wep"]
    catalog = load_one(tmp_path, data)
    assert catalog.plans == {}
    assert set(told(catalog)) == {
        "titel: unknown field `titel`",
        "targets.main.account_id: it must be text, not the number 111122223333",
        "waves[0].timeout_minutes: it must be a whole number, not the text `90`",
        "waves[1].gate.timeout_minuts: unknown field `timeout_minuts`",
        "waves[1].gate.two_people: the text `sometimes` is not one of the choices here",
        "waves[2].groups[0]: unknown protection group `erp_wep`",
    }
    remedies = {problem.path: problem.remedy for problem in catalog.problems}
    assert remedies["titel"] == "did you mean `title`?"
    assert remedies["targets.main.account_id"] == 'put it in quotes: "111122223333"'
    assert remedies["waves[1].gate.timeout_minuts"] == "did you mean `timeout_minutes`?"
    assert remedies["waves[2].groups[0]"] == "did you mean `erp_web`?"
    lines = (tmp_path / "plan.yaml").read_text().splitlines()
    for problem in catalog.problems:
        field = problem.path.rsplit(".", 1)[-1].split("[")[0]
        assert problem.line is not None
        assert field in lines[problem.line - 1] or "erp_wep" in lines[problem.line - 1]
        assert problem.file == str(tmp_path / "plan.yaml")
        assert problem.remedy
    assert catalog.broken["erp"] == catalog.problems


@pytest.mark.parametrize(
    ("text", "path", "message", "remedy"),
    [
        ("owner: no", "owner", "YAML reads `no` as false, not as text", 'put it in quotes: "no"'),
        ("owner: 007", "owner", "it must be text, not the number 7", 'put it in quotes: "007"'),
        (
            "title: 2026-12-19",
            "title",
            "it must be text, not the date 2026-12-19",
            'put it in quotes: "2026-12-19"',
        ),
        (
            "tags: {CostCenter: 4711}",
            "tags.CostCenter",
            "it must be text, not the number 4711",
            "put it in quotes",
        ),
        ("drill:", "drill", "`drill` has no value", "give it one, or remove it"),
        ("network: [5]", "network", "it must be a mapping of fields, not a list", ""),
        (
            "recovery: {initiators: me}",
            "recovery.initiators",
            "it must be a list, not the text `me`",
            "[first",
        ),
        ("priority: 0", "priority", "0 is too small", "use at least 1"),
        ("priority: 5000", "priority", "the number 5000 is too large", "use at most 1000"),
        ("schema_version: 2", "schema_version", "the number 2 is not allowed here", "use 1"),
        ("tags: {aws:x: y}", "tags.aws:x", "tag key `aws:x` is reserved for AWS", ""),
        ("tags: {PlanName: y}", "tags.PlanName", "tag key `PlanName` is set by every execution itself", ""),
    ],
)
def test_one_clear_problem_for_one_mistake(tmp_path, text, path, message, remedy):
    catalog = load_one(tmp_path, yaml.safe_dump(small_plan()) + text + "\n")
    (problem,) = catalog.problems
    assert (problem.path, problem.message) == (path, message)
    assert remedy in problem.remedy


def test_null_is_fine_for_arguments_of_notifiers_only(tmp_path):
    data = small_plan(notifications=[{"events": ["start"], "notifier": "a.B", "args": {"x": None}}])
    assert load_one(tmp_path, data).problems == ()
    data["notifications"][0]["notifier"] = None
    assert told(load_one(tmp_path, data)) == ["notifications[0].notifier: `notifier` has no value"]


def test_date_in_notifier_arguments_is_no_json(tmp_path):
    text = "notifications: [{events: [start], notifier: a.B, args: {x: {y: 2026-12-19}}}]\n"
    (problem,) = load_one(tmp_path, yaml.safe_dump(small_plan()) + text).problems
    assert problem.path.startswith("notifications[0].args.x")
    assert "the date 2026-12-19" in problem.message


def test_trap_34_bad_file_affects_no_other_plan(tmp_path):
    write(tmp_path, "good.yaml", small_plan())
    write(tmp_path, "syntax.yaml", "name: [x\n")
    write(tmp_path, "empty.yaml", "")
    write(tmp_path, "broken.yaml", {"name": "broken"})
    (tmp_path / "dir.yaml").mkdir()
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9\n")
    catalog = load_catalog(tmp_path)
    assert list(catalog.plans) == ["wiki"]
    bad = {os.path.basename(problem.file) for problem in catalog.problems}
    assert bad == {"syntax.yaml", "empty.yaml", "broken.yaml", "dir.yaml", "latin.yaml"}
    assert set(catalog.broken) == {"broken"}
    assert load_plan(tmp_path, "wiki") == catalog.plans["wiki"].plan


def test_two_files_with_one_plan_name_are_both_refused(tmp_path):
    write(tmp_path, "a.yaml", small_plan())
    write(tmp_path, "b.yaml", small_plan(title="another"))
    write(tmp_path, "c.yaml", small_plan("other"))
    catalog = load_catalog(tmp_path)
    assert list(catalog.plans) == ["other"]
    assert sorted(told(catalog)) == [
        "name: plan `wiki` is also in a.yaml; neither of them is loaded",
        "name: plan `wiki` is also in b.yaml; neither of them is loaded",
    ]
    with pytest.raises(PlanError, match=r"also in b\.yaml"):
        load_plan(tmp_path, "wiki")


def test_missing_folder_is_a_problem(tmp_path):
    catalog = load_catalog(tmp_path / "gone")
    assert catalog.plans == {}
    assert "plans folder cannot be read" in catalog.problems[0].message
    with pytest.raises(PlanError, match="plans folder cannot be read"):
        load_plan(tmp_path / "gone", "wiki")


def test_unknown_plan_is_told_with_the_nearest_and_with_files_that_may_hold_it(tmp_path):
    write(tmp_path, "a.yaml", small_plan())
    write(tmp_path, "b.yaml", "name: [\n")
    with pytest.raises(PlanError) as caught:
        load_plan(tmp_path, "wikki")
    first, second = caught.value.problems
    assert (first.message, first.remedy) == ("there is no plan `wikki`", "did you mean `wiki`?")
    assert second.file.endswith("b.yaml")


def test_load_plan_tells_all_problems(tmp_path):
    write(tmp_path, "a.yaml", small_plan(titel="x", ownr="y"))
    with pytest.raises(PlanError) as caught:
        load_plan(tmp_path, "wiki")
    assert [problem.path for problem in caught.value.problems] == ["titel", "ownr"]


def test_problems_of_one_file_are_limited(tmp_path):
    data = small_plan(tags={f"aws:{number}": "x" for number in range(200)})
    problems = load_one(tmp_path, data).problems
    assert len(problems) == MAX_PROBLEMS + 1
    assert any("more problems" in problem.message for problem in problems)


def test_file_with_only_a_name_is_no_library(tmp_path):
    assert told(load_one(tmp_path, {"name": "x"})) == ["waves: `waves` is missing"]


def parsed(monkeypatch) -> list[str]:
    """The files that are parsed from now on."""
    files: list[str] = []
    read = folder_module.read_yaml
    monkeypatch.setattr(folder_module, "read_yaml", lambda path: (files.append(path.name), read(path))[1])
    return files


def test_one_plan_of_many_is_loaded_with_its_libraries_and_without_the_others(tmp_path, monkeypatch):
    library = {
        "targets": {"main": MAIN},
        "protection_groups": {"db": {"target": "main", "tags": {"App": "x"}}},
    }
    write(tmp_path, "library.yaml", library)
    for number in range(12):
        waves = [{"name": "all", "groups": ["db"]}]
        write(tmp_path, f"p{number}.yaml", {"name": f"plan_{number}", "waves": waves})
    whole = load_catalog(tmp_path).plans["plan_1"]
    files = parsed(monkeypatch)
    one = load_catalog(tmp_path, only="plan_1")
    assert dict(one.plans) == {"plan_1": whole}
    assert sorted(files) == ["library.yaml", "p1.yaml"]


@pytest.mark.parametrize(
    "text",
    [
        'name: "wi\\x6bi"\nwaves: []\n',
        "{name: wiki, waves: []}\n",
        "? name\n: wiki\nwaves: []\n",
        "name: &n wiki\ntitle: *n\nwaves: []\n",
    ],
)
def test_a_plan_is_found_however_its_name_is_written(tmp_path, text):
    write(tmp_path, "other.yaml", small_plan(name="other"))
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    assert list(load_catalog(tmp_path, only="wiki").broken) == ["wiki"]
    assert plan_names(tmp_path) == {"wiki", "other"}


def test_a_second_file_of_the_same_name_is_seen_when_only_one_plan_is_loaded(tmp_path):
    write(tmp_path, "a.yaml", small_plan())
    write(tmp_path, "b.yaml", small_plan())
    assert "is also in" in str(load_catalog(tmp_path, only="wiki").broken["wiki"][0])


def test_names_of_files_that_do_not_load_are_known_and_impossible_ones_are_none(tmp_path):
    write(tmp_path, "a.yaml", {"name": "broken_plan", "wawes": []})
    write(tmp_path, "b.yaml", {"name": "Bad Name"})
    write(tmp_path, "c.yaml", "name: [\n")
    os.mkfifo(tmp_path / "d.yaml")
    assert plan_names(tmp_path) == {"broken_plan"}
