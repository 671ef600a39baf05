"""One attempt's trace, from the charger's frame to the bus, as an exporter receives it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from dependency_injector import providers
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from websockets.asyncio.client import connect

from access_policy.adapters.tracing.opentelemetry import OpenTelemetryTraces
from access_policy.application.commands.put_charger import PutCharger
from access_policy.application.commands.put_depot import PutDepot
from access_policy.application.context import Context
from access_policy.application.ports.identity import Role
from access_policy.application.ports.traces import SpanKind
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.depots.depot import DepotSettings
from access_policy.domain.ids import ActorId, ChargePointId, ChargerId, DepotId, TenantId
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from access_policy.settings_values import IN_PROCESS

CONTEXT = Context(tenant_id=TenantId("traced"), actor=ActorId("test"), correlation_id="test")
CARD = "04A1B2C3D4E5F6"
CALLERS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Traced:
    def __init__(self, service: Service, spans: InMemorySpanExporter, received: list[dict[str, Any]]) -> None:
        self.service = service
        self.received = received  # by the bus's subscriber
        self._spans = spans

    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._spans.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans() if span.name == name]


@asynccontextmanager
async def traced(directory: Path) -> AsyncIterator[Traced]:
    """The whole service in this process, with a depot, a charger and a subscriber of its bus."""
    exporter = InMemorySpanExporter()
    service = Service(Settings(data=directory, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0))
    traces = OpenTelemetryTraces(SimpleSpanProcessor(exporter), instance="test", ratio=1.0)
    service.container.stores.traces.override(providers.Object(traces))
    received: list[dict[str, Any]] = []

    async def receive(event: Any) -> None:
        received.append(event)

    started = asyncio.Event()

    async def ready(_: Service) -> None:
        started.set()

    running = asyncio.create_task(service.run(ready))
    try:
        async with asyncio.timeout(60):
            await started.wait()
        commands = service.container.commands
        await commands.put_depot()(
            CONTEXT, PutDepot(depot_id=DepotId("d"), settings=DepotSettings(name="D", time_zone="UTC"))
        )
        charger = PutCharger(
            charger_id=ChargerId("bay-1"),
            charge_point_id=ChargePointId("CP1"),
            depot_id=DepotId("d"),
            profile="ocpp16-central",
            baseline_mode=AccessMode.MANAGED,
        )
        await commands.put_charger()(CONTEXT, charger)
        await until(lambda: service.container.deciding.view().owner_of(ChargePointId("CP1")))
        service.container.publishing.bus().put_rule("all", {"source": [{"prefix": ""}]}, receive)
        yield Traced(service, exporter, received)
    finally:
        service.stop()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def authorized(traced: Traced) -> None:
    url = f"ws://127.0.0.1:{traced.service.ocpp_port}/ocpp/CP1"
    async with connect(url, subprotocols=["ocpp1.6"]) as ws:  # type: ignore[list-item]
        await ws.send(json.dumps([2, "boot", "BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"}]))
        await answer_to(ws, "boot")
        await ws.send(json.dumps([2, "ask-1", "Authorize", {"idTag": CARD}]))
        assert (await answer_to(ws, "ask-1"))[2] == {"idTagInfo": {"status": "Invalid"}}


async def answer_to(ws: Any, message_id: str) -> list[Any]:
    async with asyncio.timeout(60):
        while True:
            frame = json.loads(await ws.recv())
            if frame[0] == 2:
                await ws.send(json.dumps([4, frame[1], "NotSupported", "", {}]))
            elif frame[1] == message_id:
                return list(frame)


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not is_so():  # noqa: ASYNC110  spans end whenever their work does
            await asyncio.sleep(0.01)


async def test_one_attempt_is_one_trace_from_the_frame_to_the_bus(tmp_path: Path) -> None:
    async with traced(tmp_path) as it:
        await authorized(it)
        frame = it.named("Authorize")[0]
        trace = frame.context.trace_id if frame.context is not None else 0

        def of_the_attempt(name: str) -> list[ReadableSpan]:
            return [span for span in it.named(name) if span.context is not None and span.context.trace_id == trace]

        await until(lambda: of_the_attempt("process read models") and of_the_attempt(f"send {IN_PROCESS}"))
        spans = {
            name: of_the_attempt(name)[0] for name in ("decide", "record", "process read models", f"send {IN_PROCESS}")
        }

    assert frame.parent is None
    assert frame.attributes is not None
    assert frame.attributes["rpc.system"] == "ocpp"
    assert frame.attributes["rpc.method"] == "Authorize"
    assert frame.attributes["access_policy.charger_id"] == "bay-1"
    for span in spans.values():
        assert span.parent is not None
        assert frame.context is not None
        assert span.parent.span_id == frame.context.span_id
    decided = spans["decide"].attributes
    assert decided is not None
    assert (decided["access_policy.allowed"], decided["access_policy.reason"]) == (False, "unknown_identifier")


async def test_no_span_holds_the_identifier(tmp_path: Path) -> None:
    async with traced(tmp_path) as it:
        await authorized(it)
        await until(lambda: it.named("process read models"))
        assert not [span for span in it.spans() if CARD in span.to_json()]


async def test_request_continues_the_trace_of_its_caller_and_its_events_belong_to_it(tmp_path: Path) -> None:
    async with traced(tmp_path) as it:
        token = it.service.container.stores.tokens().issue(
            "traced", Role.ADMIN, subject="test", ttl=timedelta(minutes=5)
        )
        base = f"http://127.0.0.1:{it.service.http_port}"
        async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=60) as client:
            answer = await client.put(
                "/v1/depots/other",
                json={"name": "Other", "time_zone": "UTC"},
                headers={"Authorization": f"Bearer {token}", "traceparent": CALLERS},
            )
        assert answer.status_code in (200, 201)
        log = await it.service.container.stores.store().read_log(
            after=0, limit=1000, types=("depot.depot_registered.v1",)
        )
        await until(lambda: it.named("PUT"))
        (request,) = it.named("PUT")

    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == CALLERS.split("-")[2]
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == answer.status_code
    assert request.attributes["http.route"] == "/v1/depots/{depot_id}"
    assert [each.envelope.traceparent for each in log if each.stream.endswith("/other")] == [
        f"00-{CALLERS.split('-')[1]}-{request.context.span_id:016x}-01"  # type: ignore[union-attr]
    ]


async def test_service_without_an_endpoint_traces_nothing(tmp_path: Path) -> None:
    service = Service(Settings(data=tmp_path, http="127.0.0.1:0", ocpp="127.0.0.1:0"))

    assert service.container.stores.traces() is None


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_trace_of_a_caller_is_recorded_as_the_caller_decides(ratio: float) -> None:
    exporter = InMemorySpanExporter()
    traces = OpenTelemetryTraces(SimpleSpanProcessor(exporter), instance="", ratio=ratio)
    traces.begin("recorded", SpanKind.SERVER, {}, parent=CALLERS).end()
    traces.begin("not recorded", SpanKind.SERVER, {}, parent=CALLERS[:-2] + "00").end()
    traces.begin("own", SpanKind.SERVER, {}, parent=None).end(ValueError("no"))
    traces.begin("invalid", SpanKind.SERVER, {}, parent="00-nonsense").end()

    recorded = [span.name for span in exporter.get_finished_spans()]
    assert recorded == ["recorded", *(["own", "invalid"] if ratio else [])]
