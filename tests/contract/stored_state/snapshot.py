"""A snapshot of all that is stored, in files, as one version wrote it."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from airflow._shared.module_loading import import_string

import drs_provider.core
import drs_provider.rules
from drs_provider import keys
from drs_provider.core import evidence
from drs_provider.plan.model import Plan
from tests.contract.stored_state.compare import Shape, lost, shape_of
from tests.contract.stored_state.scenes import BEGIN, SCENES, Scene
from tests.contract.stored_state.state import State, state_of
from tests.contract.test_triggers import ARGUMENTS, CLASSES
from tests.harness.stage import stage

FOLDER = Path(__file__).parent
#: A version's words and arguments of triggers, beside the files of its scenes
WORDS_FILE = "words.json"


@dataclass
class Moment:
    """What is stored at a moment.

    :param now: epoch seconds
    """

    name: str
    now: float
    state: State


def moments(scene: Scene) -> Iterator[Moment]:
    """Play a scene, and give what is stored at each of its moments."""
    with (
        TemporaryDirectory(prefix="stored-state-") as folder,
        stage(scene.scenario, Path(folder), history=scene.history, begin=BEGIN) as play,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in scene.options.items():
            patch.setenv(f"AIRFLOW__DRS__{name}", value)
        for name, beside in scene.plays(play):
            yield Moment(name, play.now(), state_of(play) | beside)


def shape(of: list[Moment]) -> Shape:
    """Return the shape of all that is stored in the moments of a scene."""
    return shape_of((key, _read(key, value)) for moment in of for key, value in moment.state.items())


def _read(address: str, value: Any) -> Any:
    """Return a value as its readers see it: Variables hold text, which may be of JSON."""
    is_json = address.startswith("variable ") and value.startswith(("{", "["))
    return json.loads(value) if is_json else value


def words() -> dict[str, Any]:
    """Return every enumeration and every key, by name: what is stored is made of them."""
    found: dict[str, Any] = {"keys": _texts(keys), "evidence": _texts(evidence)}
    for room in (drs_provider.core, drs_provider.rules):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            for name, item in vars(importlib.import_module(module.name)).items():
                if _is_enumeration(item) and item.__module__ == module.name and not name.startswith("_"):
                    found[f"{module.name}.{name}"] = sorted(item)
    return found


def _is_enumeration(item: Any) -> bool:
    return inspect.isclass(item) and issubclass(item, StrEnum)


def _texts(module: Any) -> list[str]:
    return sorted(
        {value for name, value in vars(module).items() if name.isupper() and isinstance(value, str)}
    )


def triggers() -> dict[str, dict[str, Any]]:
    """Return the arguments of every trigger class, as Airflow stores them, by its path."""
    stored = (CLASSES[name](**arguments).serialize() for name, arguments in ARGUMENTS.items())
    return {path: json.loads(json.dumps(arguments)) for path, arguments in stored}


# -- files ----------------------------------------------------------------------------------------------


def write(folder: Path) -> None:
    """Write a snapshot of what this version stores."""
    folder.mkdir(exist_ok=True)
    _write_file(folder / WORDS_FILE, {"words": words(), "triggers": triggers()})
    for name, scene in SCENES.items():
        plan = scene.plan.to_dict() if scene.plan else None
        _write_file(folder / f"{name}.json", {"plan": plan, "moments": _changes(moments(scene))})


def _changes(of: Iterable[Moment]) -> list[dict[str, Any]]:
    """Return of each moment only what changed since the one before."""
    before: State = {}
    told = []
    for moment in of:
        changed = {key: value for key, value in moment.state.items() if before.get(key) != value}
        removed = [key for key in before if key not in moment.state]
        told.append({"moment": moment.name, "now": moment.now, "changed": changed, "removed": removed})
        before = moment.state
    return told


def _write_file(file: Path, content: Any) -> None:
    file.write_text(_lines(content, 4) + "\n", encoding="utf-8")


def _lines(value: Any, depth: int) -> str:
    """Return JSON with one line for each value that is stored."""
    if depth and isinstance(value, dict) and value:
        inside = ",\n".join(f"{json.dumps(key)}: {_lines(item, depth - 1)}" for key, item in value.items())
        return f"{{\n{inside}\n}}"
    if depth and isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(_lines(item, depth - 1) for item in value) + "\n]"
    return json.dumps(value, separators=(",", ":"))


@dataclass
class Snapshot:
    """What a version stored.

    :param folder: its name is the version
    """

    folder: Path

    def scene(self, name: str) -> tuple[Plan | None, list[Moment]]:
        """Return the plan of a scene as it was written then, and the moments."""
        content = json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
        state: State = {}
        found = []
        for told in content["moments"]:
            kept = {key: value for key, value in state.items() if key not in told["removed"]}
            state = kept | told["changed"]
            found.append(Moment(told["moment"], told["now"], state))
        return Plan.model_validate(content["plan"]) if content["plan"] else None, found

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Return its words, and the arguments of its triggers."""
        return dict(json.loads((self.folder / WORDS_FILE).read_text(encoding="utf-8")))


def snapshots() -> list[Snapshot]:
    """Return the snapshots of the versions whose executions an upgrade may meet."""
    return [Snapshot(file.parent) for file in sorted(FOLDER.glob(f"*/{WORDS_FILE}"))]


# -- comparison -----------------------------------------------------------------------------------------


def lost_words(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return every word that there was, and is not any more."""
    pairs = ((name, word) for name, known in before.items() for word in known)
    return [f"{name} has no {word} any more" for name, word in pairs if word not in now.get(name, ())]


def lost_triggers(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return what triggers have lost; what is new must have a default, or what is stored cannot be made again."""
    told = lost(shape_of(before.items()), shape_of(now.items()))
    for path in before.keys() & now.keys():
        defaults = import_string(path).__init__.__kwdefaults__ or {}
        new = now[path].keys() - before[path].keys() - defaults.keys()
        told += [f"{path}: {name} is new and has no default" for name in sorted(new)]
    return told


def lost_in_scene(snapshot: Snapshot, name: str) -> list[str]:
    """Play a scene; return what was stored, and is not any more."""
    _, before = snapshot.scene(name)
    return lost(shape(before), shape(list(moments(SCENES[name]))))
