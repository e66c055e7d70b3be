"""How long the next execution will take, and what if; and how long the running one still takes."""

from __future__ import annotations

import json

import pytest

from drs_provider import keys
from drs_provider.airflow_rest.refused import ExitCode
from drs_provider.rules.execution.expectation import PhaseExpectation, WaveExpectation, expectation_of
from tests.cli.airflow_server import WAVES, complete, end, new_run
from tests.contract.repository import PLANS

FOLDER = ("--plans", str(PLANS))


def expected(seconds: float, *, source: str = "history"):
    """Return what was told by a run: two waves in a row, each of which takes so long."""
    phases = (PhaseExpectation(name="launch", low=seconds / 2, seconds=seconds, high=seconds * 2),)
    waves = [
        WaveExpectation(
            number=number,
            name=name,
            depends_on=(number - 1,) if number > 1 else (),
            basis="plan",
            executions=3,
            phases=phases,
        )
        for number, name in WAVES.items()
    ]
    return expectation_of(waves, source=source, executions=3).model_dump(mode="json")


@pytest.fixture
def runs(airflow):
    """Three runs of a plan, the newest first: a RECOVERY that runs, an ended drill, an older one."""
    made = [airflow.add(new_run(f"r{number}")) for number in range(3)]
    for number, run in enumerate(made):
        run.began -= number * 3_600
    made[0].conf = {"execution_type": "RECOVERY"}
    header = made[0].xcoms[keys.PREPARE, keys.FROZEN_PLAN]["payload"]
    header |= {"execution_type": "RECOVERY", "expected": expected(900)}
    end(made[1], "COMPLETED")
    made[1].xcoms[keys.FINALIZE, keys.EXPECTED] = expected(600)
    end(made[2], "COMPLETED")
    made[2].xcoms[keys.PREPARE, keys.EXPECTED] = expected(300)
    return made


def test_the_newest_run_of_the_type_tells_what_the_next_one_will_take(drs, runs):
    done = drs("plans", "estimate", "erp")
    assert done.code == ExitCode.OK
    first, _, *rest = done.out.splitlines()
    assert first == (
        "about 20 min (10 min to 40 min; median of 3 earlier executions), without waiting for people; told by DRILL r1"
    )
    assert [line.split()[:3] for line in rest if line.split()[0] in "12"] == [
        ["1", "database", "yes"],
        ["2", "application", "yes"],
    ]
    assert "told by RECOVERY r0" in drs("plans", "estimate", "erp", "--type", "RECOVERY").out


def test_what_if_a_wave_took_twice_as_long(drs, runs):
    done = drs("plans", "estimate", "erp", "--wave-factor", "2=2", "-o", "json")
    told = json.loads(done.out)
    assert (told["seconds"], told["withoutFactors"]["seconds"]) == (1_800, 1_200)
    assert (told["criticalPath"], told["toldBy"], told["basis"]) == ([1, 2], "DRILL r1", "history")
    assert "instead of about 20 min" in drs("plans", "estimate", "erp", "--wave-factor", "2=2").out
    refused = drs("plans", "estimate", "erp", "--wave-factor", "7=2")
    assert refused.code == ExitCode.REFUSED_INPUT
    assert "no wave 7 runs in it" in refused.err


@pytest.mark.parametrize("text", ["two=2", "2", "0=1", "1=0", "1=inf", "1=nan"])
def test_a_factor_that_is_none_is_refused(drs, text):
    with pytest.raises(SystemExit) as end:
        drs("plans", "estimate", "erp", "--wave-factor", text)
    assert end.value.code == ExitCode.REFUSED_INPUT


def test_another_types_run_is_better_than_none_and_an_unreadable_one_is_none(drs, runs):
    for run in runs[1:]:
        run.xcoms[keys.PREPARE, keys.EXPECTED] = {"seconds": "many"}
        run.xcoms.pop((keys.FINALIZE, keys.EXPECTED), None)
    assert "told by RECOVERY r0" in drs("plans", "estimate", "erp").out


def test_without_a_run_the_plans_file_and_the_profile_count(airflow, drs):
    airflow.add_plan("wiki")
    done = drs("plans", "estimate", "wiki", *FOLDER)
    assert "no run of the plan has told anything yet" in done.err
    assert "documented profile), without waiting for people; told by the plan's file" in done.out
    before = len(airflow.requests)
    profile = drs("plans", "estimate", "erp_three_tier", "--profile", *FOLDER, "--type", "RECOVERY")
    assert len(airflow.requests) == before
    assert "counted as one each" in profile.err
    assert profile.out.startswith("about 27 min (17 min to 1 h 12 min; documented profile)")
    assert drs("plans", "estimate", "nobody").code == ExitCode.NOT_FOUND


def test_a_running_execution_tells_when_all_will_be_recovered(drs, runs):
    run = runs[0]
    complete(run, 1)
    told = json.loads(drs("status", "erp/r0", "-o", "json").out)
    assert (told["eta"]["seconds"], told["eta"]["lowSeconds"], told["eta"]["highSeconds"]) == (
        900,
        450,
        1_800,
    )
    assert told["eta"]["criticalPath"] == [2]
    assert "rtoMissSeconds" not in told["eta"]
    assert "all recovered in about 15 min (7 min 30 s to 30 min)" in drs("status", "erp/r0").out
    header = run.xcoms[keys.PREPARE, keys.FROZEN_PLAN]["payload"]
    header["objectives"] = {"rto_minutes": 10}  # one minute of it is over
    missed = drs("status", "erp/r0").out
    assert "; will miss the RTO by about 6 min" in missed
    assert json.loads(drs("status", "erp/r0", "-o", "json").out)["eta"]["rtoMissSeconds"] in range(355, 370)
    complete(run, 2)
    assert "eta" not in json.loads(drs("status", "erp/r0", "-o", "json").out)  # nothing is left to wait for


def test_an_execution_that_will_not_recover_everything_tells_no_time(drs, runs):
    complete(runs[0], 1)
    runs[0].tasks[keys.wave_task_id(2, WAVES[2], keys.START_RECOVERY)] = "failed"
    assert "eta" not in json.loads(drs("status", "erp/r0", "-o", "json").out)


def test_a_plan_that_an_older_version_froze_has_the_profiles_phases(airflow, drs):
    run = airflow.add(new_run("old"))
    header = run.xcoms[keys.PREPARE, keys.FROZEN_PLAN]["payload"]
    header["expected"] = {"seconds": 1_234.0, "source": "history", "executions": 2}
    told = json.loads(drs("status", "erp/old", "-o", "json").out)
    assert told["expectedSeconds"] == 1_234
    assert told["eta"]["seconds"] == 1_072
    assert told["waves"][0]["expectedSeconds"] == pytest.approx(536)
