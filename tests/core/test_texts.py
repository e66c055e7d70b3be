"""Texts of people and of AWS: visible, of limited length, equal causes once."""

from __future__ import annotations

from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from drs_provider.core.texts import MAX_CAUSE, cause, clipped, grouped, message, named, told_causes, visible

ENCODED = (
    "You are not authorized to perform this operation. Encoded authorization failure message: "
    + "aB3_-" * 400
)


@given(st.text())
def test_nothing_that_moves_a_cursor_or_breaks_html_stays(text):
    shown = visible(text)
    assert all(each.isprintable() or each in "\n\t" or each.isspace() for each in shown if ord(each) < 0xA0)
    shown.encode("utf-8")
    assert visible(shown) == shown


def test_control_characters_are_shown_escaped():
    assert visible("a\x07b\x1b[31mc\x9bd\u2028e\r\nf") == r"a\x07b\x1b[31mc\x9bd\u2028e\x0d" + "\nf"


@given(st.text(max_size=50), st.integers(1, 20))
def test_a_text_is_cut_at_its_length(text, longest):
    short = clipped(text, longest)
    assert len(short) <= longest
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))


def test_an_encoded_authorization_message_is_in_the_log_only():
    assert cause(ENCODED) == (
        "You are not authorized to perform this operation. Encoded authorization failure message: (in the task log)"
    )
    assert len(cause("x" * 5000)) == MAX_CAUSE
    assert "aB3" not in message(ENCODED)


def test_causes_that_differ_in_ids_only_are_one():
    causes = [
        (
            f"srv-{n}",
            f"LAUNCH_FAILED: {ENCODED[:90]}{n}{'q' * 400} i-0{n:016x} s-{n:017d} (RequestID: {uuid4()})",
        )
        for n in range(300)
    ]
    found = grouped([*causes, ("other", "no capacity")])
    assert [len(names) for names in found.values()] == [300, 1]
    first, second = told_causes("server", [*causes, ("other", "no capacity")])
    assert first.startswith("servers srv-0, srv-1, srv-2")
    assert "srv-9 and 290 more: LAUNCH_FAILED" in first
    assert second == "server other: no capacity"


def test_names_of_places_and_types_are_no_ids():
    texts = ["no r6i.large in eu-west-1a", "no r6i.large in eu-west-1b", "no m5.large in eu-west-1a"]
    assert len(grouped([(text, text) for text in texts])) == 3


def test_the_first_names_and_a_count():
    assert named(["a", "b"]) == "a, b"
    assert named([str(n) for n in range(12)]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"
    assert named([str(n) for n in range(10)]).endswith(", 8, 9")
    assert named(["a", "b", "c"], 2, between="; ") == "a; b and 1 more"
    assert named(["a", "b", "c"], 2, total=7) == "a, b and 5 more"
    assert named(["a", "b"], 2, total=2) == "a, b"
