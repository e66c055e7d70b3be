"""What the script of a runbook holds, and what it asks before it calls anything."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from drs_provider.plan.conf.parsing import parse_run_conf
from drs_provider.plan.files.folder import load_catalog
from drs_provider.plan.model import Plan
from drs_provider.plan.people import People
from drs_provider.rules.execution.freezing import ResolvedServer
from drs_provider.runbook.page import page
from drs_provider.runbook.resolved import Runbook, RunbookError, runbook_of
from drs_provider.runbook.script import script
from tests.contract.repository import REPOSITORY
from tests.preflight.world import MAIN
from tests.runbook.shell import Ended, tool

NOW = 1_790_000_000.0
SAMPLES = load_catalog(REPOSITORY / "dags" / "plans").plans
EVIL = "'; touch hacked; echo \"$(touch hacked)`touch hacked`\\\nEND\ntouch hacked #\x1b[2J<script>"
STEPS: dict[str, dict[str, Any]] = {
    "check: ec2_status": {},
    "check: tcp": {"port": 5432},
    "check: http": {"url": "http://{private_ip}/health"},
    "check: ssm_command": {"commands": ["systemctl is-active erp", "echo '$HOME' \"{server_name}\""]},
    "check: cloudwatch_alarm": {"alarms": ["erp's alarm", "erp-2"]},
    "run: ssm_automation": {
        "document": "Fix-It",
        "parameters": {"Instance": ["{instance_id}"], "A": ["it's"]},
    },
    "run: ssm_command": {"commands": ["reboot"]},
    "check: manual": {"message": "Log in as a user.\nIs it fast?"},
    "run: lambda": {"function": "warm-up", "payload": {"wave": "{wave_name}"}},
    "run: trigger_dag": {"dag_id": "other"},
    "run: dns_change": {
        "hosted_zone": "Z0ERP",
        "record": "db.example.com",
        "type": "A",
        "values": ["{private_ip}"],
    },
    "run: operator": {"operator": "a.b.C"},
}


def servers(plan: Plan, count: int = 2) -> dict[str, list[ResolvedServer]]:
    names = iter(range(1, 1000))
    return {
        group: [ResolvedServer(f"s-{next(names):017x}", f"host {EVIL}") for _ in range(count)]
        for group in plan.protection_groups
    }


def made(plan: Plan, kind: str = "RECOVERY", **conf: Any) -> Runbook:
    confirmed = {"confirm_plan": plan.name} if kind == "RECOVERY" else {}
    parsed = parse_run_conf({"execution_type": kind, **confirmed, **conf}, plan)
    return runbook_of(plan, parsed, servers(plan), {}, written_at=NOW, findings=[f"WARN {EVIL}"])


def plan_with(*waves: dict[str, Any], **fields: Any) -> Plan:
    groups = {wave["name"]: {"target": "main", "tags": {"Wave": wave["name"]}} for wave in waves}
    given = [{**wave, "groups": [wave["name"]]} for wave in waves]
    return Plan.model_validate(
        {"name": "erp", "targets": {"main": MAIN}, "protection_groups": groups, "waves": given, **fields}
    )


def step(tag: str) -> dict[str, Any]:
    verb, kind = tag.split(": ")
    on_servers = "{private_ip}" in str(STEPS[tag]) or "{instance_id}" in str(STEPS[tag])
    each = {"each": "server"} if on_servers or "server_name" in str(STEPS[tag]) else {}
    return {verb: kind, "modes": ["recovery"], "timeout_minutes": 5, **each, **STEPS[tag]}


EVERY_STEP = plan_with(
    {
        "name": "all",
        "after": [{**step(tag), "name": f"step_{at}"} for at, tag in enumerate(STEPS)],
        "gate": {"message": EVIL.replace("\x1b", ""), "approvers": ["it's me", "$(touch hacked)"]},
    },
    title="it's $(touch hacked)",
)


@pytest.mark.parametrize("kind", ["DRILL", "RECOVERY"])
def test_scripts_are_clean_shell(kind: str, tmp_path: Path) -> None:
    plans = [*(loaded.plan for loaded in SAMPLES.values()), EVERY_STEP]
    for number, plan in enumerate(plans):
        (tmp_path / f"{number}.sh").write_text(script(made(plan, kind)))
    files = sorted(tmp_path.glob("*.sh"))
    done = subprocess.run(
        [tool("shellcheck"), "--shell", "sh", *files], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert len(files) == len(plans) >= 4


def test_texts_of_people_and_of_aws_are_data(tmp_path: Path) -> None:
    """Everything that the script prints of a plan is printed, and nothing of it is executed."""
    text = script(made(EVERY_STEP))
    probe = (
        text.partition("# ----")[0] + '\nwave 1\nprintf "%s\\n" "$TITLE" "$MESSAGE" "$APPROVERS"\nservers 1\n'
    )
    stubs = "check() { printf '%s\\n' \"$@\"; }\naction() { printf '%s\\n' \"$@\"; }\nsteps 1 after\n"
    done = subprocess.run(
        ["sh", "-c", probe + stubs], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "it's $(touch hacked)" in done.stdout
    assert "touch hacked #" in done.stdout
    assert len([line for line in done.stdout.splitlines() if line.startswith("s-")]) == 2
    assert "\x1b" not in done.stdout
    assert not (tmp_path / "hacked").exists()


def test_steps_are_commands_where_the_command_line_has_one() -> None:
    text = script(made(EVERY_STEP))
    assert 'aws_here ec2 wait instance-status-ok --instance-ids "$INSTANCE"' in text
    assert "--alarm-names 'erp'\"'\"'s alarm' erp-2" in text
    assert '"Instance": ["\'"$INSTANCE"\'"]' in text
    assert '"Value": "\'"$ADDRESS"\'"' in text
    for people in ("port: 5432", "function: warm-up", "dag_id: other", "systemctl is-active erp"):
        assert people in text
    assert "wave: all" in text


def test_waves_are_in_stages() -> None:
    plan = plan_with(
        {"name": "db"},
        {"name": "left_out"},
        {"name": "west", "depends_on": ["left_out"]},
        {"name": "east", "depends_on": ["db"]},
        {"name": "end", "depends_on": ["west", "east"]},
    )
    assert made(plan).stages == ((1,), (2, 4), (3,), (5,))
    assert made(plan, waves=["db", "west", "east", "end"]).stages == ((1,), (3, 4), (5,))
    assert "STAGES='1 2,4 3 5'" in script(made(plan))


def test_points_in_time_weights_and_tags_are_those_of_an_execution() -> None:
    plan = plan_with({"name": "db", "optional": {"tags": {"Role": "batch"}}}, tags={"CostCenter": "4711"})
    conf = parse_run_conf({"execution_type": "RECOVERY", "confirm_plan": "erp"}, plan)
    found = {"db": [ResolvedServer("s-1", "one"), ResolvedServer("s-2", "two", {"Role": "batch"})]}
    text = script(runbook_of(plan, conf, found, {"s-1": "pit-7"}, written_at=NOW))
    assert "s-1 pit-7 CRITICAL one\ns-2 latest OPTIONAL two\n" in text
    assert '"CostCenter": "4711", "ExecutionId": "runbook-' in text
    assert '"WaveNumber": "1"' in text


def test_the_page_shows_texts_as_texts() -> None:
    for plan in (*(loaded.plan for loaded in SAMPLES.values()), EVERY_STEP):
        for kind in ("DRILL", "RECOVERY"):
            text = page(made(plan, kind))
            assert "<script>" not in text
            assert "\x1b" not in text
    assert "2 waves at the same time" in page(made(SAMPLES["shop_two_regions"].plan))
    assert "it&#39;s $(touch hacked)" in page(made(EVERY_STEP))


def test_what_has_no_servers_has_no_runbook() -> None:
    plan = plan_with({"name": "db"}, {"name": "web"})
    conf = parse_run_conf({}, plan)
    with pytest.raises(RunbookError, match="the servers of web are not known"):
        runbook_of(plan, conf, {"db": []}, {}, written_at=NOW)
    with pytest.raises(RunbookError, match="have no servers"):
        runbook_of(plan, conf, {"db": [], "web": []}, {}, written_at=NOW)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("runbook") / "shop.sh"
    file.write_text(script(made(SAMPLES["shop_two_regions"].plan)))
    return file


def run(file: Path, *words: str, answers: tuple[str, ...] = (), path: str = "") -> Ended:
    """Run a script where a call of ``aws`` would be seen: there is a program of that name, and it tells."""
    aws = file.parent / "aws"
    aws.write_text("#!/bin/sh\necho AWS WAS CALLED\nexit 1\n")
    aws.chmod(0o755)
    done = subprocess.run(
        ["sh", str(file), *words],
        input="".join(f"{answer}\n" for answer in answers),
        env={"PATH": path or f"{file.parent}:{os.defpath}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "AWS WAS CALLED" not in done.stdout + done.stderr
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (("mallory",), "the plan lets only these start a RECOVERY:\ndr-lead"),
        (("dr-lead", "alive"), "the source servers may be alive"),
        (("dr-lead", "lost", "shop_two_region"), "that is not the plan's name"),
        (("dr-lead", "lost"), "nobody answered: This launches real servers"),
    ],
)
def test_trap_31_it_asks_before_it_calls_anything(shop: Path, answers: tuple[str, ...], told: str) -> None:
    ended = run(shop, answers=answers)
    assert ended.code == 1
    assert told in ended.err


@pytest.mark.parametrize(
    "words", [("--wave", "1"), ("--waves", "4"), ("--waves",), ("--attempt", "0"), ("--attempt", "x")]
)
def test_what_it_does_not_understand_is_refused(shop: Path, words: tuple[str, ...]) -> None:
    assert run(shop, *words).code == 2


def test_without_the_command_line_of_aws_it_says_so(shop: Path, tmp_path: Path) -> None:
    for name in ("date", "mktemp", "rm", "tr"):
        (tmp_path / name).symlink_to(tool(name))
    (tmp_path / "sh").symlink_to("/bin/sh")
    assert "the aws command line is not installed" in run(shop, path=str(tmp_path)).err


def gate_alone(runbook: Runbook, folder: Path) -> Path:
    """Write the part of a script that asks the gate of wave 1, as `ops-lead` who started it."""
    text = script(runbook)
    head, _, rest = text.partition("usage() {")
    talk = re.search(r"^say\(\) .*?^pause\(\)[^\n]*$", rest, re.S | re.M)
    gate = re.search(r"^listed\(\) .*?(?=^# action NAME)", rest, re.S | re.M)
    assert talk
    assert gate
    file = folder / "gate.sh"
    ends = 'WHO=ops-lead\nwave 1\ngate 1 && say "it starts"\n'
    file.write_text(f"{head}\n{talk[0]}\nexec 3<&0\n{gate[0]}\n{ends}")
    return file


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (("bob", "carol"), ["approved by bob", "approved by carol", "it starts"]),
        (
            ("bob", "bob-admin", "carol"),
            ["approved by bob", "a second person must approve", "approved by carol"],
        ),
        (("alice", "reject"), ["ops-lead started this: somebody else must approve"]),
        (("mallory", "reject"), ["mallory is not among those who may approve"]),
        (
            ("ceo", "both on a plane"),
            ["approved in an EMERGENCY by ceo alone, because: both on a plane", "it starts"],
        ),
        (("ceo", "", "reject"), ["was rejected"]),
    ],
)
def test_its_gate_counts_persons_of_the_teams_and_an_emergency_approver_alone(
    answers: tuple[str, ...], said: list[str], tmp_path: Path
) -> None:
    plan = plan_with(
        {"name": "db", "gate": {"two_people": "always"}},
        recovery={
            "approvers": ["team:storage", "alice"],
            "escalate_to": ["carol"],
            "emergency_approvers": ["ceo"],
            "initiators": ["ops-lead"],
        },
    )
    people = People(
        {"storage": ("bob", "bob-admin")}, {"Alice": ("alice", "ops-lead"), "Bob": ("bob", "bob-admin")}
    )
    conf = parse_run_conf({"execution_type": "RECOVERY", "confirm_plan": plan.name}, plan)
    runbook = runbook_of(plan, conf, servers(plan), {}, written_at=NOW, people=people)
    ended = run(gate_alone(runbook, tmp_path), answers=answers)
    for text in said:
        assert text in ended.out + ended.err
    assert ("it starts" in ended.out) == (answers[-1] != "reject")
