"""The parts of the templates in infrastructure/ that the code knows, and the tables of their parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from docs.make import policies
from drs_provider.core import rights
from drs_provider.history.table import table_properties

FOLDER = Path(__file__).resolve().parents[2] / "infrastructure"


class _Loader(yaml.SafeLoader):
    """Reads a template; what CloudFormation works out (``!Ref`` and so on) is None."""


_Loader.add_multi_constructor("!", lambda *_: None)


def table() -> str:
    """Return the history table's properties."""
    return _yaml(table_properties())


def recovery_policy() -> str:
    """Return the statements of the recovery role."""
    prefix = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/"
    return _yaml(policies.recovery_role([{"Fn::Sub": prefix + name} for name in rights.PASSED_ROLES]))


def airflow_policy() -> str:
    """Return the statements of the identity that a connection leads to."""
    table_arn, bucket = "${ExecutionHistory.Arn}", "${ReportBucket.Arn}"
    hub = policies.Hub(
        roles={"Ref": "RecoveryRoleArns"},
        tables=[{"Fn::Sub": table_arn}, {"Fn::Sub": f"{table_arn}/index/*"}],
        bucket={"Fn::Sub": bucket},
        reports={"Fn::Sub": f"{bucket}/*"},
        key={"Fn::Sub": "${EvidenceKey.Arn}"},
        topic={"Ref": "Messages"},
        namespace={"Ref": "MetricsNamespace"},
    )
    return _yaml(policies.airflow(hub))


def step_parameters() -> str:
    """Return a parameter for each kind of steps that needs rights."""
    return _yaml({_parameter(kind): _described(kind) for kind in policies.kinds_of_steps()})


def step_conditions() -> str:
    """Return for each of them whether it is granted."""
    return _yaml({_condition(kind): _has_value(_parameter(kind)) for kind in policies.kinds_of_steps()})


def step_policies() -> str:
    """Return their policies."""
    return _yaml(
        {f"{policies.name_of(kind)}Policy": _step_policy(kind) for kind in policies.kinds_of_steps()}
    )


def parameters(template: str) -> str:
    """Return a template's parameters as a Markdown table."""
    text = (FOLDER / template).read_text(encoding="utf-8")
    declared = yaml.load(text, _Loader)["Parameters"]
    rows = [f"| `{name}` | {_default(row)} | {row['Description']} |" for name, row in declared.items()]
    return "\n".join(["| parameter | default | meaning |", "|---|---|---|", *rows])


def _parameter(kind: str) -> str:
    return f"{policies.name_of(kind)}Arns"


def _condition(kind: str) -> str:
    return f"Has{policies.name_of(kind)}"


def _has_value(parameter: str) -> dict[str, Any]:
    return {"Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", {"Ref": parameter}]}, ""]}]}


def _described(kind: str) -> dict[str, Any]:
    needs = rights.STEP_RIGHTS[kind]
    what = f"ARNs of {needs.resources}" if needs.named else "`*`"
    return {
        "Type": "CommaDelimitedList",
        "Default": "",
        "Description": f"{what}, if steps of plans say `{kind}`. Empty, the role may not do what they need.",
    }


def _step_policy(kind: str) -> dict[str, Any]:
    statements = policies.step(kind, {"Ref": _parameter(kind)})
    return {
        "Type": "AWS::IAM::Policy",
        "Condition": _condition(kind),
        "Properties": {
            "Roles": [{"Ref": "RecoveryRole"}],
            "PolicyName": policies.name_of(kind),
            "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
        },
    }


def _default(parameter: dict[str, Any]) -> str:
    if "Default" not in parameter:
        return "(needed)"
    return f"`{parameter['Default']}`" if parameter["Default"] != "" else ""


def _yaml(value: Any) -> str:
    return str(yaml.safe_dump(value, sort_keys=False, width=200)).rstrip("\n") if value else ""
