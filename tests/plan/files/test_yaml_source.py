from __future__ import annotations

import os
from datetime import date

import pytest

from drs_provider.plan.files.yaml_nodes import MAX_DEPTH
from drs_provider.plan.files.yaml_source import MAX_BYTES, read_yaml
from tests.plan.plan_files import write


def only_problem(path):
    source = read_yaml(path)
    assert source.data is None
    (problem,) = source.problems
    return problem


def test_reads_fields_with_their_lines(tmp_path):
    source = read_yaml(write(tmp_path, "a.yaml", "name: x\nwaves:\n  - name: one\n    groups: [a, b]\n"))
    assert source.data == {"name": "x", "waves": [{"name": "one", "groups": ["a", "b"]}]}
    assert source.problems == ()
    assert source.line_of(("waves", 0, "groups", 1)) == 4
    assert source.line_of(("waves", 0, "gate", "message")) == 3
    assert source.line_of(("nowhere",)) is None


def test_keeps_the_text_of_what_yaml_reads_otherwise(tmp_path):
    source = read_yaml(write(tmp_path, "a.yaml", "a: 012345670123\nb: no\nc: 2026-12-19\nd: text\ne: '5'\n"))
    assert source.data == {"a": 0o12345670123, "b": False, "c": date(2026, 12, 19), "d": "text", "e": "5"}
    assert [source.raw_of((key,)) for key in "abcde"] == ["012345670123", "no", "2026-12-19", None, None]


def test_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfname: x\n")
    assert read_yaml(tmp_path / "a.yaml").data == {"name": "x"}


def test_duplicate_key_is_refused_with_both_lines(tmp_path):
    source = read_yaml(write(tmp_path, "a.yaml", "drill:\n  hold: false\n  cleanup: keep\n  hold: true\n"))
    (problem,) = source.problems
    assert (problem.path, problem.line) == ("drill.hold", 4)
    assert "`hold` is given twice, in lines 2 and 4" in problem.message
    assert source.data == {"drill": {"hold": False, "cleanup": "keep"}}


@pytest.mark.parametrize(
    ("key", "read_as"),
    [("on", "true"), ("OFF", "false"), ("5", "a number"), ("~", "nothing"), ("2026-12-19", "a date")],
)
def test_key_that_yaml_does_not_read_as_text(tmp_path, key, read_as):
    source = read_yaml(write(tmp_path, "a.yaml", f"name: x\n{key}: y\n"))
    (problem,) = source.problems
    assert problem.message == f"YAML reads the key `{key}` as {read_as}, not as text"
    assert problem.line == 2
    assert source.data == {"name": "x"}


def test_on_is_explained_by_the_field_that_replaces_it(tmp_path):
    source = read_yaml(write(tmp_path, "a.yaml", "notifications:\n- on: [start]\n"))
    assert "`events`" in source.problems[0].remedy
    assert source.problems[0].path == "notifications[0]"


def test_key_that_is_a_list(tmp_path):
    source = read_yaml(write(tmp_path, "a.yaml", "name: x\n[a, b]: y\n"))
    assert "not a list or a mapping" in source.problems[0].message


def test_aliases_and_merges_work(tmp_path):
    text = (
        "base: &base {timeout: 5, gate: yes}\nmore: &more {timeout: 6, extra: z}\n"
        "one: {<<: *base, timeout: 7}\ntwo: {<<: [*base, *more]}\nthree: *base\n"
    )
    source = read_yaml(write(tmp_path, "a.yaml", text))
    assert source.problems == ()
    assert source.data is not None
    assert source.data["one"] == {"timeout": 7, "gate": True}
    assert source.data["two"] == {"timeout": 5, "gate": True, "extra": "z"}
    assert source.data["three"] == {"timeout": 5, "gate": True}
    assert source.line_of(("one", "timeout")) == 3
    assert source.line_of(("two", "extra")) == 2


