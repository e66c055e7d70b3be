"""The two ends of what is possible, worked out from what really happened in a run: pure rules, seconds and calls.

The conventional design is a state machine or script that looks at each job by itself in fixed steps from its start,
and waits a fixed time between two waves (a published one, drs-plan-automation of aws-samples/drs-tools, has a Step
Functions `Wait` between two looks). What it takes beyond that, to start functions and to read its tables, counts as
nothing.
"""

from __future__ import annotations

import math

POLL_SECONDS = 30.0
WAIT_BETWEEN_WAVES_SECONDS = 30.0
"""An assumption, on the short side: the shortest that a look every 30 s allows without a look of its own."""

SERVERS_OF_A_JOB = 100
IDS_OF_A_CALL = 200
"""Servers or instances that one call of DRS or EC2 is asked for; more ids make a filter that DRS refuses."""
ITEMS_OF_A_PAGE = 1000
LOG_LINES_OF_A_SERVER = 8
LOG_LINES_OF_A_JOB = 4


def seen_after(started: float, ended: float, *, interval: float = POLL_SECONDS) -> float:
    """Return how long after its end a job is seen to have ended, if it is looked at in fixed steps from its start."""
    took = ended - started
    return math.ceil(took / interval) * interval - took


def next_wave_after(started: float, ended: float) -> float:
    """Return how long after a wave's last job has ended the next wave starts."""
    return seen_after(started, ended) + WAIT_BETWEEN_WAVES_SECONDS


def polls_of(seconds: float, *, interval: float = POLL_SECONDS) -> int:
    """Return how often a job of a duration is looked at."""
    return max(1, math.ceil(seconds / interval))


def conventional_calls(servers: int, seconds: float) -> dict[str, int]:
    """Return the calls that a wave costs: DescribeJobs for each job and look, then one look at each server.

    :param seconds: how long its jobs take
    """
    jobs = jobs_of(servers)
    return {
        "drs:StartRecovery": jobs,
        "drs:DescribeJobs": jobs * polls_of(seconds),
        "drs:DescribeRecoveryInstances": servers,
        "ec2:DescribeInstances": servers,
    }


def least_calls(servers: int) -> dict[str, int]:
    """Return the fewest calls with which a drill's wave can be started, judged and recorded.

    Each job must be started and be seen to have ended; each server's launch settings must be looked at once, or its
    launch could overwrite an instance; logs tell what failed and when, DRS and EC2 what there is now.
    """
    jobs = jobs_of(servers)
    lines = [
        min(SERVERS_OF_A_JOB, servers - first) * LOG_LINES_OF_A_SERVER + LOG_LINES_OF_A_JOB
        for first in range(0, servers, SERVERS_OF_A_JOB)
    ]
    return {
        "drs:StartRecovery": jobs,
        "drs:DescribeJobs": 1,
        "drs:DescribeJobLogItems": sum(math.ceil(each / ITEMS_OF_A_PAGE) for each in lines),
        "drs:GetLaunchConfiguration": servers,
        "drs:DescribeRecoveryInstances": math.ceil(servers / IDS_OF_A_CALL),
        "ec2:DescribeInstances": math.ceil(servers / IDS_OF_A_CALL),
    }


def jobs_of(servers: int) -> int:
    """Return the jobs that a wave needs."""
    return math.ceil(servers / SERVERS_OF_A_JOB)
