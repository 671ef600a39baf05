"""A stored event as an entry for the bus: `detail` is the common envelope around the event's data."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any, Final
from urllib.parse import quote

from access_policy.application.ports.event_bus import BYTES_MAX, Entry
from access_policy.application.ports.event_store import Recorded, StreamId
from access_policy.application.published_events.mapping import public_data
from access_policy.application.streams import aggregate_of

SOURCE: Final = "betterfleet.access-policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """`version` counts the events of the aggregate from 1. It orders the published events of one aggregate, with gaps
    for unpublished events."""

    type: str
    id: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """`event_id` is the deduplication key, `event_version` the version of `data`. `data` is null if the event exceeds
    the bus's limit: then read the current state at `href` of the HTTP API."""

    event_id: str
    event_version: int
    tenant_id: str
    occurred_at: datetime
    recorded_at: datetime
    aggregate: Aggregate
    correlation_id: str
    causation_id: str | None
    href: str
    data: Any


def entry_of(recorded: Recorded) -> Entry:
    """Return the entry of an event of `mapping.TYPES`. An entry over the size limit keeps everything except its data.
    Raises `ValueError` if that is still too large."""
    data, envelope = public_data(recorded.event), recorded.envelope
    kind, aggregate_id = aggregate_of(recorded.stream)
    detail = Detail(
        event_id=envelope.event_id,
        event_version=data.VERSION,
        tenant_id=envelope.tenant_id,
        occurred_at=envelope.occurred_at,
        recorded_at=envelope.recorded_at,
        aggregate=Aggregate(type=kind, id=aggregate_id, version=recorded.version),
        correlation_id=envelope.correlation_id,
        causation_id=envelope.causation_id,
        href=_href(recorded.stream, data),
        data=data,
    )
    entry = Entry(
        event_id=detail.event_id,
        source=SOURCE,
        detail_type=type(data).__name__,
        time=envelope.occurred_at,
        detail=as_json(detail),
        traceparent=envelope.traceparent,
    )
    if entry.size >= BYTES_MAX:
        entry = replace(entry, detail=as_json(replace(detail, data=None)))
    if entry.size >= BYTES_MAX:
        raise ValueError(f"{entry.detail_type} has {entry.size} bytes without its data")
    return entry


def as_json(value: Any) -> str:
    """Return a dataclass as JSON: instants in UTC with `Z`, dates and local times in ISO 8601."""
    return json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date() | time():
            return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    raise TypeError(f"{type(value).__qualname__} is not a published type")


def _href(stream: StreamId, data: Any) -> str:
    """Return the path at which the event's subject can be read."""
    kind, aggregate_id = aggregate_of(stream)
    match kind:
        case "access_attempt" | "pin_lockout":
            return f"/v1/access-events/{quote(aggregate_id, safe='')}"
        case "charger_access_policy" | "charger_condition":
            return f"/v1/chargers/{quote(aggregate_id, safe='')}"
        case "charger_notice":
            return f"/v1/chargers/{quote(data.charger_id, safe='')}"
        case "depot_digest":
            return f"/v1/depots/{quote(data.depot_id, safe='')}"
        case "reservation_book":
            reservation_id = getattr(data, "reservation", data).reservation_id
            return f"/v1/reservations/{quote(reservation_id, safe='')}"
        case "site_energy":
            return f"/v1/depots/{quote(aggregate_id, safe='')}/energy"
    if (vehicle_id := getattr(data, "vehicle_id", None)) is not None:
        return f"/v1/vehicles/{quote(vehicle_id, safe='')}"
    agreement_id = getattr(getattr(data, "agreement", data), "agreement_id", None)
    if agreement_id is not None:
        return f"/v1/agreements/{quote(agreement_id, safe='')}"
    return f"/v1/registry/imports/{quote(data.plan_id, safe='')}"
