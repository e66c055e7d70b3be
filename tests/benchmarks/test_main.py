"""The program: one table, JSON beside it, an exit code that tells of ratios."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as program
from benchmarks.figures import Figure


def test_an_unknown_part_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert program.main(["--only", "plans,plants", "--folder", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("no such part: plants; there are plans, waves")


def test_a_part_that_fails_is_told_and_the_others_are_kept(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    arguments = ["--only", "servers", "--folder", str(tmp_path), "--json", str(tmp_path / "bench.json")]
    assert program.main(arguments) == 1
    assert "servers could not be measured to its end" in capsys.readouterr().out
    assert json.loads((tmp_path / "bench.json").read_text())["failed"] == ["servers"]


def test_a_cheap_part_from_the_command_to_the_table(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    target = tmp_path / "bench.json"
    arguments = ["--only", "servers", "--servers", "20", "--folder", str(tmp_path), "--json", str(target)]
    code = program.main(arguments)
    kept = json.loads(target.read_text())
    assert kept["failed"] == [], capsys.readouterr().out
    figures = [Figure.from_dict(each) for each in kept["parts"]["servers"]["figures"]]
    assert code == int(any(figure.exceeded for figure in figures))
    by_name = {figure.name: figure for figure in figures}
    assert by_name["of them drs:GetLaunchConfiguration"].ratio == 1.0, (
        "a server's settings are read once for a launch"
    )
    assert by_name["of them drs:StartRecovery"].value == 1
    shown = capsys.readouterr().out
    assert all(figure.name in shown for figure in figures)
