from __future__ import annotations

import pytest

from drs_provider.core.quotas import DrsQuotas
from drs_provider.rules.drs.jobs import JobServerView, JobView
from drs_provider.rules.drs.recovery_instances import instances_by_server
from drs_provider.rules.wave.ownership import own_jobs
from drs_provider.rules.wave.reconcile import QuotaUsage, busy_servers, quota_usage
from tests.rules.rule_builders import NOW, decide, instance, job, owned, rows, settled

SERVERS = ("s-1", "s-2", "s-3")


def test_a_fresh_wave_is_one_job():
    decision = decide(SERVERS)
    assert decision.launch == (SERVERS,)
    assert (decision.adopted, decision.waiting, decision.refused, decision.done) == ((), {}, {}, set())
    assert not settled(decision)


def test_trap_16_a_retry_adopts_and_launches_only_what_is_missing():
    ours = owned(job("drsjob-1", {"s-1": "PENDING", "s-2": "PENDING"}, status="STARTED"))
    decision = decide(SERVERS, owned_jobs=[ours])
    assert decision.adopted == (ours,)
    assert decision.launch == (("s-3",),)
    assert decision.done == set()


@pytest.mark.parametrize("status", ["PENDING", "IN_PROGRESS", "LAUNCHED", "FAILED", "TERMINATED", "NEW"])
@pytest.mark.parametrize("job_status", ["PENDING", "STARTED", "COMPLETED"])
def test_trap_16_one_job_per_server_and_attempt_whatever_became_of_it(status, job_status):
    ours = owned(job("drsjob-1", {"s-1": status}, status=job_status))
    decision = decide(["s-1"], owned_jobs=[ours])
    assert decision.adopted == (ours,)
    assert settled(decision)


def test_trap_33_a_new_attempt_launches_only_what_drs_failed_to_launch():
    first = owned(job("drsjob-1", {"s-1": "LAUNCHED", "s-2": "FAILED"}))
    decision = decide(SERVERS, attempt=2, owned_jobs=[first], existing_instance_ids={"i-s-1"})
    assert decision.adopted == (first,)
    assert decision.done == {"s-1"}
    assert decision.launch == (("s-2", "s-3"),)


def test_trap_11_a_server_left_pending_in_a_completed_job_is_launched_in_a_new_attempt():
    first = owned(job("drsjob-1", {"s-1": "PENDING"}))
    assert decide(["s-1"], attempt=2, owned_jobs=[first]).launch == (("s-1",),)
    assert decide(["s-1"], attempt=1, owned_jobs=[first]).launch == ()


def test_trap_33_a_failed_server_whose_instance_lives_is_not_launched_again():
    first = owned(job("drsjob-1", {"s-1": "FAILED"}))
    decision = decide(
        ["s-1"],
        attempt=2,
        owned_jobs=[first],
        live_instances={"s-1": instance("s-1")},
        existing_instance_ids={"i-s-1"},
    )
    assert decision.adopted == (first,)
    assert settled(decision)
    assert decision.done == set()


def test_trap_33_a_running_job_of_an_earlier_attempt_is_adopted():
    first = owned(job("drsjob-1", {"s-1": "PENDING"}, status="STARTED"))
    decision = decide(["s-1"], attempt=2, owned_jobs=[first])
    assert decision.adopted == (first,)
    assert decision.launch == ()


def test_a_drill_that_was_cleaned_up_starts_afresh():
    first = owned(job("drsjob-1", {"s-1": "LAUNCHED"}))
    decision = decide(["s-1"], attempt=2, owned_jobs=[first], existing_instance_ids=set())
    assert decision.adopted == ()
    assert decision.launch == (("s-1",),)


def test_trap_33_without_an_answer_of_ec2_an_instance_counts_as_existing():
    first = owned(job("drsjob-1", {"s-1": "LAUNCHED"}))
    decision = decide(["s-1"], attempt=2, owned_jobs=[first], existing_instance_ids=None)
    assert decision.adopted == (first,)
    assert decision.done == {"s-1"}


def test_without_an_answer_of_ec2_drs_may_say_that_an_instance_is_gone():
    first = owned(job("drsjob-1", {"s-1": "LAUNCHED"}))
    gone = {"s-1": instance("s-1", state="TERMINATED")}
    decision = decide(["s-1"], attempt=2, owned_jobs=[first], existing_instance_ids=None, live_instances=gone)
    assert decision.launch == (("s-1",),)


def test_an_instance_that_the_job_does_not_name_is_found_through_drs():
    first = owned(job(servers=rows({"s-1": "LAUNCHED"}, instances=False)))
    found = {"s-1": instance("s-1")}
    decision = decide(
        ["s-1"], attempt=2, owned_jobs=[first], live_instances=found, existing_instance_ids={"i-s-1"}
    )
    assert decision.done == {"s-1"}
    gone = decide(["s-1"], attempt=2, owned_jobs=[first], live_instances=found)
    assert gone.launch == (("s-1",),)


