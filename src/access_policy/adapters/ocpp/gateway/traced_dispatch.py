"""A span for each CALL of a charger, from its frame to the answer. The handler's events belong to its trace."""

from __future__ import annotations

from collections.abc import Awaitable

from access_policy.adapters.ocpp.transport.answers import Answer, Answering, Later
from access_policy.adapters.ocpp.transport.connection import ChargerConnection, Dispatch
from access_policy.adapters.ocpp.transport.framing import Call
from access_policy.application.ports.traces import Span, SpanKind, Traces
from access_policy.application.trace_context import within_trace


def traced_dispatch(dispatch: Dispatch, traces: Traces, charger_id: str) -> Dispatch:
    def traced(connection: ChargerConnection, call: Call) -> Answering:
        span = traces.begin(
            call.action,
            SpanKind.SERVER,
            {
                "rpc.system": "ocpp",
                "rpc.service": connection.version.subprotocol,
                "rpc.method": call.action,
                "messaging.message.id": call.message_id,
                "access_policy.charger_id": charger_id,
            },
            parent=None,
        )
        with within_trace(span.traceparent):
            try:
                answer = dispatch(connection, call)
            except Exception as failure:
                span.end(failure)
                raise
            if isinstance(answer, dict):
                span.end()
                return answer
            if isinstance(answer, Later):
                answer.future.add_done_callback(
                    lambda future: span.end(None if future.cancelled() else future.exception())
                )
                return answer
            return _awaited(answer, span)

    return traced


async def _awaited(answer: Awaitable[Answer], span: Span) -> Answer:
    with within_trace(span.traceparent):
        try:
            answered = await answer
        except BaseException as failure:
            span.end(failure)
            raise
    span.end()
    return answered
