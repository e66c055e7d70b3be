"""Pre-provisioned instances, which DRS launches servers into instead of making new ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drs_provider.core.answers import Members

_TAG, _TAG_VALUE = "AWSDRS", "AllowLaunchingIntoThisInstance"
#: The tag without which DRS launches into no instance.
LAUNCH_INTO_TAG = f"{_TAG}={_TAG_VALUE}"


def into_instance(configuration: Mapping[str, Any]) -> str:
    """Return the EC2 instance that a launch configuration launches into, or an empty text.

    :param configuration: an answer of GetLaunchConfiguration
    """
    return Members(configuration).part("launchIntoInstanceProperties").text("launchIntoEC2InstanceID")


def may_be_launched_into(instance: Mapping[str, Any]) -> bool:
    """Whether its owner allows DRS to launch into an instance, as EC2 describes it.

    The tag stays when a server's launch configuration is changed, and an instance that DRS made lacks it.
    """
    tags = {tag.text("Key"): tag.text("Value") for tag in Members(instance).parts("Tags")}
    return tags.get(_TAG) == _TAG_VALUE
