"""The guide of docs/infrastructure.md, walked from accounts that have DRS and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from drs_provider.history.store import DynamoDbHistory
from drs_provider.plan.files.folder import load_plan
from drs_provider.report.files import look_at
from drs_provider.report.place import look_at_place
from drs_provider.settings import reports_path
from embedded.environment import REPOSITORY, SCENARIOS
from tests.harness.stage import ACCOUNT, REGION, SAMPLE_PLANS, Stage

RECOVERED, ITS_REGION = "222233334444", "eu-central-1"
AIRFLOW = f"arn:aws:iam::{ACCOUNT}:user/simulator"
PLAN = "shop_two_regions"


def empty_accounts() -> dict[str, Any]:
    """Servers that DRS replicates; no role, no table, no bucket."""
    world: dict[str, Any] = yaml.safe_load((SCENARIOS / f"{PLAN}.yaml").read_text(encoding="utf-8"))
    assert world["accounts"][RECOVERED].pop("roles")
    return world


def deploy(play: Stage, name: str, account: str, region: str, **parameters: str) -> dict[str, str]:
    """Deploy a template as `aws cloudformation deploy` does; return the stack's outputs."""
    cloudformation = play.simulator.client("cloudformation", account, region)
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=(REPOSITORY / "infrastructure" / f"{name}.yaml").read_text(encoding="utf-8"),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@pytest.mark.drs_scenario(empty_accounts(), history=False, asks_anew=True)
@pytest.mark.filterwarnings("ignore:Tried to parse AWS..S3..BucketPolicy:UserWarning")  # moto leaves it out
def test_the_guide_leads_from_empty_accounts_to_a_drill_with_its_evidence(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = play.drill(PLAN)
    assert before.record["status"] == "FAILED", "there is no role yet"
    assert "DRSOrchestrationRole" in before.record["errorMessage"]

    (target,) = [each for each in load_plan(SAMPLE_PLANS, PLAN).aws_targets() if each.role]
    role = deploy(
        play,
        "recovery-account",
        RECOVERED,
        ITS_REGION,
        RoleName=str(target.role),
        AirflowPrincipalArns=AIRFLOW,
        ExternalId=str(target.external_id),
    )
    hub = deploy(
        play,
        "hub",
        ACCOUNT,
        REGION,
        ReportBucketName="dr-evidence",
        HistoryTableName="dr-history",
        RecoveryRoleArns=role["RoleArn"],
    )
    told = {
        "reports_path": hub["ReportsPath"],
        "history_connection": "aws_dr",
        "history_account_id": ACCOUNT,
        "history_region": REGION,
        "history_table": hub["HistoryTable"],
    }
    for option, value in told.items():
        monkeypatch.setenv(f"AIRFLOW__DRS__{option.upper()}", value)
    drill = play.drill(PLAN)

    assert drill.record["status"] == "COMPLETED", drill.record
    execution_id = drill.record["executionId"]
    history = DynamoDbHistory(play.simulator.client("dynamodb"), hub["HistoryTable"])
    stored = history.read(execution_id, drill.record["planId"])
    assert stored is not None
    assert stored["status"] == "COMPLETED"
    attempt = drill.record["attempts"][-1]
    assert attempt["reportUri"].startswith(hub["ReportsPath"])
    assert look_at(attempt["reportUri"]).sha256 == attempt["reportSha256"]
    assert set(play.instances(account=RECOVERED, region=ITS_REGION).values()) == {"terminated"}
    assert look_at_place(reports_path()).problem == ""
