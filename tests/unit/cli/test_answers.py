"""The command line's output for given responses of the service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.cli_in_memory import Cli

Answer = Callable[[httpx.Request], httpx.Response]


def cli(answer: Answer) -> Cli:
    return Cli(httpx.MockTransport(answer))


def says(status: int, **content: Any) -> Cli:
    return cli(lambda _: httpx.Response(status, **content))


def raises(error: Exception) -> Cli:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    return cli(fail)


@pytest.mark.parametrize(
    ("service", "line"),
    [
        (raises(httpx.ConnectError("refused")), "is the service running? Start it with: access-policy serve"),
        (raises(httpx.ReadTimeout("")), "did not respond within 60 s; it may still execute the request"),
        (raises(httpx.RemoteProtocolError("cut off")), "http://api: cut off"),
        (says(404, text="<html>"), "http://api answered 404 Not Found; check that it is the address of this service"),
        (says(302, headers={"Location": "http://elsewhere"}), "http://api answered 302 Found"),
        (says(200, text="<html>"), "http://api did not respond with JSON"),
        (says(401, json={"detail": "The token is not valid."}), "The token is not valid."),
        (says(403, json={"detail": "This needs one of the roles admin."}), "This needs one of the roles admin."),
        (says(503, json={"title": "The store is down"}), "The store is down"),
        (
            says(422, json={"detail": "Bad.", "errors": [{"pointer": "/mode", "message": "no"}]}),
            "Bad.\n  mode: no",
        ),
        (says(409, json={"detail": "Bad.", "errors": [{"pointer": "", "message": "row"}]}), "Bad.\n  row"),
    ],
)
def test_command_when_the_service_fails_or_refuses_explains_on_stderr_with_status_one(service: Cli, line: str) -> None:
    refused = service("depots", "list", status=1)

    assert refused.stderr.startswith("access-policy: ")
    assert line in refused.stderr
    assert refused.stdout == ""


def test_command_refused_for_the_role_of_a_signed_token_points_to_the_role_option(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o700)
    service = says(403, json={"detail": "This needs one of the roles admin."})
    service.environment = {
        "ACCESS_POLICY_URL": "http://api",
        "ACCESS_POLICY_TENANT": "acme",
        "ACCESS_POLICY_DATA": str(tmp_path),
    }

    assert "the token has the role operator; choose another with --role" in service("depots", "list", status=1).stderr


def test_text_from_a_charger_does_not_steer_the_terminal() -> None:
    fault = {"occurred_at": "2026-11-18T12:00:00Z", "charger_id": "bay-1", "info": "\x1b]0;owned\x07\tred\x9b31m"}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path != "/v1/faults":
            return httpx.Response(404)
        return httpx.Response(200, json={"items": [fault], "next_cursor": None})

    service = cli(answer)

    shown = service("faults").stdout

    assert "�]0;owned��red�31m" in shown
    assert shown.count("\t") == 12  # a header and a row of seven columns
    assert "\\u001b]0;owned" in service("faults", "--json").stdout


def test_list_follows_pages_to_the_end_or_the_limit() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.query.decode())
        start = int(request.url.params.get("cursor", "0"))
        items = [{"depot_id": f"d{start + place}"} for place in range(int(request.url.params["limit"]))]
        following = str(start + len(items)) if start < 400 else None
        return httpx.Response(200, json={"items": items, "next_cursor": following})

    assert len(cli(answer).json("depots", "list")["items"]) == 600
    asked.clear()
    assert len(cli(answer).json("depots", "list", "--limit", "201")["items"]) == 201
    assert asked == ["limit=200", "limit=1&cursor=200"]


@pytest.mark.parametrize("command", [("depots", "list"), ("attempts", "follow")])
def test_command_when_interrupted_ends_quietly_with_130(command: tuple[str, ...]) -> None:
    def interrupted(_: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    ended = cli(interrupted)(*command, status=130)

    assert ended.output == ""


def test_names_that_the_terminal_cannot_show_do_not_fail_and_json_stays_utf8() -> None:
    depots = {"items": [{"depot_id": "d", "name": "Zoë"}], "next_cursor": None}
    service = says(200, json=depots)
    service.charset = "ascii"

    assert "Zo?" in service("depots", "list").stdout
    assert "Zoë".encode() in service("depots", "list", "--json").stdout_bytes
