"""An EC2 instance whose status checks follow simulated time, and may fail; one of thousands, so made fast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ec2.models.instances import Instance


class SimulatedInstance(Instance):
    """A launched server. Until its checks are set they pass, as in moto."""

    _checks_now: Callable[[], float] | None = None
    _checks_final_at = 0.0
    _impaired = False

    def set_checks(self, now: Callable[[], float], final_at: float, *, impaired: bool) -> None:
        """Let the checks be ``initializing`` until ``final_at`` and then pass, or fail for good."""
        self._checks_now = now
        self._checks_final_at = final_at
        self._impaired = impaired

    def get_tags(self) -> list[dict[str, str]]:
        """Return the instance's tags in moto's form, which looks for them among those of all resources."""
        own = self.ec2_backend.tags.get(self.id, {})
        return [
            {"resource_id": self.id, "key": key, "value": value, "resource_type": "instance"}
            for key, value in own.items()
        ]

    @property
    def instance_id(self) -> str:
        """The id, under the name that moto's answer of DescribeInstanceStatus looks for, and its own instances lack."""
        return str(self.id)

    @property
    def instance_status(self) -> dict[str, Any]:
        """The reachability of the operating system."""
        return self._check(impaired=self._impaired)

    @property
    def system_status(self) -> dict[str, Any]:
        """The reachability of the hardware; an impaired instance fails only the other check."""
        return self._check(impaired=False)

    def _check(self, *, impaired: bool) -> dict[str, Any]:
        if self.state_code != 16:
            return {"Status": "not-applicable"}
        if self._checks_now is not None and self._checks_now() < self._checks_final_at:
            return _status("initializing", "initializing")
        return _status("impaired", "failed") if impaired else _status("ok", "passed")


def _status(summary: str, detail: str) -> dict[str, Any]:
    return {"Details": [{"Name": "reachability", "Status": detail}], "Status": summary}
