"""The options of Airflow's configuration section ``[drs]``; data only, since Airflow reads it while it boots."""

from __future__ import annotations

from dataclasses import dataclass

from drs_provider.rules.drs.graces import JOB_LOST_AFTER_SECONDS, PENDING_FAILED_AFTER_SECONDS


@dataclass(frozen=True)
class Option:
    """One ``[drs]`` option as the provider info publishes it."""

    type: str
    default: str | None
    description: str
    sensitive: bool = False
    example: str | None = None


OPTIONS: dict[str, Option] = {
    "deployment_id": Option(
        "string",
        "airflow",
        "Name of this Airflow installation. Part of every execution ID, so that two installations that run "
        "the same plan never share one.",
    ),
    "signing_key": Option(
        "string",
        None,
        "Secret that frozen plans, start intents and gate decisions are signed with (at least 32 characters, "
        "the same in every component). Without it no execution starts. Several, separated by commas, newest first: the "
        "first signs, all of them verify.",
        sensitive=True,
    ),
    "plans_folder": Option(
        "string",
        None,
        "Folder with the plan files (*.yaml). Default: the folder `plans` beside the DAG file.",
        example="/opt/airflow/dags/plans",
    ),
    "state_path": Option(
        "string",
        None,
        "Folder in which the DAG processor keeps the last good form of every plan, so that running "
        "executions go on when a plan file breaks or disappears. Default: drs_state in AIRFLOW_HOME.",
        example="/opt/airflow/drs_state",
    ),
    "withdrawn_plan_days": Option(
        "integer",
        "7",
        "How many days the DAG of a plan that no longer loads stays available to running executions.",
    ),
    "reports_path": Option(
        "string",
        None,
        "Where reports are written: a folder URL of Airflow's object storage (file://, s3://conn@bucket/). "
        "Default: drs_reports in AIRFLOW_HOME.",
        example="s3://aws_dr@dr-evidence/reports",
    ),
    "evidence_key": Option(
        "string",
        "",
        "Private key that evidence (reports, findings, sign-offs, notes) is signed with: the path of an Ed25519 key in "
        "PEM form, or the ARN of a key of AWS KMS (key spec ECC_NIST_P256, usage SIGN_VERIFY). Empty: the chain of "
        "evidence is not signed.",
        example="arn:aws:kms:eu-central-1:222233334444:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    ),
    "evidence_connection": Option(
        "string", "", "Airflow connection with which the KMS key signs; needed if evidence_key is an ARN."
    ),
    "evidence_role": Option(
        "string", "", "Role to assume in the key's account; empty if the connection is its own."
    ),
    "evidence_external_id": Option(
        "string", "", "External ID for evidence_role, if its trust policy asks for one."
    ),
    "history_connection": Option(
        "string", "", "Airflow connection of the history table; empty switches the history off."
    ),
    "history_account_id": Option("string", "", "Account (12 digits) that owns the history table."),
    "history_region": Option("string", "", "Region of the history table."),
    "history_role": Option(
        "string", "", "Role to assume in the history account; empty if the connection is its own."
    ),
    "history_external_id": Option(
        "string", "", "External ID for history_role, if its trust policy asks for one."
    ),
    "history_table": Option("string", "execution-history", "Name of the DynamoDB table."),
    "metrics_connection": Option(
        "string", "", "Airflow connection with which metrics go to CloudWatch; empty: none are sent."
    ),
    "metrics_account_id": Option("string", "", "Account (12 digits) that the metrics go to."),
    "metrics_region": Option("string", "", "Region that the metrics go to."),
    "metrics_role": Option(
        "string", "", "Role to assume in the metrics' account; empty if the connection is its own."
    ),
    "metrics_external_id": Option(
        "string", "", "External ID for metrics_role, if its trust policy asks for one."
    ),
    "metrics_namespace": Option("string", "DRS-Orchestration", "CloudWatch namespace of the metrics."),
    "poll_interval_seconds": Option(
        "float",
        "20",
        "Seconds between two polls of an account and Region while servers launch; three times as many before, 2 "
        "when a job is due to end.",
    ),
    "queue_poll_seconds": Option(
        "float", "30", "How often a wave that waits for busy servers or a full quota looks again."
    ),
    "outage_minutes": Option(
        "float",
        "60",
        "How long a running wave bears that AWS cannot be reached, that credentials cannot be had, or that AWS answers "
        "with faults or throttling, before its task fails. A drill's cleanup bears it for two hours and more.",
    ),
    "pending_grace_seconds": Option(
        "float",
        f"{PENDING_FAILED_AFTER_SECONDS:g}",
        "How long a server may stay PENDING after its job is COMPLETED before it counts as failed.",
    ),
    "job_visibility_grace_seconds": Option(
        "float",
        f"{JOB_LOST_AFTER_SECONDS:g}",
        "How long a started job may be absent from DescribeJobs before it counts as lost.",
    ),
    "late_schedule_minutes": Option(
        "integer",
        "60",
        "A scheduled drill that could not begin for longer than this (Airflow was down, say) is skipped: it would "
        "run at a time that nobody chose.",
    ),
    "quotas": Option(
        "string",
        "",
        "DRS quotas that hold instead of what Service Quotas says, as JSON: name → number (concurrent_jobs, "
        "servers_per_job, servers_in_jobs, jobs_per_server, replicating_servers, source_servers), for all accounts, "
        "or below an account, or below account/Region.",
        example='{"servers_per_job": 100, "222233334444/eu-central-1": {"concurrent_jobs": 10}}',
    ),
    "step_operators": Option(
        "string",
        "airflow.providers.standard.operators.empty.EmptyOperator",
        "Operators that a plan may run as a step (`run: operator`), by import path, separated by commas; a plan with "
        "another one is refused when it loads. The default does nothing and is what the sample plan runs. Whoever may "
        "write plans can run the listed ones with any argument, under any connection of this Airflow.",
        example="airflow.providers.http.operators.http.HttpOperator",
    ),
    "sweep_schedule": Option(
        "string",
        "*/15 * * * *",
        "When the sweeper looks for orphaned records and for drill instances that have outlived their time: a cron "
        "expression (UTC), or `off`: only when somebody triggers it.",
    ),
    "sweep_terminate": Option(
        "boolean",
        "False",
        "Whether the sweeper terminates drill instances of this Airflow that have outlived their time, except those "
        "that were kept on purpose. Otherwise it only reports them.",
    ),
    "doctor_schedule": Option(
        "string",
        "23 * * * *",
        "When the doctor looks whether this installation is fit for an execution: a cron expression (UTC), or `off`: "
        "only when somebody asks (`airflow drs doctor`).",
    ),
    "readiness_schedule": Option(
        "string",
        "41 4 * * *",
        "When the preflight of every plan runs, to tell which is protected, ready and drilled as often as it "
        "promises: a cron expression (UTC), or `off`: only when somebody triggers the DAG `drs_readiness`.",
    ),
    "notification_timeout_seconds": Option(
        "float",
        "30",
        "How long a task waits for one notifier. A message that takes longer counts as failed; the execution goes on.",
    ),
    "owner": Option(
        "string",
        "airflow",
        "Owner of the sweeper, and of the DAGs of plans that name none. Set it where a cluster policy refuses "
        "Airflow's default.",
    ),
    "queue": Option("string", "", "Executor queue for this provider's tasks; empty: Airflow's default."),
    "pool": Option("string", "default_pool", "Pool of this provider's tasks."),
    "priority_weight": Option(
        "integer", "1000", "Priority weight of this provider's tasks, minus the plan's priority."
    ),
}
