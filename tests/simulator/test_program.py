"""The program: what it prints, how it starts and how it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

import drs_simulator as package
from tests.simulator.support import printed_url, servers_in_the_branch

SIMULATOR = Path(package.__file__).parents[1]


def command(*options):
    return [sys.executable, "-m", "drs_simulator", "--port", "0", *options]


def environment(**more):
    return {**os.environ, "PYTHONPATH": str(SIMULATOR), **more}


@pytest.mark.integration
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_serves_and_ends_cleanly(number):
    options = ("--speed=60", "--scenario=shop_two_regions", "--seed=7", "--profile=quick", "--any-key")
    with subprocess.Popen(command(*options), env=environment(), stdout=subprocess.PIPE, text=True) as program:
        try:
            line = program.stdout.readline()
            url = printed_url(line)
            assert len(servers_in_the_branch(url)) == 2
            keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
            sts = boto3.session.Session().client("sts", endpoint_url=url, region_name="eu-west-1", **keys)
            assert sts.get_caller_identity()["Account"] == "111122223333"
        finally:
            program.send_signal(number)
        rest, _ = program.communicate(timeout=20)
        assert (program.returncode, rest) == (0, "")
        assert "shop_two_regions" in line
        assert "speed 60" in line


@pytest.mark.parametrize(
    ("options", "more", "code", "words"),
    [
        (("--scenario", "four_tier"), {}, 2, "three_tier"),
        (("--profile", "hasty"), {}, 2, "unknown profile"),
        (("--speed", "-1"), {}, 2, "negative"),
        ((), {"MOTO_ACCOUNT_ID": "1"}, 1, "MOTO_ACCOUNT_ID"),
    ],
)
def test_it_tells_why_it_does_not_start(options, more, code, words):
    done = subprocess.run(
        command(*options), env=environment(**more), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_busy_port_is_told(drs_simulator):
    port = drs_simulator.url.rpartition(":")[2]
    done = subprocess.run(
        command("--port", port), env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "in use" in done.stderr
