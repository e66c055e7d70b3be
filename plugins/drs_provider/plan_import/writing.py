"""Puts imported files into a folder of plans, without harm to what is there."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from drs_provider.plan.files.folder import PLAN_SUFFIXES, Catalog, load_catalog
from drs_provider.plan_import.result import ImportResult


class WriteError(Exception):
    """Nothing was written; the message names every file or plan in the way, and the way out."""


def write(result: ImportResult, folder: Path, *, overwrite: bool = False) -> tuple[Path, ...]:
    """Write the files of an import, all or none, and return their paths.

    :param folder: the plans folder; it is made if it does not exist
    :param overwrite: True to replace files of the same name
    :raises WriteError: if a file exists, or the files would break a plan of the folder
    """
    paths = tuple(folder / file.name for file in result.files)
    existing = [path for path in paths if path.exists() or path.is_symlink()]
    if existing and not overwrite:
        names = ", ".join(str(path) for path in existing)
        raise WriteError(f"{names}: already there; nothing was written. Give --overwrite, or another folder")
    odd = [path for path in existing if not path.is_file()]
    if odd:
        raise WriteError(f"{odd[0]}: it is no file; nothing was written. Choose another folder")
    try:
        _check(result, folder)
        folder.mkdir(parents=True, exist_ok=True)
        for file, path in zip(result.files, paths, strict=True):
            _replace(path, file.text)
    except OSError as error:
        raise WriteError(f"{error.filename or folder}: {error.strerror or error}") from error
    return paths


def _check(result: ImportResult, folder: Path) -> None:
    """Load the folder as it would be: no plan may break, neither a new one nor one that was good before."""
    before = load_catalog(folder) if folder.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="drs-import-") as name:
        trial = Path(name)
        for file in folder.iterdir() if before else ():
            if file.is_file() and file.name.lower().endswith(PLAN_SUFFIXES):
                shutil.copyfile(file, trial / file.name)
        for new in result.files:
            (trial / new.name).write_text(new.text, encoding="utf-8")
        after = load_catalog(trial)
    lost = sorted({*result.plans, *(before.plans if before else ())} - after.plans.keys())
    if lost:
        raise WriteError(f"nothing was written, since these plans would not load: {_reasons(after, lost)}")


def _reasons(catalog: Catalog, plans: list[str]) -> str:
    texts = []
    for plan in plans:
        problems = catalog.broken.get(plan, ())
        why = "; ".join(f"{problem.path}: {problem.message} ({problem.remedy})" for problem in problems)
        texts.append(f"{plan}: {why or 'its file would be replaced'}")
    return ", ".join(texts)


def _replace(path: Path, text: str) -> None:
    """Write a file at once: a scheduler that reads the folder sees the old content or the new."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
