"""The command line and the whole API over in-memory stores, in one process. The clock stands still at `NOON`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import typer.testing
from typer.testing import CliRunner, Result

from access_policy.application.ports.identity import Role
from access_policy.entrypoints.cli.root import app
from tests.support.http_api import HttpApi, Requests, http_api
from tests.support.threadless_loop import ThreadlessLoop

# The runner would derive all commands from their signatures again at each call, which takes longer than most commands.
typer.testing._get_command = cache(typer.testing._get_command)


class ToTheApp(httpx.BaseTransport):
    """Connects the synchronous command line to the asynchronous application, and keeps the requests."""

    def __init__(self, runner: asyncio.Runner, api: HttpApi) -> None:
        self.api = api
        self.asked: list[httpx.Request] = []
        self._runner = runner
        self._transport = httpx.ASGITransport(app=api.app, raise_app_exceptions=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self._runner.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        answered = await self._transport.handle_async_request(
            httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
        )
        content = await answered.aread()  # unpacked
        headers = [each for each in answered.headers.multi_items() if each[0] != "content-encoding"]
        return httpx.Response(answered.status_code, headers=headers, content=content)


class Cli:
    """Runs commands with this token and, unless `yes` is set to False, without prompts; each must end with `status`."""

    def __init__(self, transport: httpx.BaseTransport, token: str = "t") -> None:
        self.transport = transport
        self.environment = {"ACCESS_POLICY_URL": "http://api", "ACCESS_POLICY_TOKEN": token, "COLUMNS": "200"}
        self.charset = "utf-8"
        self.yes = True

    def __call__(self, *arguments: str, status: int = 0, stdin: str | None = None) -> Result:
        result = CliRunner(charset=self.charset).invoke(
            app, ("--yes", *arguments) if self.yes else arguments, input=stdin, env=self.environment, obj=self.transport
        )
        assert result.exit_code == status, f"{result.output}\n{result.exception!r}"
        return result

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json").stdout)


@contextmanager
def cli_in_memory(directory: Path, role: Role = Role.ADMIN, *, given: Requests = ()) -> Iterator[tuple[Cli, ToTheApp]]:
    with asyncio.Runner(loop_factory=ThreadlessLoop) as runner:
        opened = http_api(directory, given=given)
        api = runner.run(opened.__aenter__())
        transport = ToTheApp(runner, api)
        yield Cli(transport, api.token(role)), transport
        runner.run(opened.__aexit__(None, None, None))