@pytest.mark.parametrize("existing", [set(), None], ids=["EC2 answers", "EC2 does not"])
@pytest.mark.parametrize("live", [{}, {"s-1": instance("s-1", job_id="drsjob-9")}], ids=["none", "another's"])
def test_trap_33_a_launched_server_whose_instance_nothing_tells_is_not_launched_again(existing, live):
    first = owned(job(servers=rows({"s-1": "LAUNCHED", "s-2": "FAILED"}, instances=False)))
    decision = decide(
        SERVERS, attempt=2, owned_jobs=[first], existing_instance_ids=existing, live_instances=live
    )
    assert decision.launch == (("s-2", "s-3"),)
    assert decision.adopted == (first,)
    assert decision.done == set()


def test_a_launched_server_whose_instance_nothing_tells_is_launched_again_after_a_proven_cleanup():
    first = owned(job(servers=rows({"s-1": "LAUNCHED"}, instances=False)))
    cleaned = {"attempt": 2, "owned_jobs": [first], "cleaned_up": {"drsjob-1"}}
    assert decide(["s-1"], **cleaned).launch == (("s-1",),)
    again = decide(
        ["s-1"], **cleaned, live_instances={"s-1": instance("s-1")}, existing_instance_ids={"i-s-1"}
    )
    assert again.done == {"s-1"}, "what is seen to exist goes before what was proven once"


def test_the_instance_of_another_job_does_not_keep_ours_alive():
    first = owned(job(servers=[JobServerView("s-1", "LAUNCHED", "i-ours")]))
    others = {"s-1": instance("s-1", job_id="drsjob-9")}
    decision = decide(
        ["s-1"],
        attempt=2,
        owned_jobs=[first],
        live_instances=others,
        existing_instance_ids={"i-s-1"},
    )
    assert decision.launch == (("s-1",),)


def test_a_server_whose_drill_is_being_cleaned_up_waits():
    first = owned(job("drsjob-1", {"s-1": "LAUNCHED"}))
    decision = decide(
        ["s-1"], attempt=2, owned_jobs=[first], busy={"s-1": "drsjob-t"}, existing_instance_ids={"i-s-1"}
    )
    assert decision.waiting == {"s-1": "in job drsjob-t, which must end first"}
    assert decision.adopted == ()


@pytest.mark.parametrize("job_id", ["drsjob-old", None])
def test_trap_20_a_live_recovery_instance_is_never_replaced_unasked(job_id):
    live = {"s-1": instance("s-1", is_drill=False, job_id=job_id)}
    decision = decide(SERVERS, live_instances=live, existing_instance_ids={"i-s-1"})
    assert decision.launch == (("s-2", "s-3"),)
    assert "live recovery instance i-s-1" in decision.refused["s-1"]
    assert "replace_live_instances" in decision.refused["s-1"]


@pytest.mark.parametrize(
    ("state", "in_ec2"), [("RUNNING", False), ("STOPPED", False), ("NOT_FOUND", True), ("", False)]
)
def test_trap_33_any_sign_of_life_refuses(state, in_ec2):
    live = {"s-1": instance("s-1", is_drill=False, state=state)}
    existing = {"i-s-1"} if in_ec2 else set()
    decision = decide(["s-1"], live_instances=live, existing_instance_ids=existing)
    assert list(decision.refused) == ["s-1"]


@pytest.mark.parametrize(
    "past", [instance("s-1", is_drill=False, state="TERMINATED"), instance("s-1", is_drill=True)]
)
def test_a_terminated_instance_or_a_others_does_not_refuse(past):
    decision = decide(["s-1"], live_instances={"s-1": past})
    assert decision.launch == (("s-1",),)


def test_trap_33_an_approved_replacement_is_launched_once():
    live = {"s-1": instance("s-1", is_drill=False, job_id="drsjob-old")}
    world = {"live_instances": live, "existing_instance_ids": {"i-s-1"}, "replace_allowed": {"s-1"}}
    assert decide(["s-1"], **world).launch == (("s-1",),)
    ours = owned(job("drsjob-1", {"s-1": "LAUNCHED"}))
    world["live_instances"] = {"s-1": instance("s-1", is_drill=False)}
    decision = decide(["s-1"], attempt=2, owned_jobs=[ours], **world)
    assert settled(decision)
    assert decision.done == {"s-1"}


def test_trap_29_a_server_in_a_foreign_job_waits():
    decision = decide(SERVERS, busy={"s-2": "drsjob-9"})
    assert decision.launch == (("s-1", "s-3"),)
    assert decision.waiting == {"s-2": "in job drsjob-9, which must end first"}


def test_trap_16_a_call_without_answer_is_given_time_to_show_its_job():
    held = {"s-1": NOW + 1, "s-2": NOW}
    decision = decide(["s-1", "s-2"], not_before=held)
    assert decision.launch == (("s-2",),)
    assert "not visible yet" in decision.waiting["s-1"]


