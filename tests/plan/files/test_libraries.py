from __future__ import annotations

from typing import Any

import pytest

from drs_provider.plan.files.folder import load_catalog, load_plan
from drs_provider.plan.problems import PlanError
from tests.plan.plan_files import BRANCH, DB_1, MAIN, small_plan, told, write

GROUPS = {
    "shared_db": {"target": "shared", "servers": [DB_1]},
    "shared_app": {"target": "shared", "tags": {"App": "x"}},
}
LIBRARY: dict[str, Any] = {"targets": {"shared": MAIN, "spare": BRANCH}, "protection_groups": GROUPS}


def user(name: str = "user", group: str = "shared_db", **fields: Any) -> dict[str, Any]:
    return {"name": name, "waves": [{"name": "all", "groups": [group]}], **fields}


def messages(folder, name):
    with pytest.raises(PlanError) as caught:
        load_plan(folder, name)
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_plan_holds_what_it_uses_of_libraries_and_nothing_else(tmp_path):
    write(tmp_path, "shared.yaml", LIBRARY)
    write(tmp_path, "user.yaml", user())
    catalog = load_catalog(tmp_path)
    assert catalog.problems == ()
    assert list(catalog.plans) == ["user"]
    loaded = catalog.plans["user"]
    assert set(loaded.plan.protection_groups) == {"shared_db"}
    assert set(loaded.plan.targets) == {"shared"}
    assert loaded.libraries == (tmp_path / "shared.yaml",)


def test_own_group_on_a_shared_target(tmp_path):
    write(tmp_path, "shared.yaml", {"schema_version": 1, "targets": {"shared": MAIN}})
    own = {"mine": {"target": "shared", "tags": {"App": "x"}}}
    write(tmp_path, "user.yaml", user(group="mine", protection_groups=own))
    plan = load_plan(tmp_path, "user")
    assert plan.target_of(plan.waves[0]).name == "shared"


def test_groups_and_targets_may_be_in_different_libraries(tmp_path):
    write(tmp_path, "groups.yaml", {"protection_groups": GROUPS})
    write(tmp_path, "targets.yaml", {"targets": LIBRARY["targets"]})
    write(tmp_path, "user.yaml", user())
    catalog = load_catalog(tmp_path)
    assert catalog.problems == ()
    assert [path.name for path in catalog.plans["user"].libraries] == ["groups.yaml", "targets.yaml"]


def test_hash_follows_what_is_used_of_a_library_only(tmp_path):
    write(tmp_path, "user.yaml", user())
    write(tmp_path, "shared.yaml", LIBRARY)
    before = load_plan(tmp_path, "user").content_hash
    write(tmp_path, "shared.yaml", {**LIBRARY, "targets": {"shared": MAIN, "other": BRANCH}})
    assert load_plan(tmp_path, "user").content_hash == before
    write(tmp_path, "shared.yaml", {**LIBRARY, "targets": {"shared": {**MAIN, "region": "eu-west-2"}}})
    assert load_plan(tmp_path, "user").content_hash != before


def test_name_in_plan_and_library_is_refused_as_ambiguous(tmp_path):
    write(tmp_path, "shared.yaml", {**LIBRARY, "targets": {"shared": MAIN, "main": BRANCH}})
    write(tmp_path, "wiki.yaml", small_plan())
    write(tmp_path, "user.yaml", user())
    catalog = load_catalog(tmp_path)
    assert list(catalog.plans) == ["user"]
    assert told(catalog) == ["targets.main: target `main` is also defined in the library shared.yaml"]


def test_name_in_two_libraries_breaks_only_the_plans_that_use_it(tmp_path):
    write(tmp_path, "one.yaml", LIBRARY)
    write(tmp_path, "two.yaml", {"protection_groups": {"shared_db": GROUPS["shared_app"]}})
    write(tmp_path, "user.yaml", user())
    write(tmp_path, "other.yaml", user("other", "shared_app"))
    catalog = load_catalog(tmp_path)
    assert list(catalog.plans) == ["other"]
    clashes = {(problem.file.rsplit("/", 1)[-1], problem.path) for problem in catalog.problems}
    assert clashes == {
        ("one.yaml", "protection_groups.shared_db"),
        ("two.yaml", "protection_groups.shared_db"),
        ("user.yaml", "waves[0].groups[0]"),
    }
    (text,) = messages(tmp_path, "user")
    assert text.startswith("user.yaml:5: waves[0].groups[0]: protection group `shared_db` of the library")


