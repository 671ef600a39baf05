"""Bookings follow the tokens that they name: a token that its partner declares invalid is withheld, and admits again
once it is valid.

The token is stored before the bookings are read, and a booking made at the same moment is recorded before its tokens
are read, so that at least one of the two sees the other. The regular review completes what a crash left undone.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from access_policy.application.commands import Done
from access_policy.application.commands.review_token import ReviewToken
from access_policy.application.context import SYSTEM, Context, new_id
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.errors import TooBusy
from access_policy.application.event_loop import cooperatively
from access_policy.application.ocpi_partners.driver_tokens import OcpiDriverTokens
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.partners import PartnerKey
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import DepotId
from access_policy.domain.ocpi_partners.partner import OcpiPartner
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.reservation import ReservationSource

log = logging.getLogger(__name__)

REVIEWED_EVERY_S: Final = 300.0
SIFTED_AT_A_TIME: Final = 500

Handle = Callable[[Context, Any], Awaitable[Done]]
_Named = dict[tuple[PartnerKey, DepotId], dict[IdentifierRef, set[bool]]]


@dataclass(frozen=True, slots=True)
class TokenReviews:
    """All methods raise `StoreUnavailable` or `TooBusy`; repeating them is harmless."""

    tokens: OcpiDriverTokens
    review: Handle
    view: DecisionView
    clock: Clock

    async def token(self, context: Context, partner: OcpiPartner, ref: IdentifierRef) -> int:
        """Update the partner's bookings at all depots to the stored state of the token. Returns the log position of the
        last change, or 0."""
        depots = {depot_id for (tenant_id, depot_id), _ in self.view.books() if tenant_id == partner.tenant_id}
        depots |= {each.depot_id for each in partner.settings.bookable}
        position, done = 0, None
        while (is_valid := (await self.tokens.known(partner.key, [ref])).get(ref, True)) is not done:
            for depot_id in sorted(depots):
                position = max(position, await self._at(context, partner.key, depot_id, ref, is_valid=is_valid))
            done = is_valid  # another push may have changed the token meanwhile
        return position

    async def booking(
        self,
        context: Context,
        partner: OcpiPartner,
        depot_id: DepotId,
        refs: Iterable[IdentifierRef],
        withheld: frozenset[IdentifierRef],
    ) -> int:
        """Update a booking, recorded with these tokens, of which some were withheld, to what has changed since."""
        position, invalid = 0, await self.tokens.invalid_among(partner.key, refs)
        for ref in invalid ^ withheld:
            done = await self._at(context, partner.key, depot_id, ref, is_valid=ref not in invalid)
            position = max(position, done)
        return position

    async def all(self) -> int:
        """Review every live booking made by OCPI. Returns the number of tokens that the bookings had not followed."""
        behind = 0
        for ((tenant_id, party), depot_id), named in (await self._named()).items():
            context = Context(tenant_id=tenant_id, actor=SYSTEM, correlation_id=new_id())
            known = await self.tokens.known((tenant_id, party), named)
            for ref, is_valid in known.items():
                if named[ref] != {is_valid}:
                    await self._at(context, (tenant_id, party), depot_id, ref, is_valid=is_valid)
                    behind += 1
        return behind

    async def run(self) -> None:
        """Review all until cancelled."""
        while True:
            try:
                if behind := await self.all():
                    log.info("bookings follow %d tokens that were pushed earlier", behind)
            except (StoreUnavailable, TooBusy) as trouble:
                log.warning("the tokens of bookings are reviewed later: %s", trouble)
            await asyncio.sleep(REVIEWED_EVERY_S)

    async def _at(
        self, context: Context, key: PartnerKey, depot_id: DepotId, ref: IdentifierRef, *, is_valid: bool
    ) -> int:
        command = ReviewToken(depot_id=depot_id, party=key[1], token=ref, is_valid=is_valid)
        return (await self.review(context, command)).position

    async def _named(self) -> _Named:
        """Return the tokens of live bookings, and whether they admit: in all bookings, in none, or in some."""
        now = self.clock.now()
        named: _Named = defaultdict(dict)
        for (tenant_id, depot_id), book in self.view.books():
            async for entry in cooperatively(list(book.entries.by_id.values()), at_a_time=SIFTED_AT_A_TIME):
                if entry.is_over(now) or (party := _party_of(entry)) is None:
                    continue
                found, holder = named[(tenant_id, party), depot_id], entry.reservation.holder
                for held in holder.named:
                    found.setdefault(held.ref, set()).add(held in holder.identifiers)
        return named


def _party_of(entry: Entry) -> str | None:
    booking = entry.reservation
    is_by_ocpi = booking.source is ReservationSource.OCPI and booking.request is not None
    return booking.request.party if is_by_ocpi and booking.request is not None else None
