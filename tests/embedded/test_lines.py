from __future__ import annotations

import pytest

from embedded.__main__ import Lines


def test_on_a_terminal_lines_wait_until_the_program_has_left_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    lines = Lines()
    lines.say("before")
    with lines.held():
        lines.say("[bold]while[/bold]")
        assert capsys.readouterr().out == "before\n"

    assert capsys.readouterr().out.endswith("[bold]while[/bold]\n")


def test_without_a_terminal_nothing_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("TTY_COMPATIBLE", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    lines = Lines()
    with lines.held():
        lines.say("while")
        assert capsys.readouterr().out == "while\n"
    assert capsys.readouterr().out == ""
