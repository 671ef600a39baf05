"""Spans of distributed traces. Names and attributes follow OpenTelemetry's semantic conventions; `access_policy.…` are
the service's own. No attribute contains an identifier's value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol

Attributes = Mapping[str, str | int | bool]


class SpanKind(StrEnum):
    SERVER = "server"  # handles a request from outside
    INTERNAL = "internal"
    PRODUCER = "producer"  # publishes a message
    CONSUMER = "consumer"  # processes a recorded event


class Span(Protocol):
    @property
    def traceparent(self) -> str:
        """The span in the form of W3C Trace Context, for its children."""
        ...

    def end(self, failure: BaseException | None = None, attributes: Attributes | None = None) -> None:
        """End the span, as failed if `failure` is given. Called once; never raises and never waits."""
        ...


class Traces(Protocol):
    def begin(
        self,
        name: str,
        kind: SpanKind,
        attributes: Attributes,
        *,
        parent: str | None,
        began_at: datetime | None = None,
    ) -> Span:
        """Begin a span below `parent`, a `traceparent`; without a valid parent, begin a new trace."""
        ...

    async def close(self) -> None:
        """Export the remaining spans, within some seconds."""
        ...
