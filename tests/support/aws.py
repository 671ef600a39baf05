"""Amazon's interfaces on this machine (moto), and a stub in front of them that fails, delays and takes parts of a batch."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from moto.server import ThreadedMotoServer

from access_policy.adapters.aws.clients import new_session

REGION = "eu-central-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_EC2_METADATA_DISABLED": "true"}
WITHOUT = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")


@contextmanager
def moto_server() -> Iterator[str]:
    """Its URL. Its log of each request would fill the report of a test that fails."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@asynccontextmanager
async def client(service: str, url: str) -> AsyncIterator[Any]:
    async with new_session().create_client(service, region_name=REGION, endpoint_url=url, verify=False) as opened:
        yield opened


# An answer instead of the service's, or None to go on.
Refusal = tuple[int, dict[str, Any]]
Entry = dict[str, Any]


@dataclass
class Stub:
    """In front of `target`. `refuse` answers in its place; of PutEvents, `entry_error` takes entries out of the batch and
    answers an error for them. An `answer_lost` is cut after the service did its work, others are passed on as `edited`. What
    was put and taken is in `taken`."""

    target: str
    url: str = ""
    refuse: Callable[[str], Refusal | None] = lambda action: None
    entry_error: Callable[[Entry], str | None] = lambda entry: None
    answer_lost: Callable[[str], bool] = lambda action: False
    edited: Callable[[str, bytes], bytes] = lambda action, answer: answer
    delay_s: float = 0.0
    taken: list[Entry] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    batches: list[int] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        action = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        self.calls[action] += 1
        body = await request.read()
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if (refusal := self.refuse(action)) is not None:
            self.calls["refused"] += 1
            status, error = refusal
            return web.json_response(error, status=status, headers={"x-amzn-errortype": error["__type"]})
        if action == "PutEvents":
            return await self._put_events(request, json.loads(body))
        status, headers, answer = await self._forward(request, body)
        if self.answer_lost(action):
            return self._cut(request)
        return web.Response(status=status, headers=headers, body=self.edited(action, answer))

    async def _put_events(self, request: web.Request, asked: dict[str, Any]) -> web.StreamResponse:
        entries = asked["Entries"]
        self.batches.append(len(entries))
        errors = [self.entry_error(entry) for entry in entries]
        passed = [entry for entry, error in zip(entries, errors, strict=True) if error is None]
        results = iter(())
        status, headers = 200, {"Content-Type": "application/x-amz-json-1.1"}
        if passed:
            status, headers, answer = await self._forward(request, json.dumps({"Entries": passed}).encode())
            if status != 200:
                return web.Response(status=status, headers=headers, body=answer)
            results = iter(json.loads(answer)["Entries"])
        merged = []
        for entry, error in zip(entries, errors, strict=True):
            if error is not None:
                self.calls["entry failed"] += 1
                merged.append({"ErrorCode": error, "ErrorMessage": "the stub says so"})
                continue
            result = next(results)
            if "ErrorCode" not in result:
                self.taken.append(entry)
            merged.append(result)
        if self.answer_lost("PutEvents"):
            return self._cut(request)
        failed = sum("ErrorCode" in result for result in merged)
        return web.Response(
            status=status, headers=headers, text=json.dumps({"FailedEntryCount": failed, "Entries": merged})
        )

    def _cut(self, request: web.Request) -> web.StreamResponse:
        self.calls["answer lost"] += 1
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def _forward(self, request: web.Request, body: bytes) -> tuple[int, dict[str, str], bytes]:
        headers = {name: value for name, value in request.headers.items() if name not in ("Host", "Content-Length")}
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(request.method, self.target + request.path_qs, data=body, headers=headers) as answer,
        ):
            return answer.status, {"Content-Type": answer.content_type}, await answer.read()


@asynccontextmanager
async def stub(target: str) -> AsyncIterator[Stub]:
    made = Stub(target)
    app = web.Application(client_max_size=4 * 1024 * 1024)
    app.router.add_route("*", "/{tail:.*}", made.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
    try:
        yield made
    finally:
        await runner.cleanup()
