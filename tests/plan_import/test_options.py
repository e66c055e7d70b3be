"""The account options of the command line."""

from __future__ import annotations

import pytest

from drs_provider.core.account import AwsTarget
from drs_provider.plan_import import AccountOption, OptionError, account_option, parse_account


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("222233334444=Role", AccountOption("222233334444", role="Role")),
        ("222233334444=path/Role", AccountOption("222233334444", role="path/Role")),
        ("111122223333=own", AccountOption("111122223333", own_account=True)),
        (
            "222233334444=Role,external_id=erp-dr-7f3a,connection=aws_b,region=eu-central-1",
            AccountOption("222233334444", "Role", False, "erp-dr-7f3a", "aws_b", "eu-central-1"),
        ),
        (
            "111122223333=own, connection=aws_b",
            AccountOption("111122223333", own_account=True, connection="aws_b"),
        ),
    ],
)
def test_account_options(text, option):
    assert parse_account(text) == option


@pytest.mark.parametrize(
    "text",
    [
        "",
        "222233334444",
        "222233334444=",
        "1234=Role",
        "222233334444=external_id=x",
        "222233334444=Role,colour=red",
        "222233334444=Role,region=",
        "222233334444=Role,region=a,region=b",
        "111122223333=own,external_id=x",
    ],
)
def test_other_forms_are_refused(text):
    with pytest.raises(OptionError, match="account option"):
        parse_account(text)


def test_a_target_as_an_option():
    target = AwsTarget("main", "aws_dr", "222233334444", "eu-west-1", role="Role", external_id="ext")
    assert account_option(target) == AccountOption(
        "222233334444", "Role", False, "ext", "aws_dr", "eu-west-1"
    )
