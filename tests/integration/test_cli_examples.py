"""Every example of the help, run against a service, on a depot that has what it names."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio

from access_policy.entrypoints.cli.examples import EXAMPLES, lines_of
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.support.certificates import TestAuthority
from tests.support.cli_example_outputs import OUTPUTS
from tests.support.cli_examples import PREPARED, READING, STRANGER, Ids, Prepare, Yard, yard
from tests.support.command_line import interrupted
from tests.support.process import free_port
from tests.support.webhook_receiver import WebhookReceiver, webhook_receiver

SERVE: Final = lines_of("serve")
BY_MAKE: Final = "demo-once"  # takes a minute: `make test` runs it beside the tests
LINES: Final = [(path, line) for path in EXAMPLES if path not in ("serve", BY_MAKE) for line in lines_of(path)]
STATUSES: Final = {
    "access-policy chargers show bay-1 --as-of 'yesterday 18:00'": (1,),  # the depot of a test is from today
    "access-policy doctor --data /var/lib/access-policy": (0, 1),  # 1: something must be done on this machine
}
ENDLESS: Final = ("watch", "attempts follow")  # until Ctrl-C, and then with status 130


@dataclass
class Serving:
    """The service of the file, and the yards of the examples that only read: one for each way to prepare a yard."""

    service: Service
    hook: WebhookReceiver
    directory: Path
    closing: AsyncExitStack
    shared: dict[Prepare | None, tuple[Yard, Ids]] = field(default_factory=dict)

    async def prepared(self, path: str, tenant: str, place: Path, closing: AsyncExitStack) -> tuple[Yard, Ids]:
        made, ids = await yard(self.service, tenant, place, self.hook, closing)
        ids |= _places(path, made)
        if path in PREPARED:
            ids |= await PREPARED[path](made, ids)
        return made, ids

    async def to_read(self, path: str) -> tuple[Yard, Ids]:
        prepare = PREPARED.get(path)
        if prepare not in self.shared:
            tenant = f"r{len(self.shared)}"
            place = self.directory / tenant
            place.mkdir()
            self.shared[prepare] = await self.prepared(path, tenant, place, self.closing)
        made, ids = self.shared[prepare]
        return made, ids | _places(path, made)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def serving(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serving]:
    authority = TestAuthority(tmp_path_factory.mktemp("authority"))
    settings = Settings(
        data=tmp_path_factory.mktemp("data"),
        http="127.0.0.1:0",
        ocpp="127.0.0.1:0",
        drain_s=0.0,
        webhook_networks="127.0.0.0/8",
        ca_file=authority.certificate,
    )
    async with (
        webhook_receiver(authority.issue("receiver")) as hook,
        Service(settings).running() as service,
        AsyncExitStack() as closing,
    ):
        yield Serving(service, hook, tmp_path_factory.mktemp("shared"), closing)


def test_each_command_that_is_run_has_an_expected_output() -> None:
    assert set(OUTPUTS) == {path for path, _ in LINES}


def test_each_command_that_shares_a_yard_is_run() -> None:
    assert set(OUTPUTS) >= READING


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(("path", "line"), LINES)
async def test_example_of_the_help_runs_and_prints_its_result(
    path: str, line: str, serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with AsyncExitStack() as closing:
        if path in READING:
            _refuse_to_change(monkeypatch)
            made, ids = await serving.to_read(path)
        else:
            made, ids = await serving.prepared(path, f"t{LINES.index((path, line))}", tmp_path, closing)
        words = [ids.get(word, word) for word in shlex.split(line.partition(" < ")[0])[1:]]
        if path in ENDLESS:
            status, printed = await _interrupted(path, words, made)
        else:
            stdin = {"login": made.token, "tenant erase": made.tenant}.get(path, "")
            status, printed = await asyncio.to_thread(made.run, *words, stdin=stdin)

    assert status in STATUSES.get(line, (0,)), printed
    assert re.search(OUTPUTS[path], printed), printed


@pytest.mark.parametrize("line", SERVE)
def test_example_that_runs_the_service_serves_until_it_is_interrupted(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [str(tmp_path / "data") if word.startswith("/var") else word for word in shlex.split(line)[1:]]
    http, ocpp = free_port(), free_port()
    environment = {
        "ACCESS_POLICY_HTTP": f"127.0.0.1:{http}",
        "ACCESS_POLICY_OCPP": f"127.0.0.1:{ocpp}",
        "ACCESS_POLICY_DRAIN_S": "0.1",
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
    }

    ran = interrupted(*words, environment=environment, says=rf"127\.0\.0\.1:{http}", timeout_s=300)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr


def test_example_that_takes_a_minute_is_run_by_make_test() -> None:
    makefile = Path("Makefile").read_text("utf-8")
    recipes = dict(re.findall(r"^([a-z-]+):[^\n]*\n((?:\t.*\n)+)", makefile, re.MULTILINE))

    assert [line.strip() for line in recipes[BY_MAKE].splitlines()] == [f"$(BIN)/{each}" for each in lines_of(BY_MAKE)]
    assert BY_MAKE in recipes["test"].split()


def _refuse_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a command send nothing but GET: other examples read the same yard."""
    send = httpx.Client.send

    def only_get(client: httpx.Client, request: httpx.Request, **how: Any) -> httpx.Response:
        assert request.method == "GET", f"{request.method} {request.url}"
        return send(client, request, **how)

    monkeypatch.setattr(httpx.Client, "send", only_get)


def _places(path: str, made: Yard) -> dict[str, str]:
    """Addresses, directories and tenants of this test for those of the examples."""
    places = {
        "/var/lib/access-policy": str(made.data),
        "/backups/2026-11-20": str(made.place / "backup"),
        "/exports/acme": str(made.place / "export"),
        "https://charging.example": made.environment["ACCESS_POLICY_URL"],
        "https://hooks.example/denials": made.hook.url(),
    }
    if path == "tenants create":
        return {"acme": f"acme-{made.tenant}"}
    return places | ({"acme": made.tenant} if path.startswith(("tenant", "token", "login-link")) else {})


async def _interrupted(path: str, words: list[str], made: Yard) -> tuple[int, str]:
    """Run a command without an end until it has printed what is expected, while a stranger comes again and again."""
    running = asyncio.create_task(
        asyncio.to_thread(interrupted, *words, environment=made.environment, says=OUTPUTS[path])
    )
    while not running.done():
        await made.send("POST", "/access-decisions", {"charger_id": "bay-1", "identifier": STRANGER})
        await asyncio.wait([running], timeout=0.5)
    ran = await running
    return ran.returncode - 130, ran.stdout + ran.stderr
