"""The ``[drs]`` settings: defaults, environment, and what is refused with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.sdk._shared.configuration.exceptions import AirflowConfigException
from airflow.sdk.bases.secrets_backend import BaseSecretsBackend
from airflow.sdk.configuration import conf

from drs_provider import settings
from drs_provider.exceptions import DrsConfigurationError


def put(monkeypatch: pytest.MonkeyPatch, **options: str) -> None:
    for name, value in options.items():
        monkeypatch.setenv(f"AIRFLOW__DRS__{name.upper()}", value)


def test_defaults_hold_where_nothing_is_set() -> None:
    assert settings.get("deployment_id") == "airflow"
    assert settings.get("queue") == ""
    assert settings.get_seconds("poll_interval_seconds") == 20.0


@pytest.mark.parametrize("value", ["0", "-1", "soon", "nan"])
def test_a_number_must_be_positive(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    put(monkeypatch, poll_interval_seconds=value)
    with pytest.raises(DrsConfigurationError, match="poll_interval_seconds"):
        settings.get_seconds("poll_interval_seconds")


@pytest.mark.parametrize("key", ["", "tiny", "x" * 31])
def test_a_short_signing_key_is_refused_with_the_way_to_make_one(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    put(monkeypatch, signing_key=key)
    with pytest.raises(DrsConfigurationError, match="token_urlsafe") as caught:
        settings.signing_key()
    assert not key or key not in str(caught.value)


def test_a_signing_key_of_32_characters_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, signing_key="k" * 32)
    assert settings.signing_key() == b"k" * 32
    assert settings.signing_keys() == (b"k" * 32,)


def test_the_first_of_several_signing_keys_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, signing_key=f"{'new' * 11}, {'old' * 11}")
    assert settings.signing_key() == b"new" * 11
    assert settings.signing_keys() == (b"new" * 11, b"old" * 11)


class Backend(BaseSecretsBackend):
    """A secrets backend that knows one configuration value."""

    def get_config(self, key: str) -> str | None:
        return "b" * 32 if key == "drs-signing-key" else None


def test_the_signing_key_may_come_from_a_command_or_from_the_secrets_backend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As in the mounted form, where Airflow knows nothing of the section.
    assert "drs" not in conf.configuration_description
    put(monkeypatch, signing_key_cmd=f"echo {'c' * 32}")
    assert settings.signing_key() == b"c" * 32
    monkeypatch.delenv("AIRFLOW__DRS__SIGNING_KEY_CMD")
    put(monkeypatch, signing_key_secret="drs-signing-key")
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", f"{__name__}.{Backend.__qualname__}")
    assert settings.signing_key() == b"b" * 32
    put(monkeypatch, signing_key_cmd="false")
    with pytest.raises(AirflowConfigException, match="false"):
        settings.signing_key()


@pytest.mark.parametrize(
    ("keys", "named"), [("{k},", "key 2 of 2"), (",{k}", "key 1 of 2"), ("{k},tiny,{k}", "key 2 of 3")]
)
def test_a_short_one_among_the_signing_keys_is_named_by_its_place(
    monkeypatch: pytest.MonkeyPatch, keys: str, named: str
) -> None:
    secret = "k" * 40
    put(monkeypatch, signing_key=keys.format(k=secret))
    with pytest.raises(DrsConfigurationError, match=named) as caught:
        settings.signing_keys()
    assert "tiny" not in str(caught.value)
    assert secret not in str(caught.value)


def test_folders_lie_in_airflow_home_unless_they_are_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    assert settings.state_path() == tmp_path / "drs_state"
    assert settings.reports_path() == (tmp_path / "drs_reports").as_uri()
    put(monkeypatch, state_path="/elsewhere", reports_path="s3://bucket/reports")
    assert settings.state_path() == Path("/elsewhere")
    assert settings.reports_path() == "s3://bucket/reports"


def test_no_history_without_a_connection() -> None:
    assert settings.history_target() is None


def test_the_historys_account_context_is_complete_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, history_connection="aws_dr", history_region="eu-west-1")
    with pytest.raises(DrsConfigurationError, match="history_"):
        settings.history_target()
    put(monkeypatch, history_account_id="111122223333")
    target = settings.history_target()
    assert target is not None
    assert target.own_account
    assert target.role is None
    put(monkeypatch, history_role="History", history_external_id="x-1")
    remote = settings.history_target()
    assert remote is not None
    assert (remote.account_id, remote.role) == ("111122223333", "History")
    assert remote.external_id == "x-1"
