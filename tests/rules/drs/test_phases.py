from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from drs_provider.rules.drs.jobs import LogEvent
from drs_provider.rules.drs.phases import PHASE_EVENTS, Phase, PhaseName, phases_by_server

# The public sample of a two-server drill, in seconds from the job's creation.
SAMPLE = [
    ("JOB_START", 0.3, None),
    ("SNAPSHOT_START", 0.8, "s-1"),
    ("SNAPSHOT_END", 1.0, "s-1"),
    ("CONVERSION_START", 53.0, "s-1"),
    ("CONVERSION_END", 250.0, "s-1"),
    ("LAUNCH_START", 250.0, "s-1"),
    ("LAUNCH_END", 529.0, "s-1"),
    ("JOB_END", 533.0, None),
]


def log(lines=SAMPLE):
    return [LogEvent(name, at, server) for name, at, server in lines]


def phases_of(events, server="s-1"):
    return phases_by_server(events).get(server, ())


def spans(events):
    return [(phase.name.value, phase.start, phase.end) for phase in phases_of(events)]


def test_the_phases_of_a_launch():
    expected = [("snapshot", 0.8, 1.0), ("conversion", 53.0, 250.0), ("launch", 250.0, 529.0)]
    assert spans(log()) == expected
    assert spans(reversed(log())) == expected


def test_events_of_other_servers_do_not_count():
    assert phases_of(log(), "s-2") == ()


def test_a_phase_goes_on_until_its_end_is_logged():
    assert spans(log(SAMPLE[:4])) == [("snapshot", 0.8, 1.0), ("conversion", 53.0, None)]


def test_a_missing_end_is_the_next_start_or_the_end_of_the_job():
    lines = [line for line in SAMPLE if line[0] not in {"SNAPSHOT_END", "CONVERSION_END", "LAUNCH_END"}]
    assert spans(log(lines)) == [
        ("snapshot", 0.8, 53.0),
        ("conversion", 53.0, 250.0),
        ("launch", 250.0, 533.0),
    ]


def test_a_failed_phase_ends():
    lines = [*SAMPLE[:4], ("CONVERSION_FAIL", 100.0, "s-1"), ("JOB_END", 110.0, None)]
    assert spans(log(lines))[-1] == ("conversion", 53.0, 100.0)


def test_a_previous_snapshot_ends_the_snapshot_phase():
    lines = [("SNAPSHOT_START", 1.0, "s-1"), ("USING_PREVIOUS_SNAPSHOT", 2.0, "s-1")]
    assert spans(log(lines)) == [("snapshot", 1.0, 2.0)]


def test_a_phase_tried_again_goes_on():
    lines = [
        ("CONVERSION_START", 1.0, "s-1"),
        ("CONVERSION_FAIL", 2.0, "s-1"),
        ("CONVERSION_START", 3.0, "s-1"),
    ]
    assert spans(log(lines)) == [("conversion", 1.0, None)]
    assert phases_of(log(lines[:2]))[0].error == "CONVERSION_FAIL"
    (ended,) = phases_of(log([*lines, ("CONVERSION_END", 9.0, "s-1")]))
    assert (ended.start, ended.end, ended.error) == (1.0, 9.0, None)


def test_events_without_a_time_are_left_out():
    assert phases_of([LogEvent("SNAPSHOT_START", None, "s-1")]) == ()


events = st.builds(
    LogEvent,
    event=st.sampled_from([*sorted(PHASE_EVENTS), "JOB_START", "JOB_END", "SERVER_SKIPPED"]),
    at=st.integers(0, 50).map(float),
    source_server_id=st.sampled_from(["s-1", "s-2", None]),
)


@settings(deadline=None)
@given(st.lists(events, max_size=15))
def test_phases_are_ordered_single_and_never_end_before_they_start(lines):
    phases = phases_of(lines)
    names = [phase.name for phase in phases]
    assert names == [name for name in PhaseName if name in names]
    assert all(phase.end is None or phase.end >= phase.start for phase in phases)
    assert all(isinstance(phase, Phase) for phase in phases)
