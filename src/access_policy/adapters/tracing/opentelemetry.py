"""The port `Traces` by OpenTelemetry's SDK: spans are exported in batches by a thread, over OTLP/HTTP."""

from __future__ import annotations

import asyncio
import ssl
from datetime import datetime
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from requests import Response, Session
from requests.adapters import DEFAULT_POOLSIZE, HTTPAdapter

from access_policy import __version__
from access_policy.adapters.outgoing.trust import Trust
from access_policy.application.ports.traces import Attributes, SpanKind

_KINDS: Final = {
    SpanKind.SERVER: trace.SpanKind.SERVER,
    SpanKind.INTERNAL: trace.SpanKind.INTERNAL,
    SpanKind.PRODUCER: trace.SpanKind.PRODUCER,
    SpanKind.CONSUMER: trace.SpanKind.CONSUMER,
}
_PROPAGATOR: Final = TraceContextTextMapPropagator()
_SPANS_PATH: Final = "/v1/traces"  # OTLP/HTTP, "OTLP/HTTP Request"


class OpenTelemetryTraces:
    """Implements `Traces`. The fraction `ratio` of new traces is recorded; a trace that a caller began is recorded if the
    caller records it.
    """

    def __init__(self, processor: SpanProcessor, *, instance: str, ratio: float) -> None:
        resource = Resource.create(
            {
                "service.name": "access-policy",
                "service.version": __version__,
                "service.instance.id": instance or "access-policy",
            }
        )
        self._provider = TracerProvider(resource=resource, sampler=ParentBased(TraceIdRatioBased(ratio)))
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("access_policy", __version__)

    def begin(
        self,
        name: str,
        kind: SpanKind,
        attributes: Attributes,
        *,
        parent: str | None,
        began_at: datetime | None = None,
    ) -> OpenTelemetrySpan:
        context = Context() if parent is None else _PROPAGATOR.extract({"traceparent": parent}, context=Context())
        start = None if began_at is None else int(began_at.timestamp() * 1_000_000_000)
        return OpenTelemetrySpan(
            self._tracer.start_span(name, context, _KINDS[kind], attributes=dict(attributes), start_time=start)
        )

    async def close(self) -> None:
        await asyncio.to_thread(self._provider.shutdown)


class OpenTelemetrySpan:
    """Implements `Span`."""

    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    @property
    def traceparent(self) -> str:
        context = self._span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"

    def end(self, failure: BaseException | None = None, attributes: Attributes | None = None) -> None:
        if attributes:
            self._span.set_attributes(dict(attributes))
        if failure is not None:
            self._span.set_attribute("error.type", type(failure).__qualname__)
            self._span.set_status(trace.StatusCode.ERROR, type(failure).__name__)
        self._span.end()


class TrustingAdapter(HTTPAdapter):
    """Connections of `requests` that trust the authorities of this service. Only the exporter's thread uses it."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._context: ssl.SSLContext | None = None
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        self._context = self._trust.current()
        super().init_poolmanager(*arguments, **options, ssl_context=self._context)

    def send(self, *arguments: Any, **options: Any) -> Response:
        if self._trust.current() is not self._context:
            self.poolmanager.clear()
            self.init_poolmanager(DEFAULT_POOLSIZE, DEFAULT_POOLSIZE)
        return super().send(*arguments, **options)


def exporting_traces(endpoint: str, *, instance: str, ratio: float, trust: Trust) -> OpenTelemetryTraces:
    """Return traces exported to an OTLP/HTTP endpoint, such as `http://collector:4318`. While the endpoint is down, spans are
    dropped.
    """
    session = Session()
    session.mount("https://", TrustingAdapter(trust))
    exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + _SPANS_PATH, session=session)
    return OpenTelemetryTraces(BatchSpanProcessor(exporter), instance=instance, ratio=ratio)
