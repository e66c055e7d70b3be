"""The trigger that follows jobs for a building block: in no plan, so that it publishes nothing."""

from __future__ import annotations

from drs_provider.rules.wave.watch import WaveWatch
from drs_provider.triggers.publishing import ProgressLog
from drs_provider.triggers.recovery import DrsRecoveryTrigger


class DrsJobTrigger(DrsRecoveryTrigger):
    """Follows jobs through the poller that all waits of the account and Region share; arguments as its base has them.

    Its event only says "look again": the sensor's verdict is made from what DRS and EC2 say then.
    """

    in_plan = False

    def _publishing(self, watch: WaveWatch) -> ProgressLog:
        return ProgressLog(self._ref)
