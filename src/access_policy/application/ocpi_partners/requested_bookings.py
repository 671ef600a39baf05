"""A partner's booking request in the terms of this service."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from access_policy.domain.identifiers import Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedBooking:
    """`location_id`, `booking_location_id` and `evse_uid` are OCPI ids. `identifiers` admit the holder, and may be
    empty. `cancelled_because` is set if the request cancels the booking. `body` is the request as JSON with the names
    of edition 1.1."""

    request_id: str
    message_id: str
    location_id: str
    booking_location_id: str | None = None
    evse_uid: str | None = None
    start: datetime
    end: datetime
    identifiers: tuple[Identifier, ...] = ()
    cancelled_because: str | None = None
    body: str = field(repr=False)
