"""What an author is told to do fits what the author wrote: the expected form, as it is to be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from drs_provider.plan.fields import PATTERN_HINTS
from tests.plan.plan_files import load_one

PLAN = """\
name: wiki
{fields}
targets:
  main: {{account_id: "111122223333", region: eu-west-1, connection: aws_dr, own_account: true}}
protection_groups: {{all: {{target: main, tags: {{App: wiki}}}}}}
waves: [{{name: everything, groups: [all]}}]
"""
TARGET = 'account_id: "111122223333", region: eu-west-1, connection: aws_dr, own_account: true'
QUOTED = 'write all 12 digits in quotes, for example "111122223333"'


def target(*changed: str, without: str = "") -> str:
    kept = [part for part in TARGET.split(", ") if not part.startswith((without or "-", *changed))]
    return PLAN.format(fields="").replace(TARGET, ", ".join([*kept, *changed]))


def account(text: str) -> str:
    return PLAN.format(fields="").replace('"111122223333"', text)


def role(text: str) -> str:
    return PLAN.format(fields="").replace("own_account: true", f"role: {text}")


CASES = [
    # account numbers in all the forms that people copy
    (account('"1111-2222-3333"'), "`1111-2222-3333` is not an AWS account number of 12 digits", QUOTED),
    (account("1111-2222-3333"), "is not an AWS account number", QUOTED),
    (account('"1111 2222 3333"'), "is not an AWS account number", QUOTED),
    (account('"arn:aws:iam::111122223333:root"'), "is not an AWS account number", QUOTED),
    (account('"1111222233334"'), "is not an AWS account number", QUOTED),
    (account("111122223333"), "must be text", 'put it in quotes: "111122223333"'),
    (account('""'), "the text is empty, not an AWS account number", QUOTED),
    # tags
    (PLAN.format(fields="tags: {Backup: }"), "tag `Backup` has no value", 'write `Backup: ""`'),
    (PLAN.format(fields="").replace("App: wiki", "App: "), "tag `App` has no value", 'write `App: ""`'),
    (PLAN.format(fields='tags: {Cost: "a;b"}'), "is not a tag value", "use only these"),
    (PLAN.format(fields='tags: {"": x}'), "the text is empty, not a tag key", "use one or more of these"),
    (PLAN.format(fields="tags: {Backup: yes}"), "as true, not as text", 'put it in quotes: "yes"'),
    (PLAN.format(fields=f"tags: {{Cost: {'x' * 300}}}"), "longer than 256 characters", "shorten it by 44"),
    # other texts
    (PLAN.format(fields='title: "  "'), "the text is empty", "write some text on one line"),
    (PLAN.format(fields='title: ""'), "the text is empty", "write some text on one line"),
    (PLAN.format(fields=f"title: {'x' * 251}"), "longer than 250 characters", "shorten it by 1"),
    (role("arn:aws:iam::222233334444:role/DR"), "not its ARN", "of an ARN, the part after `:role/`"),
    (role('"my role"'), "is not the name of an IAM role", "for example DRSOrchestrationRole"),
    (PLAN.format(fields="").replace("eu-west-1", "Frankfurt"), "is not an AWS Region", "for example eu-west-1"),
    # missing, and empty
    (target(without="account_id"), "`account_id` is missing", "add it: AWS account of 12 digits, in quotes"),
    (target(without="connection"), "`connection` is missing", "add it: Id of an Airflow connection of type aws"),
    (PLAN.format(fields="owner: "), "`owner` has no value", "give it one, or remove it"),
    (PLAN.format(fields="").replace("[all]", "[all, ~]"), "the entry has no value", "line"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "remedy"), CASES, ids=lambda value: value[-50:])
def test_the_remedy_names_the_expected_form(tmp_path: Path, text: str, message: str, remedy: str) -> None:
    problems = load_one(tmp_path, text).problems
    assert any(message in problem.message and remedy in problem.remedy for problem in problems), [
        str(problem) for problem in problems
    ]


def test_a_tag_with_an_empty_value_is_accepted_as_the_remedy_says(tmp_path: Path) -> None:
    assert load_one(tmp_path, PLAN.format(fields='tags: {Backup: ""}')).problems == ()


def test_every_form_has_a_remedy_that_says_how_to_write_it() -> None:
    assert len(PATTERN_HINTS) > 10
    for what, remedy in PATTERN_HINTS.values():
        assert what
        assert not remedy.startswith(("shorten", "remove", "AWS")), remedy
