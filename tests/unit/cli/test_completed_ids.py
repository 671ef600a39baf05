"""Shell completion of ids, which a service on this machine lists."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import typer

from access_policy.adapters.clock import SystemClock
from access_policy.adapters.identity.embedded import open_embedded_tokens
from access_policy.application.ports.identity import Role
from access_policy.entrypoints.cli import saved_contexts
from access_policy.entrypoints.cli.completing.answering import offers
from access_policy.entrypoints.cli.completing.ids import VARIABLES, settings
from access_policy.entrypoints.cli.completing.table import read

CHARGERS = ["bay-1", "bay-2", "gate-1", "bay$(reboot)", "bay\\$(reboot)", "bay'1", "bay 9", "bücke.7"]


class Service(ThreadingHTTPServer):
    """`asked`: each path with the token that came with it. Only `/v1/chargers` exists."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Authorization"].removeprefix("Bearer ")))
        self.send_response(200 if self.path.startswith("/v1/chargers?") else 404)
        self.end_headers()
        self.wfile.write(json.dumps({"items": [{"charger_id": each} for each in CHARGERS]}).encode())

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as service:
        thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield service
        service.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def texts(words: list[str], incomplete: str) -> list[str]:
    return [each.text for each in offers(words, incomplete)]


def test_ids_with_the_typed_beginning_are_offered(service: Service) -> None:
    given = ["--token", "t", "--url", service.url]

    assert texts(["chargers", "show", *given], "bay-") == ["bay-1", "bay-2"]
    assert texts([*given, "attempts", "list", "--charger"], "g") == ["gate-1"]
    assert texts([*given, "attempts", "list"], "--charger=g") == ["--charger=gate-1"]
    assert service.asked == [("/v1/chargers?limit=200", "t")] * 3


def test_id_that_a_shell_would_evaluate_is_not_offered(service: Service) -> None:
    assert texts(["--token", "t", "--url", service.url, "chargers", "show"], "") == [
        "bay-1",
        "bay-2",
        "gate-1",
        "bücke.7",
    ]


def test_context_in_use_gives_address_and_token(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    saved_contexts.write(saved_contexts.Contexts("north", {"north": {"url": service.url, "token": "of-north"}}))

    assert texts(["chargers", "show"], "g") == ["gate-1"]
    monkeypatch.setenv("ACCESS_POLICY_TOKEN", "of-environment")
    assert texts(["chargers", "show"], "g") == ["gate-1"]
    assert [token for _, token in service.asked] == ["of-north", "of-environment"]


def test_token_of_a_context_goes_to_no_other_service_and_stands_for_no_other_tenant() -> None:
    context = {"url": "https://north", "token": "secret"}
    saved_contexts.write(saved_contexts.Contexts("north", {"north": context, "south": {"url": "https://south"}}))

    assert settings({}, {})["--token"] == "secret"
    assert "--token" not in settings({"--url": "https://other"}, {})
    assert "--token" not in settings({}, {"ACCESS_POLICY_TENANT": "acme"})
    assert settings({"--context": "south"}, {}) == {
        "--url": "https://south",
        "--keys-of": "data",
        "--context": "south",
    }


def test_keys_of_the_installation_sign_a_viewers_token(service: Service, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o700)
    tokens = open_embedded_tokens(tmp_path / "keys", SystemClock())

    given = ["--as-tenant", "acme", "--keys-of", str(tmp_path), "--url", service.url]
    assert texts([*given, "chargers", "show"], "g") == ["gate-1"]

    signed = tokens.verify(service.asked[0][1])
    assert (signed.tenant_id, signed.role) == ("acme", Role.VIEWER)


@pytest.mark.parametrize(
    "given",
    [
        ["--token", "t", "--url", "http://127.0.0.1:9"],
        ["--token", "t", "--url", "no address"],
        ["--token", "t", "--url", "https://127.0.0.1:9", "--ca", "missing.pem"],
        ["--as-tenant", "acme", "--keys-of", "nowhere"],
        [],
    ],
)
def test_service_out_of_reach_or_no_token_offers_and_prints_nothing(
    given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert texts([*given, "chargers", "show"], "") == []
    assert capsys.readouterr() == ("", "")


def test_refusal_of_the_service_offers_nothing(service: Service) -> None:
    assert texts(["--token", "t", "--url", service.url, "depots", "show"], "") == []


def test_contexts_that_cannot_be_read_leave_the_rest(service: Service) -> None:
    saved_contexts.place().parent.mkdir()
    saved_contexts.place().write_text("{")

    assert texts(["--token", "t", "--url", service.url, "chargers", "show"], "g") == ["gate-1"]


def test_variables_are_those_of_the_global_options() -> None:
    import typer.main

    from access_policy.entrypoints.cli.root import app

    root = typer.main.get_command(app)
    variables = {each.opts[0]: each.envvar for each in root.params if getattr(each, "envvar", None)}

    assert VARIABLES.items() <= variables.items()
    assert all(read()[""].named(name) for name in VARIABLES)


def test_contexts_are_stored_where_typer_stores_files_of_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    assert saved_contexts.place().parent == Path(typer.get_app_dir("access-policy"))
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert saved_contexts.place().parent == Path(typer.get_app_dir("access-policy"))
    monkeypatch.setattr(sys, "platform", "darwin")
    assert saved_contexts.place().parent == Path(typer.get_app_dir("access-policy"))
