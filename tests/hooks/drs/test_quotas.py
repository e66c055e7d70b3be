from __future__ import annotations

import json
import logging

import pytest

from drs_provider.core.quotas import DrsQuotas
from drs_provider.exceptions import DrsAccessDeniedError, DrsConfigurationError
from drs_provider.hooks.drs.drs_api import DrsApi
from drs_provider.hooks.ec2.ec2_api import Ec2Api
from tests.hooks.scripted_aws import LOST, Raw, Refusal


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
    with caplog.at_level(logging.WARNING, "drs_provider.hooks.drs.quotas"):
        assert DrsApi(own_clients).quotas() == DrsQuotas()
    assert "111122223333" in caplog.text
    assert "defaults are used" in caplog.text


def test_quotas_that_are_not_listed_are_named(aws, own_clients, caplog):
    aws.answer("ListServiceQuotas", {"Quotas": [quota("L-D88FAC3A", 30.0)]})
    with caplog.at_level(logging.WARNING, "drs_provider.hooks.drs.quotas"):
        quotas = DrsApi(own_clients).quotas()
    assert (quotas.concurrent_jobs, quotas.servers_in_jobs, quotas.source) == (30, 500, "service-quotas")
    assert "servers_in_jobs" in caplog.text


def test_defaults_are_the_published_ones():
    quotas = DrsQuotas()
    assert (quotas.concurrent_jobs, quotas.servers_per_job, quotas.servers_in_jobs) == (20, 100, 500)
    assert (quotas.jobs_per_server, quotas.replicating_servers, quotas.source_servers) == (1, 300, 4000)


@pytest.mark.parametrize(("per_job", "batch"), [(100, 100), (500, 200), (1, 1)])
def test_batch_size_respects_quota_and_api(per_job, batch):
    assert DrsQuotas(servers_per_job=per_job).batch_size == batch


def test_overrides_are_checked():
    assert DrsQuotas().overridden({"concurrent_jobs": 5}).concurrent_jobs == 5
    with pytest.raises(ValueError, match="no such DRS quota: jobs"):
        DrsQuotas().overridden({"jobs": 5})
    with pytest.raises(ValueError, match="positive number: concurrent_jobs"):
        DrsQuotas().overridden({"concurrent_jobs": 0})


def test_ec2_quotas_by_code(aws, own_clients):
    rows = [quota("L-1216C47A", 64.0), {"QuotaCode": "L-00000000", "ErrorReason": {}}]
    aws.answer("ListServiceQuotas", {"Quotas": rows})
    assert Ec2Api(own_clients).vcpu_quotas() == {"L-1216C47A": 64.0}
    assert aws.calls[-1].body["ServiceCode"] == "ec2"


def test_ec2_quotas_that_cannot_be_read_are_an_error(aws, own_clients):
    aws.answer("ListServiceQuotas", Refusal("AccessDeniedException", 400))
    with pytest.raises(DrsAccessDeniedError, match="ListServiceQuotas was denied"):
        Ec2Api(own_clients).vcpu_quotas()


def test_unreadable_quotas_tell_why(aws, own_clients):
    aws.answer("ListServiceQuotas", Refusal("AccessDeniedException", 400))
    assert "ListServiceQuotas" in DrsApi(own_clients).quotas().problem


@pytest.mark.parametrize(
    ("configured", "jobs"),
    [
        ({"concurrent_jobs": 7}, 7),
        ({"concurrent_jobs": 7, "111122223333": {"concurrent_jobs": 8}}, 8),
        ({"111122223333": {"concurrent_jobs": 8}, "111122223333/eu-west-1": {"concurrent_jobs": 9}}, 9),
        ({"222233334444": {"concurrent_jobs": 8}, "111122223333/eu-north-1": {"concurrent_jobs": 9}}, 40),
    ],
)
def test_configured_quotas_hold_for_their_place(aws, own_clients, monkeypatch, configured, jobs):
    monkeypatch.setenv("AIRFLOW__DRS__QUOTAS", json.dumps(configured))
    aws.answer("ListServiceQuotas", {"Quotas": [quota("L-D88FAC3A", 40.0), quota("L-B827C881", 50.0)]})
    quotas = DrsApi(own_clients).quotas()
    assert (quotas.concurrent_jobs, quotas.servers_per_job) == (jobs, 50)


@pytest.mark.parametrize(
    ("configured", "told"),
    [
        ("{", "no JSON"),
        ("[]", "JSON object"),
        ('{"jobs": 5}', "no such DRS quota: jobs"),
        ('{"concurrent_jobs": "5"}', "no whole number"),
        ('{"concurrent_jobs": true}', "no whole number"),
        ('{"concurrent_jobs": 0}', "positive number"),
        ('{"111122223333": 5}', "an object is needed"),
    ],
)
def test_configured_quotas_that_make_no_sense_are_refused(aws, own_clients, monkeypatch, configured, told):
    monkeypatch.setenv("AIRFLOW__DRS__QUOTAS", configured)
    aws.answer("ListServiceQuotas", {"Quotas": []})
    with pytest.raises(DrsConfigurationError, match=told):
        DrsApi(own_clients).quotas()


def test_a_service_that_does_not_answer_is_given_up_soon(aws, own_clients, caplog):
    aws.answer("ListServiceQuotas", *[LOST] * 5)
    caplog.set_level(logging.ERROR, "drs_provider.hooks.drs.quotas")
    assert DrsApi(own_clients).quotas().problem
    assert [call.operation for call in aws.calls].count("ListServiceQuotas") == 2
