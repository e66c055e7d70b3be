"""Which of several recovery instances of a server counts."""

from __future__ import annotations

from itertools import permutations

from drs_provider.rules.drs.recovery_instances import instances_by_server


def row(instance_id: str, *, state: str = "RUNNING", is_drill: bool = True) -> dict[str, object]:
    return {
        "recoveryInstanceID": instance_id,
        "ec2InstanceID": instance_id,
        "ec2InstanceState": state,
        "sourceServerID": "s-1111111111111111a",
        "isDrill": is_drill,
    }


def test_trap_20_a_live_instance_is_not_hidden_by_a_drills() -> None:
    rows = [
        row("i-drill"),
        row("i-live", is_drill=False),
        row("i-gone", is_drill=False, state="TERMINATED"),
    ]
    for order in permutations(rows):
        (found,) = instances_by_server(order, ["s-1111111111111111a"]).values()
        assert found.instance_id == "i-live"


def test_an_instance_that_exists_goes_before_one_that_does_not() -> None:
    for order in permutations([row("i-drill"), row("i-gone", is_drill=False, state="TERMINATED")]):
        (found,) = instances_by_server(order, ["s-1111111111111111a"]).values()
        assert found.instance_id == "i-drill"
