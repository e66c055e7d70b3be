"""Whatever fails, whenever one looks: what the simulator tells is legal, and every job comes to an end."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drs_simulator.testing import in_process
from drs_simulator.validation import Snapshot, check_job_log, check_log_growth, check_trace
from tests.simulator.support import ACCOUNT, REGION, everything

FAIL_AT = [
    "SERVER_SKIPPED",
    "CLEANUP_FAIL",
    "SNAPSHOT_FAIL",
    "USING_PREVIOUS_SNAPSHOT_FAILED",
    "CONVERSION_FAIL",
    "LAUNCH_FAILED",
]
FINAL = {"LAUNCHED", "FAILED", "PENDING"}

fails = st.none() | st.builds(
    lambda at, attempts: {"at": at, "attempts": attempts},
    st.sampled_from(FAIL_AT),
    st.lists(st.integers(1, 2), max_size=1),
)
servers = st.builds(
    lambda fail, replication, live, into, share: {
        "fail": fail,
        "replication": replication,
        "lag": 600,
        "live_instance": {"is_drill": False} if live else None,
        "launch": {"into_instance": into, "post_launch": True},
        "launch_actions": [{"name": "check", "fails": share}],
        "instance_id_in_job": share,
        "no_instance": share / 2,
    },
    fails,
    st.sampled_from(["CONTINUOUS", "STALLED", "DISCONNECTED", "INITIAL_SYNC", "BACKLOG"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0.0, 0.5]),
)


def world(found, seed, in_job):
    listed = [{"id": f"s-{n:017d}", "name": f"server-{n}", **server} for n, server in enumerate(found)]
    return {
        "seed": seed,
        "post_launch_in_job": in_job,
        "profile": "quick",
        "accounts": {ACCOUNT: {"regions": {REGION: {"servers": ["all"]}}}},
        "servers": {"all": listed},
    }


def follow(sim, drs, steps):
    trace, logs = [], {}
    for step in [*steps, 3600.0]:
        sim.advance(step)
        jobs = everything(drs, "describe_jobs")
        trace.append(Snapshot(sim.now, jobs))
        for job in jobs:
            log = everything(drs, "describe_job_log_items", jobID=job["jobID"])
            assert [str(v) for v in check_log_growth(logs.get(job["jobID"], []), log)] == []
            assert [str(v) for v in check_job_log(job, log)] == []
            logs[job["jobID"]] = log
    assert [str(v) for v in check_trace(trace)] == []
    return trace[-1].jobs


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(servers, min_size=1, max_size=5),
    st.integers(0, 1000),
    st.booleans(),
    st.lists(st.floats(0.05, 12.0), max_size=6),
)
def test_every_history_is_legal_and_ends(drs_responses, found, seed, in_job, steps):
    drs_responses.transitions = False
    with in_process(world(found, seed, in_job)) as sim:
        drs = sim.client()
        chosen = [{"sourceServerID": f"s-{n:017d}"} for n in range(len(found))]
        for drill in (True, False):
            drs.start_recovery(sourceServers=chosen, isDrill=drill)
            (job, *_) = follow(sim, drs, steps)
            assert job["status"] == "COMPLETED"
            assert {part["launchStatus"] for part in job["participatingServers"]} <= FINAL
        everything(drs, "describe_source_servers")
        instances = everything(drs, "describe_recovery_instances")
        owners = [instance["sourceServerID"] for instance in instances]
        assert len(owners) == len(set(owners))
        if instances:
            drs.terminate_recovery_instances(recoveryInstanceIDs=[i["recoveryInstanceID"] for i in instances])
            follow(sim, drs, steps)
        assert everything(drs, "describe_recovery_instances") == []
