"""What becomes of a job whose caller lacks one of the actions that DRS carries out in the caller's name.

The actions are those that AWS documents as dependent actions of StartRecovery, TerminateRecoveryInstances and
UpdateLaunchConfiguration (Service Authorization Reference, "Elastic Disaster Recovery"). AWS does not say what the
lack of one does. ``source`` names where it was seen; without one the effect is assumed, and a scenario can set another
(``denied_effects``). ``U@sha`` is github.com/johnjcousens/aws-elasticdrs-orchestrator at that commit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from drs_simulator.engine.errors import unauthorized_text

if TYPE_CHECKING:
    from drs_simulator.engine.entities import Caller, Place


class Effect(StrEnum):
    """What a denied action does, in the order in which it shows: the first one decides."""

    REFUSED = "refused"
    """The call is answered with AccessDeniedException."""
    CLEANUP_FAILS = "cleanup_fails"
    """CLEANUP_FAIL: an earlier instance cannot be removed; a server without one fails in its conversion."""
    SNAPSHOT_FAILS = "snapshot_fails"
    """SNAPSHOT_FAIL."""
    NO_CONVERSION = "no_conversion"
    """After the snapshot nothing follows: the server is FAILED, and the log has no event that says so."""
    CONVERSION_FAILS = "conversion_fails"
    """CONVERSION_FAIL."""
    LAUNCH_FAILS = "launch_fails"
    """LAUNCH_FAILED, and no instance."""
    LEAVES_INSTANCE = "leaves_instance"
    """Servers with one disk are launched; others are LAUNCH_FAILED ten minutes later, their EC2 instance stays."""
    NONE = "none"
    """It goes well all the same."""


_ORDER = tuple(Effect)


@dataclass(frozen=True, slots=True)
class Right:
    """An action that DRS carries out as the caller.

    :param source: where the effect was seen, None if it is assumed
    :param resource: what the refusal names: the resource part of an ARN, or ``*``
    """

    action: str
    effect: Effect
    source: str | None = None
    resource: str = "*"

    def refusal(self, caller: Caller, place: Place, server_id: str) -> str:
        """The ``rawError`` of the denied call, in the form of U@efeae491."""
        service, _, operation = self.action.partition(":")
        resource = self.resource
        if resource != "*":
            name = resource.format(id=hashlib.sha256(server_id.encode()).hexdigest()[:17])
            resource = f"arn:aws:{service}:{place.region}:{place.account_id}:{name}"
        text = unauthorized_text(caller.arn, self.action, resource)
        if service == "ec2":
            return f"An error occurred (UnauthorizedOperation) when calling the {operation} operation: {text}"
        code = "AccessDenied" if service == "iam" else "AccessDeniedException"
        return f"An error occurred ({code}) when calling the {operation} operation: {text}"


_CONVERSION_SET = (
    "U@39f92bca docs/DRS_DRILL_CONVERSION_FIX_SUCCESS.md (this action and others lacked together)"
)
_SEEN_LATE = "U@efeae491 docs/DRS_DETACHVOLUME_ROOT_CAUSE_ANALYSIS.md"
_SEEN_DETACH = "U@58d35bc1 README.md (CloudTrail: 16 refusals of one server, its instance stayed)"
_SEEN_VERSIONS = "U archive/docs/architecture/DRS_PERMISSIONS_AUDIT.md (the error; its phase is assumed)"

_VOLUME, _INSTANCE, _SNAPSHOT, _IMAGE = "volume/vol-{id}", "instance/*", "snapshot/snap-{id}", "image/*"
_GROUP, _TEMPLATE = "security-group/*", "launch-template/lt-{id}"

START_RECOVERY = (
    Right("drs:CreateRecoveryInstanceForDrs", Effect.LAUNCH_FAILS),
    Right("drs:ListTagsForResource", Effect.LAUNCH_FAILS),
    Right("iam:PassRole", Effect.NO_CONVERSION, _CONVERSION_SET),
    Right("ec2:AttachVolume", Effect.NO_CONVERSION, _CONVERSION_SET, _VOLUME),
    # The snapshot was taken, and with the set above the conversion began, without these four (U@39f92bca).
    Right("ec2:CreateSnapshot", Effect.CONVERSION_FAILS, None, _SNAPSHOT),
    Right("ec2:DeleteSnapshot", Effect.CONVERSION_FAILS, None, _SNAPSHOT),
    Right("ec2:StopInstances", Effect.CONVERSION_FAILS, None, _INSTANCE),
    Right("ec2:TerminateInstances", Effect.CLEANUP_FAILS, None, _INSTANCE),
    Right("ec2:CreateTags", Effect.NO_CONVERSION, _CONVERSION_SET, _INSTANCE),
    Right("ec2:CreateVolume", Effect.NO_CONVERSION, _CONVERSION_SET, _VOLUME),
    Right("ec2:DeleteVolume", Effect.LEAVES_INSTANCE, _SEEN_LATE, _VOLUME),
    Right("ec2:DetachVolume", Effect.LEAVES_INSTANCE, _SEEN_DETACH, _VOLUME),
    Right("ec2:ModifyInstanceAttribute", Effect.NO_CONVERSION, _CONVERSION_SET, _INSTANCE),
    Right("ec2:RunInstances", Effect.NO_CONVERSION, _CONVERSION_SET, _INSTANCE),
    Right("ec2:StartInstances", Effect.LAUNCH_FAILS, None, _INSTANCE),
    Right("ec2:AuthorizeSecurityGroupEgress", Effect.CONVERSION_FAILS, None, _GROUP),
    Right("ec2:AuthorizeSecurityGroupIngress", Effect.CONVERSION_FAILS, None, _GROUP),
    Right("ec2:RevokeSecurityGroupEgress", Effect.CONVERSION_FAILS, None, _GROUP),
    Right("ec2:RevokeSecurityGroupIngress", Effect.CONVERSION_FAILS, None, _GROUP),
    Right("ec2:CreateLaunchTemplate", Effect.LAUNCH_FAILS, None, _TEMPLATE),
    Right("ec2:CreateLaunchTemplateVersion", Effect.LAUNCH_FAILS, None, _TEMPLATE),
    Right("ec2:DeleteLaunchTemplateVersions", Effect.LAUNCH_FAILS, _SEEN_VERSIONS, _TEMPLATE),
    Right("ec2:ModifyLaunchTemplate", Effect.LAUNCH_FAILS, None, _TEMPLATE),
    Right("ec2:DescribeAccountAttributes", Effect.LAUNCH_FAILS),
    Right("ec2:DescribeAvailabilityZones", Effect.LAUNCH_FAILS),
    Right("ec2:DescribeImages", Effect.NO_CONVERSION, _CONVERSION_SET),
    Right("ec2:DescribeInstanceAttribute", Effect.LAUNCH_FAILS),
    Right("ec2:DescribeInstanceStatus", Effect.CONVERSION_FAILS),
    Right("ec2:DescribeInstanceTypes", Effect.LAUNCH_FAILS),
    Right("ec2:DescribeInstances", Effect.CONVERSION_FAILS),
    Right("ec2:DescribeLaunchTemplateVersions", Effect.LAUNCH_FAILS),
    Right("ec2:DescribeLaunchTemplates", Effect.LAUNCH_FAILS),
    Right("ec2:DescribeSecurityGroups", Effect.NO_CONVERSION, _CONVERSION_SET),
    Right("ec2:DescribeSnapshots", Effect.NO_CONVERSION, _CONVERSION_SET),
    Right("ec2:DescribeSubnets", Effect.NO_CONVERSION, _CONVERSION_SET),
    Right("ec2:DescribeVolumes", Effect.NO_CONVERSION, _CONVERSION_SET),
)

TERMINATE_RECOVERY_INSTANCES = (
    Right("drs:DescribeSourceServers", Effect.CLEANUP_FAILS),
    Right("ec2:DeleteVolume", Effect.CLEANUP_FAILS, None, _VOLUME),
    Right("ec2:DescribeInstances", Effect.CLEANUP_FAILS),
    Right("ec2:DescribeVolumes", Effect.CLEANUP_FAILS),
    Right("ec2:TerminateInstances", Effect.CLEANUP_FAILS, None, _INSTANCE),
)

UPDATE_LAUNCH_CONFIGURATION = (Right("ec2:DescribeInstances", Effect.REFUSED),)


def lacking(
    rights: Iterable[Right], caller: Caller, effects: Mapping[str, Effect] | None = None
) -> tuple[Right, Effect] | None:
    """The right whose lack shows first, with what it does; None if nothing is lacking that matters.

    :param effects: other effects than the table's, by action
    """
    found = [
        (right, (effects or {}).get(right.action, right.effect))
        for right in rights
        if caller.lacks(right.action)
    ]
    matter = [pair for pair in found if pair[1] is not Effect.NONE]
    return min(matter, key=lambda pair: _ORDER.index(pair[1]), default=None)
