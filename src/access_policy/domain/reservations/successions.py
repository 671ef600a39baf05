"""The history of a block of work: which reservation replaced which."""

from __future__ import annotations

from access_policy.domain.ids import ReservationId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.entry import Entry


def succession_of(book: ReservationBook, reservation_id: ReservationId) -> list[Entry]:
    """Return the reservations that it replaced, directly or indirectly, then the reservation, then those that replaced it.
    Reservations that the book has dropped are left out. Raises `ReservationUnknown`.
    """
    entry = book.entry(reservation_id)
    entries = book.entries.by_id
    before = {each.replaced_by: each for each in entries.values() if each.replaced_by is not None}
    chain = [entry]
    while (earlier := before.get(chain[0].reservation.reservation_id)) is not None:
        chain.insert(0, earlier)
    while (successor := chain[-1].replaced_by) is not None and successor in entries:
        chain.append(entries[successor])
    return chain