def test_merge_of_something_else_than_a_mapping(tmp_path):
    source = read_yaml(write(tmp_path, "a.yaml", "a: &a 5\nb: {<<: *a, c: d}\n"))
    assert "`<<` must name a mapping" in source.problems[0].message
    assert source.data == {"a": 5, "b": {"c": "d"}}


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{c}: &{c} [{', '.join([f'*{p}'] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        "a: &a [*a]\n",
        "a: &a {b: *a}\n",
        "a: &a {<<: *a}\n",
    ],
    ids=["bomb", "list in itself", "mapping in itself", "merge of itself"],
)
def test_alias_bombs_and_rings_are_refused(tmp_path, text):
    assert "aliases expand" in only_problem(write(tmp_path, "a.yaml", text)).message


@pytest.mark.parametrize("opening", ["[", "{a: "])
def test_deep_nesting_is_refused(tmp_path, opening):
    problem = only_problem(write(tmp_path, "a.yaml", "a: " + opening * 100_000))
    assert f"deeper than {MAX_DEPTH} levels" in problem.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("# only a comment\n", "the file is empty"),
        ("---\n", "the file is empty"),
        ("~\n", "the file is empty"),
        ("- a\n- b\n", "it does not hold fields"),
        ("just text\n", "it does not hold fields"),
        ("name: a\n---\nname: b\n", "several YAML documents"),
        ("name: [a\n", "it is not YAML"),
        ("name: a\n\twaves: b\n", "it is not YAML"),
        ("name: *nowhere\n", "it is not YAML"),
        ("name: a\x00b\n", "it is not YAML"),
        ("!!python/object:os.system {}\n", "is not supported"),
    ],
)
def test_files_that_hold_no_plan(tmp_path, text, message):
    problem = only_problem(write(tmp_path, "a.yaml", text))
    assert message in problem.message
    assert problem.remedy


def test_syntax_error_has_its_line_and_remedy(tmp_path):
    problem = only_problem(write(tmp_path, "a.yaml", "name: a\n\twaves: b\n"))
    assert problem.line == 2
    assert problem.remedy == "indent with blanks, not with tabs"


@pytest.mark.parametrize(
    "value",
    [
        "!!python/name:os.system x",
        "!!binary aGk=",
        "!own x",
        "!!int ''",
        "!!bool x",
        "!!set {a, b}",
        "!!timestamp x",
    ],
)
def test_explicit_tags_are_refused(tmp_path, value):
    source = read_yaml(write(tmp_path, "a.yaml", f"name: x\nother: {value}\n"))
    assert "is not supported" in source.problems[0].message
    assert source.problems[0].path == "other"


@pytest.mark.parametrize("value", ["2026-13-45", ".nan", "-.inf", "9" * 5000])
def test_scalars_without_a_value_are_refused(tmp_path, value):
    source = read_yaml(write(tmp_path, "a.yaml", f"name: x\nother: {value}\n"))
    assert [problem.path for problem in source.problems] == ["other"]
    assert source.data == {"name": "x", "other": None}


@pytest.mark.parametrize("escape", [r"\x07", r"\x7f", r"\0"])
def test_control_characters_in_text_are_refused(tmp_path, escape):
    source = read_yaml(write(tmp_path, "a.yaml", f'name: "x{escape}y"\n'))
    assert source.problems[0].message == "the text holds control characters"
    assert source.data == {"name": "xy"}


def test_text_that_no_encoding_can_write_is_refused(tmp_path):
    source = read_yaml(write(tmp_path, "a.yaml", 'name: "x\\ud800y"\n'))
    assert source.problems
    assert source.data in (None, {"name": "xy"})  # libyaml refuses the file, PyYAML's own scanner does not


def test_text_that_is_not_utf_8(tmp_path):
    (tmp_path / "a.yaml").write_bytes("name: x\ntitle: Größe\n".encode("latin-1"))
    problem = only_problem(tmp_path / "a.yaml")
    assert problem.message == "the file is not UTF-8 text"
    assert problem.line == 2


def test_huge_file_is_not_read(tmp_path):
    assert "larger than" in only_problem(write(tmp_path, "a.yaml", "#" * (MAX_BYTES + 1))).message


def test_things_that_are_no_files(tmp_path):
    (tmp_path / "dir.yaml").mkdir()
    (tmp_path / "link.yaml").symlink_to(tmp_path / "gone.yaml")
    (tmp_path / "ring.yaml").symlink_to(tmp_path / "ring.yaml")
    os.mkfifo(tmp_path / "pipe.yaml")
    assert "a directory" in only_problem(tmp_path / "dir.yaml").message
    assert "points nowhere" in only_problem(tmp_path / "link.yaml").message
    assert "cannot be read" in only_problem(tmp_path / "ring.yaml").message
    assert "no regular file" in only_problem(tmp_path / "pipe.yaml").message
    assert "does not exist" in only_problem(tmp_path / "none.yaml").message


def test_file_name_of_any_bytes_is_told_as_text(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.yaml")
    path.write_text("")
    only_problem(path).file.encode("utf-8")
