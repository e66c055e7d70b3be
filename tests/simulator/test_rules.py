"""What is refused, and how."""

import httpx
import pytest

from drs_simulator.scenario import load_scenario
from drs_simulator.testing import in_process, simulator
from tests.simulator.support import (
    ACCOUNT,
    APP_1,
    APP_2,
    DB_1,
    DB_2,
    REGION,
    WIKI_1,
    everything,
    job_of,
    refused,
    start,
)

pytestmark = pytest.mark.contract


def with_quotas(**quotas):
    scenario = load_scenario("three_tier")
    return scenario.model_copy(update={"quotas": scenario.quotas.model_copy(update=quotas)})


@pytest.mark.drs_scenario(with_quotas(jobs=2, servers_per_job=2, servers_in_jobs=3))
def test_quotas_of_jobs_and_servers(drs_in_process):
    drs = drs_in_process.client()
    with refused("ServiceQuotaExceededException", 402) as caught:
        start(drs, DB_1, DB_2, APP_1)
    assert caught.value.response["quotaCode"] == "L-B827C881"
    start(drs, DB_1, DB_2)
    with refused("ServiceQuotaExceededException", 402) as caught:
        start(drs, APP_1, APP_2)
    assert caught.value.response["quotaCode"] == "L-05AFA8C6"
    start(drs, APP_1)
    with refused("ServiceQuotaExceededException", 402) as caught:
        start(drs, WIKI_1)
    assert caught.value.response["quotaCode"] == "L-D88FAC3A"
    drs_in_process.finish()
    assert start(drs, WIKI_1)["status"] == "PENDING"


@pytest.mark.drs_scenario(with_quotas(jobs=7))
def test_service_quotas_answers_the_quotas_of_drs(drs_in_process):
    quotas = drs_in_process.client("service-quotas")
    values = {q["QuotaCode"]: q["Value"] for q in quotas.list_service_quotas(ServiceCode="drs")["Quotas"]}
    assert values["L-D88FAC3A"] == 7.0
    assert values["L-DD6D028C"] == 1.0
    assert quotas.get_service_quota(ServiceCode="drs", QuotaCode="L-D88FAC3A")["Quota"]["Value"] == 7.0
    default = quotas.get_aws_default_service_quota(ServiceCode="drs", QuotaCode="L-D88FAC3A")
    assert default["Quota"]["Value"] == 20.0
    with refused("NoSuchResourceException", 400):
        quotas.get_service_quota(ServiceCode="drs", QuotaCode="L-00000000")
    assert quotas.list_aws_default_service_quotas(ServiceCode="vpc")["Quotas"]


@pytest.mark.drs_scenario(with_quotas(vcpus=12, other_vcpus=3))
def test_service_quotas_answers_the_vcpu_quotas_of_ec2(drs_in_process):
    quotas = drs_in_process.client("service-quotas")
    values = {q["QuotaCode"]: q["Value"] for q in quotas.list_service_quotas(ServiceCode="ec2")["Quotas"]}
    assert values.pop("L-1216C47A") == 12.0
    assert set(values.values()) == {3.0}
    assert quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-417A185B")["Quota"]["Value"] == 3.0


def test_addresses_are_free_again_after_an_instance_is_terminated(drs_in_process):
    ec2 = drs_in_process.client("ec2")

    def free():
        return ec2.describe_subnets(SubnetIds=["subnet-0d5111a1"])["Subnets"][0]["AvailableIpAddressCount"]

    before = free()
    drs = drs_in_process.client()
    start(drs, APP_1)
    drs_in_process.finish()
    assert free() == before - 1
    (instance,) = drs.describe_recovery_instances()["items"]
    drs.terminate_recovery_instances(recoveryInstanceIDs=[instance["recoveryInstanceID"]])
    drs_in_process.finish()
    assert free() == before


@pytest.mark.parametrize(("size", "pages"), [(200, 1), (4, 3), (1, 10)])
def test_launch_templates_of_an_account_come_in_pages(drs_in_process, size, pages):
    ec2 = drs_in_process.client("ec2")
    paginator = ec2.get_paginator("describe_launch_template_versions")
    answers = list(paginator.paginate(Versions=["$Default"], PaginationConfig={"PageSize": size}))
    assert len(answers) == pages
    rows = [row for answer in answers for row in answer["LaunchTemplateVersions"]]
    assert len({row["LaunchTemplateId"] for row in rows}) == len(rows) == 10
    assert all(row["LaunchTemplateData"]["NetworkInterfaces"][0]["SubnetId"] for row in rows)


