"""Settings: the text of the environment becomes typed values, and a wrong text a message that says what to write."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from access_policy.adapters.aws.address import AwsAddress
from access_policy.process_roles import ProcessRole
from access_policy.settings import LogFormat, Settings
from access_policy.settings_values import HostPort


def test_settings_from_the_environment_are_typed_values(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "HTTP": "[::1]:8001",
        "ROLES": "gateway, api",
        "PEERS": "gw-1=http://127.0.0.1:8001/, gw-2=https://gw:8002",
        "BUS_URL": "eventbridge://depot?region=eu-central-1",
        "INTAKE_URL": "sqs://in?region=eu-central-1&dead_letters=bad",
        "LOG_FORMAT": "json",
    }.items():
        monkeypatch.setenv(f"ACCESS_POLICY_{name}", value)

    settings = Settings()

    assert settings.http == HostPort("::1", 8001)
    assert settings.ocpp == HostPort("127.0.0.1", 9000)
    assert settings.roles == {ProcessRole.GATEWAY, ProcessRole.API}
    assert settings.peers == {"gw-1": "http://127.0.0.1:8001", "gw-2": "https://gw:8002"}
    assert settings.bus_url == AwsAddress("depot", {"region": "eu-central-1"})
    assert settings.bus_name == "eventbridge://depot"
    assert settings.intake_url == AwsAddress("in", {"region": "eu-central-1", "dead_letters": "bad"})
    assert settings.log_format is LogFormat.JSON


def test_settings_by_default_are_one_process_with_a_bus_of_its_own() -> None:
    settings = Settings()

    assert settings.is_alone
    assert settings.bus_url is None
    assert settings.bus_name == "memory://"
    assert settings.intake_url is None
    assert settings.peers == {}


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("http", "8000", "HOST:PORT"),
        ("ocpp", "127.0.0.1:99999", "HOST:PORT"),
        ("roles", "", "separated by commas"),
        ("roles", "api,king", "king"),
        ("peers", "gw-1", "NAME=URL"),
        ("http_trusted_proxies", "10.0.0.1/8", "10.0.0.0/8"),
        ("http_trusted_proxies", "proxy.example", "write networks"),
        ("bus_url", "kafka://b", "eventbridge://"),
        ("intake_url", "sqs://", "sqs://NAME"),
        ("store_url", "mysql://x", "sqlite:///FILE"),
        ("log_level", "LOUD", "DEBUG, INFO"),
        ("log_format", "xml", "json"),
    ],
)
def test_settings_with_a_wrong_value_say_what_to_write(name: str, value: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Settings(**{name: value})


@pytest.mark.parametrize(
    ("address", "is_loopback"),
    [("127.0.0.1:1", True), ("[::1]:1", True), ("localhost:1", True), ("0.0.0.0:1", False), ("depot.example:1", False)],
)
def test_host_port_of_this_machine_only_is_loopback(address: str, is_loopback: bool) -> None:
    assert HostPort.parse(address).is_loopback is is_loopback
