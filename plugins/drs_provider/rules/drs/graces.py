"""How long what DRS does not show, or has not finished, is waited for before it counts.

How long a job that StartRecovery made may be absent from DescribeJobs is two questions, with two times: DRS does not
document when a job appears.
"""

from __future__ import annotations

from typing import Final

#: May the servers of a call without an answer be launched again? A call that comes too early does no harm: DRS refuses
#: servers that are busy in a job (ConflictException).
START_AGAIN_AFTER_SECONDS: Final = 60.0
#: Is there really no job? Who believes that too early ends a wave, or a drill's cleanup, while instances still come.
#: Default of ``[drs] job_visibility_grace_seconds``.
JOB_LOST_AFTER_SECONDS: Final = 180.0
#: Has a server failed that is PENDING in a COMPLETED job? Default of ``[drs] pending_grace_seconds``.
PENDING_FAILED_AFTER_SECONDS: Final = 300.0