def test_launch_templates_come_in_pages_of_200_at_most(drs_in_process):
    with refused("InvalidParameterValue", 400, "maxResults"):
        drs_in_process.client("ec2").describe_launch_template_versions(Versions=["$Default"], MaxResults=201)


def test_a_region_that_is_not_listed_is_uninitialized_until_it_is_initialized(drs_in_process):
    drs = drs_in_process.client(region="us-east-1")
    with refused("UninitializedAccountException", 400):
        drs.describe_source_servers()
    with refused("UninitializedAccountException", 400):
        start(drs, DB_1)
    drs.initialize_service()
    assert drs.describe_source_servers()["items"] == []


def test_unknown_ids(drs_in_process):
    drs = drs_in_process.client()
    with refused("ValidationException", 400, "s-9999999999999999z"):
        start(drs, "s-9999999999999999z")
    with refused("ValidationException", 400):
        drs.terminate_recovery_instances(recoveryInstanceIDs=["i-00000000000000000"])
    with refused("ValidationException", 400):
        drs.start_recovery(
            sourceServers=[{"sourceServerID": DB_1, "recoverySnapshotID": "pit-00000000000000000"}]
        )
    with refused("ResourceNotFoundException", 404):
        drs.get_launch_configuration(sourceServerID="s-9999999999999999z")
    with refused("ResourceNotFoundException", 404):
        drs.delete_job(jobID="drsjob-00000000000000000")
    with refused("ResourceNotFoundException", 404):
        drs.list_tags_for_resource(resourceArn=f"arn:aws:drs:{REGION}:{ACCOUNT}:job/drsjob-0")
    with refused("ResourceNotFoundException", 404):
        drs.disconnect_recovery_instance(recoveryInstanceID="i-00000000000000000")
    with refused("ResourceNotFoundException", 404, "Job with Id: 'drsjob-00000000000000000' was not found"):
        drs.describe_job_log_items(jobID="drsjob-00000000000000000")
    assert drs.describe_jobs(filters={"jobIDs": ["drsjob-00000000000000000"]})["items"] == []
    assert drs.describe_source_servers(filters={"sourceServerIDs": ["s-9999999999999999z"]})["items"] == []


def test_requests_are_checked_against_the_model_on_the_server(drs_in_process):
    drs = drs_in_process.client()
    with refused("ValidationException", 400) as caught:
        start(drs, "s-1111111111111111!")
    assert caught.value.response["fieldList"]
    with refused("ValidationException", 400):
        start(drs, *[f"s-{n:017d}" for n in range(201)])
    with refused("ValidationException", 400):
        drs.describe_recovery_snapshots(sourceServerID=DB_1, order="SIDEWAYS")
    with refused("ValidationException", 400):
        drs.describe_jobs(nextToken="nonsense")
    with refused("ValidationException", 400):
        start(drs, DB_1, DB_1)
    assert drs_in_process.region(ACCOUNT, REGION).jobs == {}


def test_an_operation_that_is_not_simulated_says_so(drs_in_process):
    with refused("UnknownOperationException", 501, "drs:ListExtensibleSourceServers"):
        drs_in_process.client().list_extensible_source_servers(stagingAccountID=ACCOUNT)


def test_a_terminate_job_makes_its_servers_busy(drs_in_process):
    drs = drs_in_process.client()
    start(drs, DB_1)
    drs_in_process.finish()
    (instance,) = drs.describe_recovery_instances()["items"]
    drs.terminate_recovery_instances(recoveryInstanceIDs=[instance["recoveryInstanceID"]])
    with refused("ConflictException", 409, "currently being processed by a Job"):
        start(drs, DB_1)
    with refused("ConflictException", 409):
        drs.terminate_recovery_instances(recoveryInstanceIDs=[instance["recoveryInstanceID"]])
    with refused("ConflictException", 409):
        drs.update_launch_configuration(sourceServerID=DB_1, copyTags=False)
    drs_in_process.finish()
    assert start(drs, DB_1)["status"] == "PENDING"


def test_trap_42_an_empty_list_of_job_ids_means_all_jobs(drs_in_process):
    drs = drs_in_process.client()
    first, second = start(drs, DB_1), start(drs, DB_2)
    drs_in_process.advance(5)
    ids = [job["jobID"] for job in drs.describe_jobs(filters={"jobIDs": []})["items"]]
    assert ids == [second["jobID"], first["jobID"]]


