"""Amazon EventBridge (PutEvents) as the event bus.

PutEvents can answer status 200 and still fail single entries. A transient failure (`InternalFailure`, throttling) is retried;
an invalid entry is refused; a fault of the installation (permissions, a missing bus) stops publishing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.aws.clients import AWS_TROUBLE, AwsClient, code_of
from access_policy.application.ports.event_bus import (
    ACCEPTED,
    BusUnavailable,
    Entry,
    PublishResult,
    PublishStatus,
    check_size,
)

PASSING: Final = frozenset(
    {
        "InternalFailure",
        "InternalException",
        "ServiceUnavailable",
        "ThrottlingException",
        "Throttling",
        "LimitExceededException",
    }
)
OF_THE_ENTRY: Final = frozenset(
    {"InvalidArgument", "MalformedDetail", "RedactionFailure", "NotAuthorizedForDetailTypeException"}
)
OF_THE_REQUEST: Final = frozenset({"ValidationException", "SerializationException", "RequestEntityTooLarge"})


class EventBridgeBus:
    """Implements `EventBus`. `address` is `eventbridge://BUS?region=…&endpoint_url=…`."""

    def __init__(self, address: AwsAddress) -> None:
        self._address = address
        self._client = AwsClient("events", self._address)

    async def publish(self, entries: Sequence[Entry]) -> list[PublishResult]:
        check_size(entries)
        try:
            client = await self._client.get()
            answer = await client.put_events(Entries=[self._as_put(entry) for entry in entries])
        except AWS_TROUBLE as error:
            code = code_of(error)
            if code not in OF_THE_REQUEST:
                raise BusUnavailable(f"EventBridge bus {self._address.name}: {error}") from error
            if len(entries) > 1:  # one entry is invalid, and the response does not say which
                return [outcome for entry in entries for outcome in await self.publish([entry])]
            return [PublishResult(PublishStatus.REFUSED, str(error))]
        results = answer["Entries"]
        if len(results) != len(entries):
            raise BusUnavailable(f"EventBridge answered for {len(results)} of {len(entries)} entries")
        return [self._outcome(result) for result in results]

    async def close(self) -> None:
        await self._client.close()

    def _as_put(self, entry: Entry) -> dict[str, Any]:
        return {
            "Time": entry.time,
            "Source": entry.source,
            "DetailType": entry.detail_type,
            "Detail": entry.detail,
            "EventBusName": self._address.name,
            "Resources": list(entry.resources),
            **({} if entry.traceparent is None else {"TraceHeader": _trace_header(entry.traceparent)}),
        }

    def _outcome(self, result: Mapping[str, Any]) -> PublishResult:
        code = result.get("ErrorCode")
        if not code:
            return ACCEPTED
        reason = f"{code}: {result.get('ErrorMessage', '')}"
        if code in OF_THE_ENTRY:
            return PublishResult(PublishStatus.REFUSED, reason)
        if code in PASSING:
            return PublishResult(PublishStatus.NOT_NOW, reason)
        raise BusUnavailable(f"EventBridge bus {self._address.name}: {reason}")


def _trace_header(traceparent: str) -> str:
    """Convert the trace to the form of AWS X-Ray, the only one that PutEvents accepts (X-Ray developer guide, "Tracing
    header").
    """
    _, trace_id, span_id, flags = traceparent.split("-")
    return f"Root=1-{trace_id[:8]}-{trace_id[8:]};Parent={span_id};Sampled={int(flags, 16) & 1}"
