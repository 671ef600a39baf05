"""The free windows of bookable places, computed in slices on the event loop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from access_policy.application.decision_view.view import DecisionView
from access_policy.application.event_loop import cooperatively
from access_policy.application.ocpi_partners.places import BookingPlace
from access_policy.domain.ids import TenantId
from access_policy.domain.reservations.availability import Window, spans_of, windows_of

SPANS_AT_A_TIME: Final = 50


@dataclass(frozen=True, slots=True)
class Calendars:
    view: DecisionView

    def horizon(self, tenant_id: TenantId, place: BookingPlace) -> timedelta:
        """Return how far ahead of now a calendar reaches."""
        return timedelta(days=self.view.book(tenant_id, place.depot_id).settings.horizon_days)

    async def windows(self, tenant_id: TenantId, place: BookingPlace, start: datetime, end: datetime) -> list[Window]:
        """Return the windows within `[start, end)` that could be promised under the place's terms; none for an empty span."""
        if end <= start:
            return []
        book = self.view.book(tenant_id, place.depot_id)
        spans = spans_of(book, place.place, start - place.terms.early_start, end + place.terms.late_stop, now=start)
        found = [each async for each in cooperatively(spans, at_a_time=SPANS_AT_A_TIME)]
        return windows_of(found, place.terms, start, end)