def test_jobs_can_be_filtered_by_date_and_come_in_pages(drs_in_process):
    drs = drs_in_process.client()
    made = []
    for server_id in (DB_1, DB_2, APP_1, APP_2):
        made.append(start(drs, server_id))
        drs_in_process.advance(60)
    pages = list(drs.get_paginator("describe_jobs").paginate(PaginationConfig={"PageSize": 3}))
    assert [len(page["items"]) for page in pages] == [3, 1]
    assert [j["jobID"] for page in pages for j in page["items"]] == [j["jobID"] for j in reversed(made)]
    # What DRS answers, it does not take: its model asks for Z.
    first, last = (made[n]["creationDateTime"].replace("+00:00", "Z") for n in (1, 2))
    middle = {"fromDate": first, "toDate": last}
    found = everything(drs, "describe_jobs", filters=middle)
    assert {j["jobID"] for j in found} == {made[1]["jobID"], made[2]["jobID"]}


def test_trap_05_lists_are_longer_than_a_page(drs_in_process):
    drs_in_process.reset(
        {
            "page_size": 10,
            "accounts": {ACCOUNT: {"regions": {REGION: {"servers": ["all"]}}}},
            "servers": {"all": {"generate": 23}},
        }
    )
    drs = drs_in_process.client()
    assert len(drs.describe_source_servers()["items"]) == 10
    assert len(everything(drs, "describe_source_servers")) == 23


def with_delays(visibility, tags):
    update = {"visibility_delay_seconds": visibility, "tags_delay_seconds": tags}
    return load_scenario("three_tier").model_copy(update=update)


@pytest.mark.drs_scenario(with_delays(30.0, 90.0))
def test_jobs_and_their_tags_appear_late(drs_in_process):
    drs = drs_in_process.client()
    job = start(drs, DB_1, tags={"ExecutionId": "e"})
    assert job["tags"] == {"ExecutionId": "e"}
    assert drs.describe_jobs()["items"] == []
    with refused("ResourceNotFoundException", 404):
        drs.describe_job_log_items(jobID=job["jobID"])
    drs_in_process.advance(31)
    assert job_of(drs, job["jobID"])["tags"] == {}
    drs_in_process.advance(60)
    assert job_of(drs, job["jobID"])["tags"] == {"ExecutionId": "e"}


@pytest.mark.drs_scenario(with_delays(0.0, "never"))
def test_tags_may_never_appear(drs_in_process):
    drs = drs_in_process.client()
    job = start(drs, DB_1, tags={"ExecutionId": "e"})
    drs_in_process.finish()
    assert job_of(drs, job["jobID"])["tags"] == {}


@pytest.mark.parametrize("maker", [simulator, in_process], ids=["http", "in_process"])
def test_tags_of_servers_jobs_and_instances(maker):
    with maker() as sim:
        _check_tags(sim)


def _check_tags(sim):
    drs = sim.client()
    job = start(drs, DB_1, tags={"a": "1"})
    sim.finish()
    (instance,) = drs.describe_recovery_instances()["items"]
    server = drs.describe_source_servers(filters={"sourceServerIDs": [DB_1]})["items"][0]
    for arn in (job["arn"], instance["arn"], server["arn"]):
        drs.tag_resource(resourceArn=arn, tags={"b": "2", "c": "3"})
        drs.untag_resource(resourceArn=arn, tagKeys=["b", "unknown"])
        tags = drs.list_tags_for_resource(resourceArn=arn)["tags"]
        assert tags["c"] == "3"
        assert "b" not in tags
    assert job_of(drs, job["jobID"])["tags"] == {"a": "1", "c": "3"}


def test_a_completed_job_can_be_deleted(drs_in_process, drs_responses):
    drs = drs_in_process.client()
    job = start(drs, DB_1)
    with refused("ConflictException", 409):
        drs.delete_job(jobID=job["jobID"])
    drs_in_process.finish()
    drs.delete_job(jobID=job["jobID"])
    assert drs.describe_jobs()["items"] == []


def test_native_recovery_plans_can_be_read(drs_in_process):
    drs = drs_in_process.client()
    (summary,) = drs.list_recovery_plans()["recoveryPlans"]
    plan = drs.get_recovery_plan(recoveryPlanArn=summary["recoveryPlanArn"])["recoveryPlan"]
    assert plan["name"] == "erp native"
    steps = drs.list_recovery_plan_steps(recoveryPlanArn=plan["recoveryPlanArn"])["recoveryPlanSteps"]
    assert [step["stepOrder"] for step in steps] == [1, 2, 3]
    assert steps[1]["configuration"]["waitStepConfiguration"]["waitDurationMinutes"] == 5
    last = drs.get_recovery_plan_step(recoveryPlanStepArn=steps[2]["recoveryPlanStepArn"])["recoveryPlanStep"]
    levels = [s["impactLevel"] for s in last["configuration"]["serverStepConfiguration"]["servers"]]
    assert levels == ["CRITICAL", "CRITICAL", "OPTIONAL"]
    with refused("ResourceNotFoundException", 404):
        drs.get_recovery_plan(recoveryPlanArn=summary["recoveryPlanArn"] + "x")


