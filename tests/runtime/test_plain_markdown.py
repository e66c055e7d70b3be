"""People's texts stay texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_provider.runtime.plain_markdown import one_line, plain_markdown

MARKUP = "\\`*_{}[]()#+-.!|<>~&"


@pytest.mark.parametrize(
    "text", ["<b>x</b>", "[a](http://x)", "# head", "a | b", "`code`", "![i](x)", "1. one"]
)
def test_markup_is_escaped(text: str) -> None:
    shown = plain_markdown(text)
    assert all(shown[at - 1] == "\\" for at, sign in enumerate(shown) if sign in MARKUP and sign != "\\")


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    assert not set(one_line(text)) & {"\n", "\r", "\x00", "\x1b", "\x7f"}


@given(st.text(alphabet="abc *_<>[]()|\n"))
def test_unescaping_gives_the_text_back(text: str) -> None:
    assert plain_markdown(text).replace("\\", "") == one_line(text)
