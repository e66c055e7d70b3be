"""Test environment: settled before Airflow is imported, so that no test reads or writes a real one."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

_AIRFLOW_HOME = tempfile.mkdtemp(prefix="drs-tests-airflow-")
atexit.register(shutil.rmtree, _AIRFLOW_HOME, ignore_errors=True)

for _name in [name for name in os.environ if name.startswith(("AIRFLOW", "AWS_"))]:
    del os.environ[_name]
os.environ.update(
    {
        "AIRFLOW_HOME": _AIRFLOW_HOME,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
        # No AWS identity of the machine may leak into a test.
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.path.join(_AIRFLOW_HOME, "aws-config"),
        "AWS_SHARED_CREDENTIALS_FILE": os.path.join(_AIRFLOW_HOME, "aws-credentials"),
    }
)
