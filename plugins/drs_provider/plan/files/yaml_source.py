"""Strict reading of YAML files: nothing is guessed, and every problem is collected."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from drs_provider.plan.files.yaml_nodes import Mark, NodeReader, StrictLoader, UnreadableError, check_shape
from drs_provider.plan.problems import Parts, PlanProblem, format_path

MAX_BYTES: Final = 1024 * 1024
"""A plan of 4,000 listed servers has about 100 KB."""


@dataclass(frozen=True)
class YamlSource:
    """A YAML file that was read.

    :param path: the file
    :param data: its fields, or None if nothing of it can be used
    :param marks: places of all fields, by their path
    :param problems: what is wrong with the file as YAML; the rest of ``data`` is usable all the same
    """

    path: Path
    data: dict[str, Any] | None
    marks: Mapping[Parts, Mark] = field(default_factory=dict)
    problems: tuple[PlanProblem, ...] = ()

    @property
    def file(self) -> str:
        """The file's path as text, for problems."""
        return _label(self.path)

    def line_of(self, parts: Parts) -> int | None:
        """Return the line of a field, or of the nearest field around it that the file has."""
        for length in range(len(parts), 0, -1):
            mark = self.marks.get(parts[:length])
            if mark is not None:
                return mark.line
        return None

    def raw_of(self, parts: Parts) -> str | None:
        """Return the text in the file of a value that YAML did not read as text."""
        mark = self.marks.get(parts)
        return mark.raw if mark else None

    def problem(self, parts: Parts, message: str, remedy: str = "") -> PlanProblem:
        """Return a problem of this file at a field."""
        return PlanProblem(self.file, format_path(parts), message, remedy, self.line_of(parts))


def read_yaml(path: Path) -> YamlSource:
    """Read one YAML file; whatever is wrong with it is in the result's ``problems``."""
    try:
        return _parse(path, _read_text(path))
    except UnreadableError as error:
        problem = PlanProblem(_label(path), "", error.message, error.remedy, error.line)
        return YamlSource(path, None, problems=(problem,))


def _label(path: Path) -> str:
    """Return the path as text that can be stored, whatever bytes the file's name has."""
    return os.fsencode(path).decode("utf-8", "replace")


def _read_text(path: Path) -> str:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
            raise UnreadableError(f"it is {kind}", "plans are files; rename or remove it")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        if path.is_symlink():
            target = os.readlink(path)
            raise UnreadableError(
                f"the symbolic link points nowhere: {target}", "mend or remove it"
            ) from error
        raise UnreadableError("the file does not exist", "check the name") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnreadableError(f"the file cannot be read: {reason}", "check permissions and links") from error
    if len(content) > MAX_BYTES:
        raise UnreadableError(
            f"the file is larger than {MAX_BYTES // 1024} KiB", "select servers by tags, or split the plan"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableError("the file is not UTF-8 text", "save it in UTF-8", line) from error


def _parse(path: Path, text: str) -> YamlSource:
    try:
        check_shape(text)
        loader = StrictLoader(text)
        try:
            node = loader.get_single_node()
            reader = NodeReader(_label(path), loader)
            data = reader.read(node)
            return YamlSource(path, data, reader.marks, tuple(reader.problems))
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ", ".join(part for part in (error.context, error.problem) if part)
        line = None if mark is None else mark.line + 1
        raise UnreadableError(f"it is not YAML: {said}", _syntax_remedy(said), line) from error
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise UnreadableError(f"it is not YAML: {said}", "remove control characters") from error


def _syntax_remedy(said: str) -> str:
    if "tab" in said or "\\t" in said:
        return "indent with blanks, not with tabs"
    if "alias" in said:
        return "define the anchor (&name) before the alias (*name)"
    return "mend the line, or the one before it: look for missing colons, quotes and brackets"
