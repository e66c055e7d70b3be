from __future__ import annotations

import logging

import pytest

from drs_provider.hooks.drs_api import DrsApi
from drs_provider.hooks.quotas import DrsQuotas
from tests.hooks.scripted_aws import Raw, Refusal


def quota(code, value):
    return {"ServiceCode": "drs", "QuotaCode": code, "Value": value}


def test_quotas_are_the_accounts_own(aws, own_clients):
    aws.answer(
        "ListServiceQuotas",
        {"Quotas": [quota("L-D88FAC3A", 40.0), quota("L-B827C881", 200.0)], "NextToken": "n"},
        {
            "Quotas": [
                quota("L-05AFA8C6", 800.0),
                quota("L-DD6D028C", 1.0),
                quota("L-C1D14A2B", 600.0),
                quota("L-E28BE5E0", 9000.0),
                quota("L-00000000", 5.0),
            ]
        },
    )
    assert DrsApi(own_clients).quotas() == DrsQuotas(40, 200, 800, 1, 600, 9000, source="service-quotas")
    assert aws.calls[-1].body["ServiceCode"] == "drs"


@pytest.mark.parametrize(
    "answer", [Refusal("AccessDeniedException", 400), Refusal("NoSuchResourceException"), Raw(b"{")]
)
def test_unreadable_quotas_mean_the_defaults_with_a_warning(aws, own_clients, caplog, answer):
    aws.answer("ListServiceQuotas", answer)
    with caplog.at_level(logging.WARNING, "drs_provider.hooks.quotas"):
        assert DrsApi(own_clients).quotas() == DrsQuotas()
    assert "111122223333" in caplog.text
    assert "defaults are used" in caplog.text


def test_quotas_that_are_not_listed_are_named(aws, own_clients, caplog):
    aws.answer("ListServiceQuotas", {"Quotas": [quota("L-D88FAC3A", 30.0)]})
    with caplog.at_level(logging.WARNING, "drs_provider.hooks.quotas"):
        quotas = DrsApi(own_clients).quotas()
    assert (quotas.concurrent_jobs, quotas.servers_in_jobs, quotas.source) == (30, 500, "service-quotas")
    assert "servers_in_jobs" in caplog.text


def test_defaults_are_the_published_ones():
    quotas = DrsQuotas()
    assert (quotas.concurrent_jobs, quotas.servers_per_job, quotas.servers_in_jobs) == (20, 100, 500)
    assert (quotas.jobs_per_server, quotas.replicating_servers, quotas.source_servers) == (1, 300, 4000)


@pytest.mark.parametrize(("per_job", "batch"), [(100, 100), (500, 200), (0, 1)])
def test_batch_size_respects_quota_and_api(per_job, batch):
    assert DrsQuotas(servers_per_job=per_job).batch_size == batch


def test_overrides_are_checked():
    assert DrsQuotas().overridden({"concurrent_jobs": 5}).concurrent_jobs == 5
    with pytest.raises(ValueError, match="no such DRS quota: jobs"):
        DrsQuotas().overridden({"jobs": 5})
    with pytest.raises(ValueError, match="positive number: concurrent_jobs"):
        DrsQuotas().overridden({"concurrent_jobs": 0})
