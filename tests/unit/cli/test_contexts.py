"""`access-policy login` and `context`."""

from __future__ import annotations

import stat
from pathlib import Path

import httpx
import pytest

from tests.support.cli_in_memory import Cli


class Service:
    """Takes the token `good` only, and keeps where it was asked and with which token."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.url.host, request.headers["Authorization"]))
        if not request.headers["Authorization"].endswith("good"):
            return httpx.Response(401, json={"detail": "The token is not valid."})
        return httpx.Response(200, json={"items": [], "next_cursor": None})


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def cli(service: Service, tmp_path: Path) -> Cli:
    cli = Cli(httpx.MockTransport(service))
    cli.environment = {
        "XDG_CONFIG_HOME": str(tmp_path),
        "COLUMNS": "80",
        "ACCESS_POLICY_URL": "",
        "ACCESS_POLICY_TOKEN": "",
    }
    return cli


def test_login_stores_the_token_for_the_user_only_and_later_commands_use_it(
    cli: Cli, service: Service, tmp_path: Path
) -> None:
    cli("login", "https://north", "--name", "north", stdin="good\n")
    cli("depots", "list")

    file = tmp_path / "access-policy" / "contexts.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert service.asked[-1] == ("north", "Bearer good")
    assert cli("context", "list").stdout.splitlines()[1] == "north\thttps://north\tyes"


def test_login_with_a_refused_token_stores_nothing(cli: Cli) -> None:
    refused = cli("login", "https://north", "--token", "bad", status=1)

    assert "not valid" in refused.stderr
    assert "no contexts" in cli("context", "list").stderr


def test_context_is_chosen_by_use_and_by_option_and_removed(cli: Cli, service: Service) -> None:
    cli("login", "https://north", "--name", "north", "--token", "good")
    cli("login", "https://south", "--name", "south", "--token", "good")

    cli("depots", "list")
    cli("depots", "list", "--context", "north")
    cli("context", "use", "north")
    cli("depots", "list")
    cli("context", "remove", "north", "--yes")

    assert [host for host, _ in service.asked[2:]] == ["south", "north", "north"]
    assert "south" in cli("context", "use", "north", status=1).stderr
    assert "south" in cli("depots", "list", "--context", "nowhere", status=2).stderr


def test_flag_and_environment_win_and_the_stored_token_goes_to_its_own_service_only(cli: Cli, service: Service) -> None:
    cli("login", "https://north", "--token", "good")

    refused = cli("depots", "list", "--url", "https://elsewhere", status=1)
    cli.environment["ACCESS_POLICY_TOKEN"] = "other"
    cli("depots", "list", status=1)

    assert "no token" in refused.stderr
    assert service.asked[1:] == [("north", "Bearer other")]


def test_unreadable_contexts_are_reported_in_one_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "access-policy").mkdir()
    (tmp_path / "access-policy" / "contexts.json").write_text("[]")

    assert "repair or delete it" in cli("depots", "list", status=2).stderr
