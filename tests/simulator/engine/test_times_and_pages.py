import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_simulator.engine.errors import DrsError
from drs_simulator.engine.pages import page
from drs_simulator.engine.times import duration_text, parse_stamp, stamp, whole_micros


@given(st.floats(0, 4e9))
def test_times_survive_the_way_out_and_in(moment):
    assert parse_stamp(stamp(moment)) == pytest.approx(moment, abs=1e-5)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "P0D"), (45, "PT45S"), (93600, "P1DT2H"), (86400, "P1D"), (3661, "PT1H1M1S"), (-5, "P0D")],
)
def test_durations_have_the_form_of_the_service(seconds, text):
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (178332.136909, "P2DT1H32M12.136909S"),
        (0.5, "PT0.500000S"),
        (60.25, "PT1M0.250000S"),
        (45, "PT45S"),
        (0, "P0D"),
    ],
)
def test_durations_may_have_fractions(seconds, text):
    assert duration_text(seconds, fractions=True) == text


def all_pages(items, size):
    token, seen = None, []
    while True:
        chosen, token = page(items, lambda i: i, {"maxResults": size, "nextToken": token}, default_size=7)
        seen += chosen
        if token is None:
            return seen


@given(st.sets(st.integers(0, 200)), st.integers(1, 50))
def test_pages_give_every_item_once(items, size):
    assert all_pages(sorted(items), size) == sorted(items)


def test_a_page_has_the_default_size_if_none_is_asked_for():
    chosen, token = page(list(range(10)), lambda i: i, {}, default_size=4)
    assert chosen == [0, 1, 2, 3]
    assert token is not None


def test_items_added_before_the_page_do_not_shift_it():
    _, token = page([2, 4, 6, 8], lambda i: i, {"maxResults": 2}, default_size=4)
    chosen, _ = page([1, 2, 3, 4, 6, 8], lambda i: i, {"nextToken": token}, default_size=4)
    assert chosen == [6, 8]


@pytest.mark.parametrize("token", ["x", "bm90IGpzb24=", "WzFd"])
def test_a_strange_token_is_refused(token):
    with pytest.raises(DrsError, match="ValidationException"):
        page([1, 2], lambda i: i, {"nextToken": token}, default_size=1)


def test_a_token_of_another_list_is_refused():
    _, token = page([1, 2], lambda i: i, {"maxResults": 1}, default_size=1, name="jobs")
    with pytest.raises(DrsError, match="ValidationException"):
        page([1, 2], lambda i: i, {"nextToken": token}, default_size=1, name="servers")


@given(st.floats(1.6e9, 2.0e9))
def test_a_time_in_whole_microseconds_is_never_later_and_is_told_as_it_is(epoch):
    micros = whole_micros(epoch)
    assert epoch - 2.5e-6 < micros <= epoch
    assert parse_stamp(stamp(micros)) == micros
