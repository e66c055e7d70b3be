"""What people type into a gate: cleaned, never refused, and shown without control characters."""

from __future__ import annotations

from drs_provider.airflow_api.hitl import read_answer
from drs_provider.runtime.plain_markdown import one_line, plain_markdown


def test_comments_tickets_and_notes_are_cleaned():
    event = {
        "chosen_options": ["Approve"],
        "responded_by_user": {"id": "7", "name": "jane"},
        "responded_at": "2026-06-01T12:00:00+00:00",
        "params_input": {"comment": "fine\r\nso far\x07\r\n", "ticket": " CHG1\n", "notes": None},
    }
    assert read_answer(event).inputs == {"comment": "fine\nso far\\x07", "ticket": "CHG1", "notes": None}


def test_in_the_question_a_text_is_one_visible_line():
    assert one_line(" a\r\nb\x1b[31m\x9bc\n") == r"a b\x1b[31m\x9bc"
    assert plain_markdown("a\n# b") == r"a \# b"
