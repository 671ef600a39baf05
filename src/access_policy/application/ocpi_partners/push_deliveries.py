"""The deliveries of bookings to OCPI partners."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from access_policy.application.ocpi_partners.pushes import PushTarget
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.ocpi import OcpiBookings, OcpiPartners
from access_policy.application.ports.webhooks import WebhookKey

log = logging.getLogger(__name__)

BOOKINGS_KEPT = timedelta(days=7)  # after the end of the window, as the book keeps a reservation


@dataclass(frozen=True, slots=True)
class OcpiPushTargets:
    """Lists the partners that receive pushes, and deletes old records of their bookings. All methods raise
    `StoreUnavailable`."""

    partners: OcpiPartners
    bookings: OcpiBookings
    clock: Clock

    async def connected(self) -> dict[WebhookKey, PushTarget]:
        found = [PushTarget(each) for each in await self.partners.all() if each.receives_pushes]
        return {each.key: each for each in found}

    async def forget_old(self) -> None:
        if gone := await self.bookings.forget_ended(before=self.clock.now() - BOOKINGS_KEPT):
            log.info("deleted the records of %d bookings a week after their end", gone)
