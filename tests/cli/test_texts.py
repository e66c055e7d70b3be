from __future__ import annotations

import pytest

from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.airflow_rest.texts import command, one_line, seconds_of, wave_number

WAVES = {1: "database", 2: "web", 3: "1"}


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("1.5m", 90), ("2h", 7200), ("1:30:05", 5405)])
def test_lengths_of_time_are_read(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "-3s", "1:99:00", "5 m"])
def test_other_lengths_of_time_are_refused(text):
    with pytest.raises(ValueError, match="write it like"):
        seconds_of(text)


def test_other_peoples_text_cannot_move_the_cursor_or_break_the_line():
    assert one_line("a\x1b[31mred\x9b2J\nb\tc\u202e") == r"a\x1b[31mred\x9b2J b c�"
    assert one_line("Zürich 東京 [red]x[/red]") == "Zürich 東京 [red]x[/red]"


def test_commands_can_be_copied_into_a_shell():
    assert command("approve", "erp/CHG 1") == "airflow drs approve 'erp/CHG 1'"


def test_waves_are_found_by_name_before_number():
    assert [wave_number(word, WAVES) for word in ("database", "2", "1")] == [1, 2, 3]


@pytest.mark.parametrize(
    ("word", "hint"), [("databse", "did you mean `database`"), ("7", "the waves are `database`")]
)
def test_unknown_waves_are_told_with_what_may_be_meant(word, hint):
    with pytest.raises(RefusedError, match=hint) as told:
        wave_number(word, WAVES)
    assert told.value.code is ExitCode.NOT_FOUND
