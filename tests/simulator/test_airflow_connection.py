"""The connection that the simulator describes works with Airflow's own AWS hook."""

import pytest
from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
from airflow.sdk import Connection

ACCOUNT, BRANCH = "111122223333", "222233334444"


@pytest.fixture
def connect(drs_simulator, monkeypatch):
    connection = Connection(conn_id="aws_dr", **drs_simulator.airflow_connection())
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DR", connection.as_json())


@pytest.mark.integration
@pytest.mark.drs_scenario("shop_two_regions")
@pytest.mark.usefixtures("connect")
def test_the_hook_reaches_drs_and_sts():
    drs = AwsGenericHook(aws_conn_id="aws_dr", client_type="drs").conn
    assert len(drs.describe_source_servers()["items"]) == 4
    assert (
        AwsGenericHook(aws_conn_id="aws_dr", client_type="sts").conn.get_caller_identity()["Account"]
        == ACCOUNT
    )