def test_trap_16_an_instance_may_be_that_of_a_job_which_is_not_visible_yet():
    live = {"s-1": instance("s-1", is_drill=False, job_id="drsjob-hidden")}
    early = decide(["s-1"], live_instances=live, existing_instance_ids={"i-s-1"}, not_before={"s-1": NOW + 1})
    assert (early.launch, early.refused) == ((), {})
    assert "not visible yet" in early.waiting["s-1"]
    later = decide(["s-1"], live_instances=live, existing_instance_ids={"i-s-1"}, not_before={"s-1": NOW})
    assert "drsjob-hidden" in later.refused["s-1"]
    assert (later.launch, later.waiting) == ((), {})


def test_trap_16_a_job_that_does_not_list_its_servers_yet_holds_the_wave():
    ours = owned(job("drsjob-1", {}, status="PENDING"))
    decision = decide(SERVERS, owned_jobs=[ours])
    assert decision.adopted == (ours,)
    assert decision.launch == ()
    assert set(decision.waiting) == set(SERVERS)


def test_batches_are_as_few_as_the_quota_per_job_allows():
    servers = [f"s-{number}" for number in range(250)]
    decision = decide(servers, quotas=DrsQuotas(servers_per_job=100))
    assert [len(batch) for batch in decision.launch] == [100, 100, 50]
    assert [server for batch in decision.launch for server in batch] == servers


def test_a_batch_never_exceeds_what_the_api_takes():
    servers = [f"s-{number}" for number in range(250)]
    decision = decide(servers, quotas=DrsQuotas(servers_per_job=1000))
    assert [len(batch) for batch in decision.launch] == [200, 50]


def test_what_a_full_quota_of_jobs_has_no_room_for_waits():
    decision = decide(
        SERVERS, quotas=DrsQuotas(concurrent_jobs=20, servers_per_job=2), usage=QuotaUsage(19, 100)
    )
    assert decision.launch == (("s-1", "s-2"),)
    assert decision.waiting == {"s-3": "quota of 20 jobs at a time is used up"}


def test_what_a_full_quota_of_servers_has_no_room_for_waits():
    decision = decide(SERVERS, usage=QuotaUsage(2, 499))
    assert decision.launch == (("s-1",),)
    assert decision.waiting["s-3"] == "quota of 500 servers in jobs is used up"
    assert decide(SERVERS, usage=QuotaUsage(30, 900)).launch == ()


def test_quotas_below_one_are_refused():
    with pytest.raises(ValueError, match="positive number: concurrent_jobs"):
        DrsQuotas(concurrent_jobs=0)


def test_an_empty_wave_needs_nothing():
    assert settled(decide([]))


def test_busy_servers_are_those_in_unfinished_jobs_of_others():
    ours = job("drsjob-1", {"s-1": "PENDING"}, status="STARTED")
    jobs = [
        ours,
        job("drsjob-2", {"s-2": "PENDING"}, status="PENDING", type="TERMINATE"),
        job("drsjob-3", {"s-3": "LAUNCHED"}),
    ]
    assert busy_servers(jobs, [owned(ours)]) == {"s-2": "drsjob-2"}


def test_quota_usage_counts_every_unfinished_job_once():
    running = job("drsjob-1", {"s-1": "PENDING", "s-2": "PENDING"}, status="STARTED")
    jobs = [running, running, job("drsjob-2", {"s-3": "LAUNCHED"})]
    assert quota_usage(jobs) == QuotaUsage(1, 2)


@pytest.mark.parametrize(
    "row",
    [
        {"recoveryInstanceID": "i-1", "sourceServerID": "s-1", "jobID": "drsjob-9"},
        {"ec2InstanceID": "i-1", "sourceServerID": "s-1", "isDrill": True},
        {"recoveryInstanceID": "i-1", "isDrill": True},
        {"isDrill": True},
    ],
)
def test_trap_20_an_instance_that_drs_does_not_describe_well_blocks_its_server(row):
    live = instances_by_server([row], ["s-1"])
    refused = decide(["s-1"], live_instances=live).refused
    assert "DRS does not tell its" in refused["s-1"]
    assert decide(["s-1"], live_instances=live, replace_allowed=["s-1"]).launch == (("s-1",),)
    gone = instances_by_server([row | {"ec2InstanceState": "TERMINATED"}], ["s-1"])
    assert decide(["s-1"], live_instances=gone).launch == (("s-1",),)


def test_trap_16_a_job_of_ours_that_does_not_say_its_type_is_adopted():
    tags = {"ExecutionId": "execution-1", "WaveNumber": "1"}
    told = JobView.from_api(
        {"jobID": "drsjob-1", "tags": tags, "participatingServers": [{"sourceServerID": "s-1"}]}
    )
    (own,) = own_jobs([told], execution_id="execution-1", wave_number=1)
    assert decide(["s-1"], owned_jobs=[own]).launch == ()
