"""Audit entries of reservations: the changes that people make, under the depot."""

from __future__ import annotations

from typing import Any

from access_policy.application.projections.audit_entry import Entry, whole
from access_policy.application.projections.audit_words import Words, in_words, values_of
from access_policy.domain.reservations import events as reservations
from access_policy.domain.reservations.reservation import Reservation


def of_reservation(event: Any) -> Entry:
    """Return the entry under the depot of the book. It contains neither a value nor a masked form of a holder's
    identifier."""
    match event:
        case reservations.ReservationGroupPut(group=group):
            return whole("depot", event.depot_id, f"reservation group {group.group_id}", values_of(group))
        case reservations.ReservationSettingsPut(settings=settings):
            words = {**values_of(settings, without=("terms",)), **values_of(settings.terms)}
            return whole("depot", event.depot_id, "settings of reservations", words)
        case reservations.ReservationCancelled(reservation_id=reservation_id, reason=reason):
            return whole("depot", event.depot_id, f"reservation {reservation_id}", {"cancelled because": reason})
        case _:
            return _of_promise(event.depot_id, event.reservation)


def _of_promise(depot_id: str, reservation: Reservation) -> Entry:
    holder = [each.ref.kind.value for each in reservation.holder.identifiers]
    withheld = [each.ref.kind.value for each in reservation.holder.withheld]
    promised: Words = {
        **values_of(reservation.place),
        **values_of(reservation, without=("holder", "place", "terms", "request", "assignment")),
        "vehicle": reservation.holder.vehicle_id,
        "identifiers": in_words(tuple(holder)),
        **({"withheld": in_words(tuple(withheld))} if withheld else {}),
        **values_of(reservation.terms),
        **({} if reservation.assignment is None else values_of(reservation.assignment)),
    }
    return whole("depot", depot_id, f"reservation {reservation.reservation_id}", promised)