def test_trap_34_broken_library_entry_breaks_only_the_plans_that_use_it(tmp_path):
    broken = {**LIBRARY, "protection_groups": {**GROUPS, "shared_db": {"target": "shared", "serverz": []}}}
    write(tmp_path, "shared.yaml", broken)
    write(tmp_path, "user.yaml", user())
    write(tmp_path, "other.yaml", user("other", "shared_app"))
    catalog = load_catalog(tmp_path)
    assert list(catalog.plans) == ["other"]
    (text,) = messages(tmp_path, "user")
    assert "`shared_db` of the library shared.yaml is broken: unknown field `serverz`" in text
    assert text.endswith("(mend shared.yaml)")
    library = [problem for problem in catalog.problems if problem.file.endswith("shared.yaml")]
    assert library[0].remedy == "did you mean `servers`?"


def test_broken_target_behind_a_library_group(tmp_path):
    write(tmp_path, "shared.yaml", {**LIBRARY, "targets": {"shared": {**MAIN, "region": "x"}}})
    write(tmp_path, "user.yaml", user())
    assert "target `shared` of the library shared.yaml is broken" in messages(tmp_path, "user")[0]


def test_duplicate_key_in_a_library_breaks_its_entry(tmp_path):
    text = "targets: {shared: {account_id: '111122223333', region: eu-west-1, connection: a, own_account: true}}\n"
    text += "protection_groups:\n  shared_db: {target: shared, tags: {A: b}}\n"
    text += "  shared_db: {target: shared, tags: {A: c}}\n"
    write(tmp_path, "shared.yaml", text)
    write(tmp_path, "user.yaml", user())
    assert "given twice" in messages(tmp_path, "user")[0]


@pytest.mark.parametrize(
    "library", [{"schema_version": 2, **LIBRARY}, {**LIBRARY, "protection_groups": {"shared_db": None}}]
)
def test_library_of_an_unknown_version_or_with_empty_entries(tmp_path, library):
    write(tmp_path, "shared.yaml", library)
    write(tmp_path, "user.yaml", user())
    assert "library shared.yaml is broken" in messages(tmp_path, "user")[0]


@pytest.mark.parametrize("section", ["targets", "protection_groups"])
@pytest.mark.parametrize("value", [5, [1], "x"])
def test_library_section_of_a_wrong_form(tmp_path, section, value):
    write(tmp_path, "shared.yaml", {**LIBRARY, section: value})
    write(tmp_path, "wiki.yaml", small_plan())
    catalog = load_catalog(tmp_path)
    assert list(catalog.plans) == ["wiki"]
    assert any(problem.path == section for problem in catalog.problems)


def test_group_of_a_library_cannot_name_a_target_of_a_plan(tmp_path):
    write(
        tmp_path, "shared.yaml", {"protection_groups": {"shared_db": {"target": "main", "servers": [DB_1]}}}
    )
    plan = small_plan()
    plan["waves"].append({"name": "shared", "groups": ["shared_db"]})
    write(tmp_path, "wiki.yaml", plan)
    catalog = load_catalog(tmp_path)
    assert "unknown target `main`" in told(catalog)[0]
    assert list(catalog.plans) == []


def test_library_that_cannot_be_read_is_hinted_at(tmp_path):
    write(tmp_path, "shared.yaml", "targets: [\n")
    write(tmp_path, "user.yaml", user())
    (text,) = messages(tmp_path, "user")
    assert "unknown protection group `shared_db`" in text
    assert "it may be in a file that cannot be read: shared.yaml" in text


def test_server_in_a_library_group_and_in_an_own_one_names_the_library(tmp_path):
    write(tmp_path, "shared.yaml", LIBRARY)
    plan = user(protection_groups={"mine": {"target": "shared", "servers": [DB_1]}})
    plan["waves"].append({"name": "mine", "groups": ["mine"]})
    write(tmp_path, "user.yaml", plan)
    (text,) = messages(tmp_path, "user")
    assert f"server `{DB_1}` is in protection group `shared_db` and in `mine`" in text


def test_unused_library_entries_are_no_problem(tmp_path):
    write(tmp_path, "shared.yaml", LIBRARY)
    catalog = load_catalog(tmp_path)
    assert (dict(catalog.plans), catalog.problems) == ({}, ())


def test_a_plan_with_an_unused_target_is_told_whatever_else_the_libraries_hold(tmp_path):
    broken = {"lost": {"target": "gone", "tags": {"App": "y"}}}
    write(tmp_path, "shared.yaml", {**LIBRARY, "protection_groups": {**GROUPS, **broken}})
    write(tmp_path, "user.yaml", user(targets={"own": BRANCH}))
    (message,) = messages(tmp_path, "user")
    assert "target `own` does nothing: no protection group names it" in message
