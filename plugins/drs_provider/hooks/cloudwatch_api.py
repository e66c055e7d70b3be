"""CloudWatch of one target: metrics go in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from drs_provider.exceptions import DrsError
from drs_provider.hooks.aws.clients import AwsClients
from drs_provider.hooks.aws.errors import AWS_ERRORS, explained
from drs_provider.rules.record.metrics import Metric

FAILURES: Final = (*AWS_ERRORS, DrsError)
"""What keeps metrics from being sent: settings, connection, rights, network, CloudWatch."""

MAX_METRICS_PER_CALL: Final = 500
"""PutMetricData takes 1,000, of one megabyte."""


class CloudWatchApi:
    """CloudWatch of one target; its client soon gives up, since nothing hangs on metrics.

    Raises what :meth:`AwsClients.client` raises, :class:`DrsAccessDeniedError`, and botocore's errors.
    """

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients

    def put_metrics(self, namespace: str, metrics: Sequence[Metric], at: float) -> None:
        """Send data points, in batches.

        :param at: their time, epoch seconds; CloudWatch takes none that is older than two weeks
        """
        time = datetime.fromtimestamp(at, UTC)
        for start in range(0, len(metrics), MAX_METRICS_PER_CALL):
            batch = [_datum(metric, time) for metric in metrics[start : start + MAX_METRICS_PER_CALL]]
            client = self._clients.fail_fast_client("cloudwatch")
            with explained(self._clients.target, self._clients.caller_arn):
                client.put_metric_data(Namespace=namespace, MetricData=batch)


def _datum(metric: Metric, time: datetime) -> dict[str, Any]:
    return {
        "MetricName": metric.name,
        "Value": float(metric.value),
        "Unit": metric.unit,
        "Timestamp": time,
        "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
    }
