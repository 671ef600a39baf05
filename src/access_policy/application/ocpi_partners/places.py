"""The places that a partner may book, and their ids on the wire."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ocpi_partners.requested_bookings import RequestedBooking
from access_policy.domain.ids import ChargerId, DepotId, ReservationGroupId
from access_policy.domain.ocpi_partners.errors import LocationUnknown
from access_policy.domain.ocpi_partners.partner import BookablePlaces, OcpiPartner
from access_policy.domain.reservations.reservation import Place
from access_policy.domain.reservations.terms import ReservationTerms

OCPI_ID_MAX: Final = 36  # characters (OCPI, CiString(36))


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingPlace:
    """A charger, or a group of chargers, of a depot. `id` is the id of the booking location, `location_id` that of the
    depot. `terms` are those of the partner's bookings there."""

    id: str
    location_id: str
    depot_id: DepotId
    charger_id: ChargerId | None = None
    group_id: ReservationGroupId | None = None
    terms: ReservationTerms

    @property
    def place(self) -> Place:
        return Place(charger_id=self.charger_id, group_id=self.group_id)


@dataclass(frozen=True, slots=True)
class BookingPlaces:
    view: DecisionView

    def of(self, partner: OcpiPartner) -> list[BookingPlace]:
        """Return the places in a fixed order: by depot, its groups before its chargers, without retired chargers."""
        in_service: defaultdict[DepotId, list[ChargerId]] = defaultdict(list)
        for view in self.view.chargers_of(partner.tenant_id):
            if view.policy.retired_at is None:
                in_service[view.policy.settings.depot_id].append(view.policy.charger_id)
        return [
            place
            for bookable in partner.settings.bookable
            for place in self._at(partner, bookable, sorted(in_service[bookable.depot_id]))
        ]

    def wanted(self, partner: OcpiPartner, requested: RequestedBooking) -> BookingPlace:
        """Return the place that the request names: by its booking location, by its charger (EVSE), or the only place of
        its location. Raises `LocationUnknown`."""
        here = [each for each in self.of(partner) if _same(each.location_id, requested.location_id)]
        if requested.booking_location_id is not None:
            found = [each for each in here if _same(each.id, requested.booking_location_id)]
        elif requested.evse_uid is not None:
            found = [each for each in here if each.charger_id and _same(ocpi_id(each.charger_id), requested.evse_uid)]
        else:
            found = here
        if not found:
            raise LocationUnknown("You may not book this place, or it does not exist; read booking_locations.")
        if len(found) > 1:
            raise LocationUnknown("The location has several places; name one in booking_location_id.")
        return found[0]

    def find(self, partner: OcpiPartner, booking_location_id: str) -> BookingPlace:
        """Return the place. Raises `LocationUnknown`."""
        found = next((each for each in self.of(partner) if _same(each.id, booking_location_id)), None)
        if found is None:
            raise LocationUnknown("You may not book this place, or it does not exist; read booking_locations.")
        return found

    def _at(
        self, partner: OcpiPartner, bookable: BookablePlaces, in_service: Sequence[ChargerId]
    ) -> Iterator[BookingPlace]:
        tenant_id, depot_id = partner.tenant_id, bookable.depot_id
        depot = self.view.depot(tenant_id, depot_id)
        if depot is None:
            return
        book = self.view.book(tenant_id, depot_id)
        terms, groups = partner.settings.terms or book.settings.terms, book.groups
        for group_id in sorted(groups) if bookable.are_all else bookable.group_ids:
            if group_id in groups:
                yield BookingPlace(
                    id=booking_location_id(depot_id, "group", group_id),
                    location_id=ocpi_id(depot_id),
                    depot_id=depot_id,
                    group_id=group_id,
                    terms=terms,
                )
        for charger_id in in_service:
            if not bookable.are_all and charger_id not in bookable.charger_ids:
                continue
            yield BookingPlace(
                id=booking_location_id(depot_id, "charger", charger_id),
                location_id=ocpi_id(depot_id),
                depot_id=depot_id,
                charger_id=charger_id,
                terms=terms,
            )


def ocpi_id(own_id: str) -> str:
    """Return the id itself if OCPI can express it, otherwise a fingerprint of it."""
    fits = len(own_id) <= OCPI_ID_MAX and own_id.isascii() and own_id.isprintable()
    return own_id if fits else hashlib.sha256(own_id.encode()).hexdigest()[:OCPI_ID_MAX]


def booking_location_id(depot_id: DepotId, kind: str, place_id: str) -> str:
    """Return an id that is unique among all depots, because two depots may use the same id for a charger or a group."""
    return f"{kind}-{hashlib.sha256(f'{depot_id}/{kind}/{place_id}'.encode()).hexdigest()[:20]}"


def _same(one: str, other: str) -> bool:
    """Compare without regard to case, as OCPI does."""
    return one.casefold() == other.casefold()
