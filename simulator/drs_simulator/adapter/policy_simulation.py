"""IAM's SimulatePrincipalPolicy, which moto lacks: what a scenario denies, on any resource, without conditions."""

from __future__ import annotations

from xml.sax.saxutils import escape

from drs_simulator.adapter.identities import Identities
from drs_simulator.adapter.wire import WireRequest, WireResponse, render_error
from drs_simulator.engine.errors import DrsError

_NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"


def simulate_principal_policy(request: WireRequest, identities: Identities) -> WireResponse:
    """Allowed for every action that the principal is not denied; NoSuchEntity for an unknown principal."""
    principal = request.parameter("PolicySourceArn") or ""
    as_caller = identities.principal(principal)
    if as_caller is None:
        return render_error(request, DrsError("NoSuchEntity", f"{principal} cannot be found."), status=404)
    actions = _members(request, "ActionNames")
    resources = _members(request, "ResourceArns") or ["*"]
    members = "".join(
        _member(action, resource, as_caller.lacks(action)) for action in actions for resource in resources
    )
    body = (
        f'<SimulatePrincipalPolicyResponse xmlns="{_NAMESPACE}"><SimulatePrincipalPolicyResult>'
        f"<IsTruncated>false</IsTruncated><EvaluationResults>{members}</EvaluationResults>"
        "</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
    )
    return WireResponse(200, {"Content-Type": "text/xml"}, body.encode())


def _members(request: WireRequest, name: str) -> list[str]:
    return [values[0] for key, values in request.form.items() if key.startswith(f"{name}.member.")]


def _member(action: str, resource: str, denied: bool) -> str:
    decision = "implicitDeny" if denied else "allowed"
    return (
        f"<member><EvalActionName>{escape(action)}</EvalActionName>"
        f"<EvalResourceName>{escape(resource)}</EvalResourceName><EvalDecision>{decision}</EvalDecision></member>"
    )
