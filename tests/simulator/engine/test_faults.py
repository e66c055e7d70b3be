import pytest
from pydantic import ValidationError

from drs_simulator.engine.faults import FaultBook, FaultSpec


def pick(book, service="drs", operation="DescribeJobs", account="1", region="eu-west-1"):
    return book.pick(service, operation, account, region)


def test_a_rule_strikes_only_what_it_names():
    book = FaultBook(0, (FaultSpec(operation="Describe*", account="1", region="eu-*"),))
    assert pick(book) is not None
    assert pick(book, operation="StartRecovery") is None
    assert pick(book, account="2") is None
    assert pick(book, region="us-east-1") is None
    assert pick(book, service="ec2") is None


def test_a_rule_strikes_as_often_as_it_may():
    book = FaultBook(0, (FaultSpec(times=2),))
    assert [pick(book) is not None for _ in range(4)] == [True, True, False, False]


def test_the_first_rule_that_fires_decides():
    book = FaultBook(0, (FaultSpec(code="A", times=1), FaultSpec(code="B")))
    assert [pick(book).code for _ in range(3)] == ["A", "B", "B"]


def test_probability_is_kept_and_seeded():
    def strikes(seed):
        book = FaultBook(seed, (FaultSpec(probability=0.3),))
        return [pick(book) is not None for _ in range(500)]

    assert strikes(1) == strikes(1)
    assert strikes(1) != strikes(2)
    assert 100 < sum(strikes(1)) < 200


def test_rules_can_be_removed_one_by_one_and_all():
    book = FaultBook(0)
    first, _second = book.add(FaultSpec(code="A")), book.add(FaultSpec(code="B"))
    assert book.remove(first.fault_id) == 1
    assert pick(book).code == "B"
    assert book.remove() == 1
    assert pick(book) is None


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"kind": "delay"}, "needs delay_seconds"),
        ({"kind": "explode"}, "should be 'error', 'raw'"),
        ({"probability": 0}, "greater than 0"),
        ({"times": 0}, "greater than or equal to 1"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_a_rule_that_means_nothing_is_refused(rule, said):
    with pytest.raises(ValidationError, match=said):
        FaultSpec(**rule)
