"""Whatever stands in a plan file: problems are collected, nothing is raised, every reading is the same."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drs_provider.plan.files.folder import load_catalog
from drs_provider.plan.model import Plan
from tests.plan.plan_files import make_plan, plan_data, write

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=20),
    st.dates(),
    st.sampled_from(
        ["main", "erp_db", "database", "web", "all", "80%", "s-1111111111111111a", "*", "2026-12-19"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of everything in a plan."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += places(inner, (*path, key))
    return found


PLACES = places(plan_data())


@st.composite
def mutated_plans(draw) -> dict[str, Any]:
    """Return a valid plan with a few values replaced, removed, added or copied elsewhere."""
    data = plan_data()
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(PLACES))
        try:
            parent = data
            for part in path[:-1]:
                parent = parent[part]
            mutate(draw, data, parent, path[-1])
        except (KeyError, IndexError, TypeError):
            continue  # an earlier mutation removed the place
    return data


def mutate(draw, data: dict[str, Any], parent: Any, key: Any) -> None:
    kind = draw(st.sampled_from(["replace", "remove", "add", "copy"]))
    if kind == "replace":
        parent[key] = draw(VALUES)
    elif kind == "remove":
        del parent[key]
    elif kind == "add" and isinstance(parent, dict):
        parent[draw(st.text(max_size=8))] = draw(VALUES)
    elif kind == "copy":
        source = data
        for part in draw(st.sampled_from(PLACES)):
            source = source[part]
        parent[key] = yaml.safe_load(yaml.safe_dump(source))


def check_catalog(content: dict[str, Any] | str | bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if isinstance(content, bytes):
            (folder / "plan.yaml").write_bytes(content)
        else:
            write(folder, "plan.yaml", content)
        first, second = load_catalog(folder), load_catalog(folder)
        assert first == second
        for problem in first.problems:
            assert problem.message
            assert problem.remedy
            str(problem).encode("utf-8")
        # A file is a good plan, a library, or it is told what is wrong with it.
        for loaded in first.plans.values():
            assert first.problems == ()
            assert Plan.model_validate(loaded.plan.to_dict()).content_hash == loaded.plan.content_hash
            for wave in loaded.plan.waves:
                assert loaded.plan.target_of(wave).account_id


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated_plans())
def test_mutated_plan_is_loaded_or_told(data):
    check_catalog(yaml.safe_dump(data))


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=60)
    | st.text(alphabet="{}[]:,&*!|>'\"#%@` \n\t-?<=aonx0.~", max_size=40).map(str.encode)
)
def test_any_bytes_are_told(content):
    check_catalog(content)


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False))
def test_hash_is_stable_under_key_order(random):
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            keys = list(value)
            random.shuffle(keys)
            return {key: shuffled(value[key]) for key in keys}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    assert make_plan(shuffled(plan_data())).content_hash == make_plan().content_hash
