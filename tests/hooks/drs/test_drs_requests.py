from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_provider.hooks.aws.chunks import chunks
from drs_provider.hooks.drs.drs_requests import drs_time, jobs_by_id, recovery_instances_by, servers_by_id


@given(st.lists(st.text(min_size=1, max_size=4)), st.integers(1, 7))
def test_chunks_keep_every_id_once_and_in_order(ids, size):
    parts = list(chunks(ids, size))
    assert [one for part in parts for one in part] == list(dict.fromkeys(ids))
    assert all(1 <= len(part) <= size for part in parts)


def test_a_text_is_no_collection_of_ids():
    with pytest.raises(TypeError, match="collection of ids"):
        list(chunks("drsjob-1", 10))


@given(st.lists(st.text(min_size=1, max_size=3), max_size=5))
def test_trap_42_no_request_carries_an_empty_filter(ids):
    requests = [
        *jobs_by_id(ids),
        *servers_by_id(ids),
        *recovery_instances_by(ids, None),
        *recovery_instances_by(None, ids),
    ]
    assert all(values for request in requests for values in request["filters"].values())
    assert bool(requests) is bool(ids)


def test_none_asks_for_all_without_a_filter():
    assert list(servers_by_id(None)) == [{}]
    assert list(recovery_instances_by(None, None)) == [{}]
    with pytest.raises(ValueError, match="not by both"):
        list(recovery_instances_by(["s-1"], ["i-1"]))


def test_times_are_utc_and_never_later_than_asked():
    assert drs_time(1669870146.999) == "2022-12-01T04:49:06Z"
    assert drs_time(0) == "1970-01-01T00:00:00Z"