def test_terminate_jobs_may_come_out_empty(drs_in_process):
    scenario = load_scenario("three_tier").model_copy(update={"terminate_jobs_list_servers": False})
    drs_in_process.reset(scenario)
    drs = drs_in_process.client()
    start(drs, DB_1)
    drs_in_process.finish()
    (instance,) = drs.describe_recovery_instances()["items"]
    job = drs.terminate_recovery_instances(recoveryInstanceIDs=[instance["recoveryInstanceID"]])["job"]
    drs_in_process.finish()
    ended = job_of(drs, job["jobID"])
    assert (ended["status"], ended["participatingServers"]) == ("COMPLETED", [])


def test_an_extended_server_also_makes_a_job_in_its_staging_account(drs_in_process):
    drs_in_process.reset(
        {
            "accounts": {
                ACCOUNT: {"regions": {REGION: {"servers": ["all"]}}},
                "222233334444": {"regions": {REGION: {}}},
            },
            "servers": {"all": [{"id": DB_1, "name": "db", "staging_account": "222233334444"}]},
        }
    )
    drs = drs_in_process.client()
    assert drs.list_staging_accounts()["accounts"] == [{"accountID": "222233334444"}]
    server = drs.describe_source_servers(filters={"stagingAccountIDs": ["222233334444"]})["items"][0]
    assert server["stagingArea"]["status"] == "EXTENDED"
    start(drs, DB_1)
    drs_in_process.finish()
    (job,) = drs_in_process.client(account="222233334444").describe_jobs()["items"]
    assert (job["type"], job["initiatedBy"], job["status"]) == (
        "CREATE_CONVERTED_SNAPSHOT",
        "TARGET_ACCOUNT",
        "COMPLETED",
    )


def test_what_else_is_refused(drs_in_process):
    drs = drs_in_process.client()
    with refused("ValidationException", 400):
        drs.describe_jobs(filters={"fromDate": "2026-02-31T00:00:00Z"})
    with refused("ValidationException", 400):
        drs.describe_recovery_snapshots(sourceServerID=DB_1, filters={"toDateTime": "2026-02-31T00:00:00Z"})
    with refused("ValidationException", 400):
        drs.delete_recovery_instance(recoveryInstanceID="i-00000000000000000")
    with refused("ResourceNotFoundException", 404):
        drs.list_launch_actions(resourceId="lct-00000000000000000")
    plan = drs.list_recovery_plans()["recoveryPlans"][0]["recoveryPlanArn"]
    with refused("ResourceNotFoundException", 404):
        drs.get_recovery_plan_step(recoveryPlanStepArn=f"{plan}/step/none")
    quotas = drs_in_process.client("service-quotas")
    with refused("UnknownOperationException"):
        quotas.request_service_quota_increase(ServiceCode="drs", QuotaCode="L-D88FAC3A", DesiredValue=30)


def test_a_recovery_instance_in_a_job_is_left_alone(drs_in_process):
    drs = drs_in_process.client()
    start(drs, DB_1)
    drs_in_process.finish()
    (instance,) = drs.describe_recovery_instances()["items"]
    drs.disconnect_recovery_instance(recoveryInstanceID=instance["recoveryInstanceID"])
    with refused("ConflictException", 409, "already disconnected"):
        drs.disconnect_recovery_instance(recoveryInstanceID=instance["recoveryInstanceID"])
    start(drs, DB_1)
    with refused("ConflictException", 409, "being processed"):
        drs.delete_recovery_instance(recoveryInstanceID=instance["recoveryInstanceID"])


def test_malformed_bodies_and_paths(drs_simulator):
    scope = f"AKIA{ACCOUNT}DRSS/20260101/{REGION}/drs/aws4_request"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}

    def answer(method, path, **options):
        return httpx.request(method, drs_simulator.url + path, headers=headers, **options)

    for body in (b"{", b"[]"):
        got = answer("POST", "/DescribeJobs", content=body)
        assert (got.status_code, got.headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert answer("GET", "/DescribeJobs").status_code == 501
    assert answer("GET", "/ListStagingAccounts?maxResults=many").status_code == 400
    assert answer("GET", "/ListStagingAccounts?maxResults=5").json() == {"accounts": []}
    chunked = answer("POST", "/DescribeSourceServers", content=iter([b'{"maxRes', b'ults": 3}']))
    assert len(chunked.json()["items"]) == 3
    assert httpx.get(f"{drs_simulator.url}/moto-api/data.json").status_code == 200
